internal import CSystemCalls
internal import SystemCalls

/// Ranges of a stream that a mark stands for in the log file, in order, as far as they are remembered.
struct MarkedRanges: Sendable {
  struct Item: Sendable, Equatable {
    var range: Range<Int>
    /// What the ranges before this one add to positions in the log file.
    var shift: Int

    var mark: [UInt8] { gapMark(range.count) }
    /// The same with this one.
    var shiftBehind: Int { shift + mark.count - range.count }
  }

  var items: [Item] = []
  /// The end of the last one still moves.
  var lastIsOpen = false

  /// Those whose end is fixed. An empty one has no mark.
  var closed: [Item] { (lastIsOpen ? items.dropLast() : items[...]).filter { !$0.range.isEmpty } }
  var open: Item? { lastIsOpen ? items.last : nil }

  /// What the closed ranges before byte `offset` add to positions in the log file.
  func shift(before offset: Int) -> Int {
    guard let first = items.first else { return 0 }
    return closed.last { $0.range.lowerBound < offset }?.shiftBehind ?? first.shift
  }
}

extension RelayStatus {
  enum RangeList { case dropped, unreadable }

  private static let capacity = UInt64(DUCT_RELAY_RANGE_COUNT)

  /// What was dropped for lack of space.
  func dropped(stream index: Int) -> MarkedRanges {
    // Whether it is open first: one that is closed meanwhile is read as open, and looked at again.
    let isOpen = isDropping(stream: index)
    var ranges = ranges(.dropped, index)
    ranges.lastIsOpen = isOpen && !ranges.items.isEmpty
    return ranges
  }

  /// What a store has lost, as delivery found at the end.
  func unreadable(stream index: Int) -> MarkedRanges { ranges(.unreadable, index) }

  /// Whether bytes are being dropped now: the end of the last range still moves.
  func isDropping(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.is_dropping)) != 0
  }

  /// How many ranges there have been, and are closed.
  public func closedRangeCount(stream index: Int) -> Int {
    let count = duct_load64(fieldPointer(list(.dropped, index), \.count))
    return Int(clamping: count) - (isDropping(stream: index) ? 1 : 0)
  }

  private func ranges(_ which: RangeList, _ index: Int) -> MarkedRanges {
    let list = list(which, index)
    let first = duct_load64(fieldPointer(list, \.first))
    let count = duct_load64_after(fieldPointer(list, \.count))
    guard first < count, count - first <= Self.capacity else { return MarkedRanges() }
    let items = (first..<count).map { number -> (UInt64, MarkedRanges.Item) in
      let item = itemPointer(number, list)
      let start = Int(clamping: duct_load64(fieldPointer(item, \.start)))
      let end = Int(clamping: duct_load64(fieldPointer(item, \.end)))
      return (number, .init(range: start..<max(start, end), shift: Int(item.pointee.shift)))
    }
    // Those that were forgotten meanwhile may be others by now.
    let stillFirst = duct_load64_after(fieldPointer(list, \.first))
    return MarkedRanges(items: items.filter { $0.0 >= stillFirst }.map(\.1))
  }

  // MARK: Writing

  /// Begins to drop. False if there is no room to remember it: all ranges are of bytes that are not proven yet.
  ///
  /// The caller then looks at what is claimed: see `claim`.
  func beginDropping(_ range: Range<Int>, stream index: Int) -> Bool {
    forgetProven(.dropped, index)
    let stream = streamPointer(index)
    put(0 as UInt32, fieldPointer(stream, \.stop_dropping))
    // Open before it is there: it is never read as closed while its end moves.
    put(1 as UInt32, fieldPointer(stream, \.is_dropping))
    if append(range, .dropped, index) { return true }
    put(0 as UInt32, fieldPointer(stream, \.is_dropping))
    return false
  }

  func moveDropped(to range: Range<Int>, stream index: Int) {
    let list = list(.dropped, index)
    let count = duct_load64(fieldPointer(list, \.count))
    guard count > 0 else { return }
    let item = itemPointer(count - 1, list)
    put(UInt64(range.lowerBound), fieldPointer(item, \.start))
    duct_store64_first(fieldPointer(item, \.end), UInt64(range.upperBound))
    copyOut(fieldPointer(item, \.end), 8)
  }

  func extendDropped(to end: Int, stream index: Int) {
    guard let open = dropped(stream: index).open else { return }
    moveDropped(to: open.range.lowerBound..<max(end, open.range.upperBound), stream: index)
  }

  /// Fixes the end of what is being dropped.
  func stopDropping(stream index: Int) {
    put(0 as UInt32, fieldPointer(streamPointer(index), \.is_dropping))
    put(0 as UInt32, fieldPointer(streamPointer(index), \.stop_dropping))
    wakeAll()
  }

  /// Whether one more range can be remembered.
  func canBeginRange(stream index: Int) -> Bool {
    let list = list(.dropped, index)
    let first = duct_load64(fieldPointer(list, \.first))
    let count = duct_load64(fieldPointer(list, \.count))
    if count - first < Self.capacity { return true }
    guard let oldest = ranges(.dropped, index).items.first else { return false }
    return oldest.range.upperBound <= max(proven(stream: index), released(stream: index))
  }

  /// A store has lost these bytes. False if there is no room to remember it.
  ///
  /// Where a file is delivered once more, bytes can be lost that come before others: the ranges stay in order.
  func noteUnreadable(_ range: Range<Int>, stream index: Int) -> Bool {
    forgetProven(.unreadable, index)
    let known = ranges(.unreadable, index).items
    guard let last = known.last, range.lowerBound < last.range.upperBound else {
      return append(range, .unreadable, index)
    }
    let all = (known.map(\.range) + [range]).sorted { $0.lowerBound < $1.lowerBound }
    return rewrite(all, .unreadable, index, shift: known[0].shift)
  }

  /// Puts ranges in the place of those that are remembered.
  private func rewrite(_ ranges: [Range<Int>], _ which: RangeList, _ index: Int, shift: Int) -> Bool {
    guard ranges.count <= Self.capacity else { return false }
    let list = list(which, index)
    let first = duct_load64(fieldPointer(list, \.first))
    var shift = shift
    for (number, range) in ranges.enumerated() {
      let item = itemPointer(first + UInt64(number), list)
      put(UInt64(range.lowerBound), fieldPointer(item, \.start))
      put(UInt64(range.upperBound), fieldPointer(item, \.end))
      item.pointee.shift = Int64(shift)
      copyOut(fieldPointer(item, \.shift), 8)
      shift = MarkedRanges.Item(range: range, shift: shift).shiftBehind
    }
    put(first + UInt64(ranges.count), fieldPointer(list, \.count))
    return true
  }

  private func append(_ range: Range<Int>, _ which: RangeList, _ index: Int) -> Bool {
    let list = list(which, index)
    let number = duct_load64(fieldPointer(list, \.count))
    guard number - duct_load64(fieldPointer(list, \.first)) < Self.capacity else { return false }
    let last = ranges(which, index).items.last
    let item = itemPointer(number, list)
    put(UInt64(range.lowerBound), fieldPointer(item, \.start))
    put(UInt64(range.upperBound), fieldPointer(item, \.end))
    // An empty range has no mark.
    item.pointee.shift = Int64(last.map { $0.range.isEmpty ? $0.shift : $0.shiftBehind } ?? 0)
    copyOut(fieldPointer(item, \.shift), 8)
    duct_store64_first(fieldPointer(list, \.count), number + 1)
    copyOut(fieldPointer(list, \.count), 8)
    return true
  }

  /// Makes room: a range whose mark is proven to be in the log file is not needed any more, if nobody asks for
  /// what lies before it. The last one stays, for its shift.
  private func forgetProven(_ which: RangeList, _ index: Int) {
    let list = list(which, index)
    while true {
      let first = duct_load64(fieldPointer(list, \.first))
      let count = duct_load64(fieldPointer(list, \.count))
      guard count - first >= Self.capacity, let item = ranges(which, index).items.first,
        item.range.upperBound <= max(proven(stream: index), released(stream: index))
      else { return }
      release(upTo: item.range.upperBound, stream: index)
      put(first + 1, fieldPointer(list, \.first))
    }
  }

  /// Whether the numbers of a list can be. See `isPlausible(stream:)`.
  func isPlausible(_ which: RangeList, stream index: Int) -> Bool {
    let list = list(which, index)
    let ranges = list.pointee
    guard ranges.first <= ranges.count, ranges.count - ranges.first <= Self.capacity else { return false }
    var end: UInt64 = 0
    for number in ranges.first..<ranges.count {
      let item = itemPointer(number, list).pointee
      guard item.start >= end, item.end >= item.start, item.end <= UInt64(Self.mostBytes),
        item.shift.magnitude <= UInt64(Self.mostBytes)
      else { return false }
      end = item.end
    }
    return true
  }

  // MARK: Where they are

  private func list(_ which: RangeList, _ index: Int) -> UnsafeMutablePointer<duct_relay_ranges> {
    switch which {
    case .dropped: fieldPointer(streamPointer(index), \.dropped)
    case .unreadable: fieldPointer(streamPointer(index), \.unreadable)
    }
  }

  private func itemPointer(
    _ number: UInt64, _ list: UnsafeMutablePointer<duct_relay_ranges>
  ) -> UnsafeMutablePointer<duct_relay_range> {
    let offset = MemoryLayout<duct_relay_ranges>.offset(of: \.items) ?? 0
    return (UnsafeMutableRawPointer(list) + offset).assumingMemoryBound(to: duct_relay_range.self)
      + Int(number % Self.capacity)
  }
}
