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

  /// The oldest ones and what lies between them.
  struct Merged: Sendable, Equatable {
    var range: Range<Int>
    var shift: Int
    /// Bytes of the log file that it takes.
    var length: Int

    var shiftBehind: Int { shift + length - range.count }
  }

  var merged: Merged?
  var items: [Item] = []
  /// The end of the last one still moves.
  var lastIsOpen = false

  /// Those whose end is fixed. An empty one has no mark.
  var closed: [Item] { (lastIsOpen ? items.dropLast() : items[...]).filter { !$0.range.isEmpty } }
  var open: Item? { lastIsOpen ? items.last : nil }

  /// What the closed ranges before byte `offset` add to positions in the log file. Within `merged` it is not known.
  func shift(before offset: Int) -> Int {
    if let last = closed.last(where: { $0.range.lowerBound < offset }) { return last.shiftBehind }
    guard let merged else { return 0 }
    return merged.range.lowerBound < offset ? merged.shiftBehind : merged.shift
  }
}

extension RelayStatus {
  enum RangeList { case dropped, unreadable }

  private static let capacity = Int(DUCT_RELAY_RANGE_COUNT)

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
    // Whoever writes it merges ranges meanwhile: then it is read again. A damaged page is no reason to go on for ever.
    for _ in 0..<1000 {
      let merges = duct_load64_after(fieldPointer(list, \.merges))
      let merged = merges == 0 ? nil : mergedPointer(merges, list).pointee
      let first = merged?.first ?? 0
      let count = duct_load64_after(fieldPointer(list, \.count))
      var ranges = MarkedRanges()
      if let merged {
        let (start, end) = (Int(clamping: merged.start), Int(clamping: merged.end))
        ranges.merged = .init(
          range: start..<max(start, end), shift: Int(merged.shift), length: Int(clamping: merged.length))
      }
      if first < count, count - first <= UInt64(Self.capacity) {
        ranges.items = (first..<count).map { number in
          let item = itemPointer(number, list)
          let start = Int(clamping: duct_load64(fieldPointer(item, \.start)))
          let end = Int(clamping: duct_load64(fieldPointer(item, \.end)))
          return .init(range: start..<max(start, end), shift: Int(item.pointee.shift))
        }
      }
      if duct_load64_after(fieldPointer(list, \.merges)) == merges { return ranges }
    }
    return MarkedRanges()
  }

  // MARK: Writing

  /// Begins to drop. False if there is no room to remember it: all ranges are of bytes that are not proven yet.
  ///
  /// The caller then looks at what is claimed: see `claim`.
  func startDropping(_ range: Range<Int>, stream index: Int) -> Bool {
    makeRoom(.dropped, index)
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
    let known = ranges(.dropped, index).items
    guard known.count >= Self.capacity, let oldest = known.first else { return true }
    return isOver(oldest, index)
  }

  /// A store has lost these bytes. False if there is no room to remember it.
  ///
  /// Where a file is delivered once more, bytes can be lost that come before others: the ranges stay in order.
  func noteUnreadable(_ range: Range<Int>, stream index: Int) -> Bool {
    makeRoom(.unreadable, index)
    let known = ranges(.unreadable, index).items
    guard let last = known.last, range.lowerBound < last.range.upperBound else {
      return append(range, .unreadable, index)
    }
    let all = (known.map(\.range) + [range]).sorted { $0.lowerBound < $1.lowerBound }
    return rewrite(all, .unreadable, index, shift: known[0].shift)
  }

  /// Whether what is lost there would come before ranges that are merged, or have to be to make room.
  func comesBeforeMerged(_ byte: Int, stream index: Int) -> Bool {
    let known = ranges(.unreadable, index)
    if let merged = known.merged { return byte < merged.range.lowerBound }
    guard known.items.count >= Self.capacity, let oldest = known.items.first else { return false }
    return byte < oldest.range.lowerBound
  }

  /// Puts ranges in the place of those that are remembered.
  private func rewrite(_ ranges: [Range<Int>], _ which: RangeList, _ index: Int, shift: Int) -> Bool {
    guard ranges.count <= Self.capacity else { return false }
    let list = list(which, index)
    let first = firstNumber(list)
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
    guard number - firstNumber(list) < UInt64(Self.capacity) else { return false }
    let ranges = ranges(which, index)
    let item = itemPointer(number, list)
    put(UInt64(range.lowerBound), fieldPointer(item, \.start))
    put(UInt64(range.upperBound), fieldPointer(item, \.end))
    // An empty range has no mark.
    item.pointee.shift = Int64(
      ranges.items.last.map { $0.range.isEmpty ? $0.shift : $0.shiftBehind } ?? ranges.merged?.shiftBehind
        ?? 0)
    copyOut(fieldPointer(item, \.shift), 8)
    duct_store64_first(fieldPointer(list, \.count), number + 1)
    copyOut(fieldPointer(list, \.count), 8)
    return true
  }

  /// Its mark is proven to be in the log file, or its bytes and all before them are in no store any more: whoever
  /// writes the file once more can give nothing of them.
  private func isOver(_ item: MarkedRanges.Item, _ index: Int) -> Bool {
    item.range.upperBound <= max(proven(stream: index), released(stream: index))
  }

  /// Makes room where there is none: the oldest range is merged with those before it. Where the file is written once
  /// more, what lies between their ends cannot be told apart any more, and what lies behind keeps its place.
  private func makeRoom(_ which: RangeList, _ index: Int) {
    let list = list(which, index)
    let ranges = ranges(which, index)
    guard ranges.items.count >= Self.capacity, let oldest = ranges.items.first, isOver(oldest, index) else {
      return
    }
    release(upTo: oldest.range.upperBound, stream: index)
    let (start, shift) = (ranges.merged?.range.lowerBound ?? oldest.range.lowerBound, ranges.merged?.shift)
    let end = oldest.range.upperBound
    let behind = oldest.range.isEmpty ? oldest.shift : oldest.shiftBehind
    let merges = duct_load64(fieldPointer(list, \.merges)) + 1
    let merged = mergedPointer(merges, list)
    merged.pointee = duct_relay_merged(
      start: UInt64(start), end: UInt64(end), shift: Int64(shift ?? oldest.shift),
      length: UInt64(max(end + behind - start - (shift ?? oldest.shift), 0)), first: firstNumber(list) + 1)
    copyOut(merged, MemoryLayout<duct_relay_merged>.size)
    duct_store64_first(fieldPointer(list, \.merges), merges)
    copyOut(fieldPointer(list, \.merges), 8)
  }

  /// Whether the numbers of a list can be. See `isPlausible(stream:)`.
  func isPlausible(_ which: RangeList, stream index: Int) -> Bool {
    let list = list(which, index)
    let ranges = list.pointee
    var (first, end) = (UInt64(0), UInt64(0))
    if ranges.merges > 0 {
      let merged = mergedPointer(ranges.merges, list).pointee
      guard merged.start <= merged.end, merged.end <= UInt64(Self.mostBytes),
        merged.length <= UInt64(Self.mostBytes), merged.shift.magnitude <= UInt64(Self.mostBytes)
      else { return false }
      (first, end) = (merged.first, merged.end)
    }
    guard first <= ranges.count, ranges.count - first <= UInt64(Self.capacity) else { return false }
    for number in first..<ranges.count {
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

  /// The number of the oldest range that is remembered by itself.
  private func firstNumber(_ list: UnsafeMutablePointer<duct_relay_ranges>) -> UInt64 {
    let merges = duct_load64(fieldPointer(list, \.merges))
    return merges == 0 ? 0 : mergedPointer(merges, list).pointee.first
  }

  private func mergedPointer(
    _ merges: UInt64, _ list: UnsafeMutablePointer<duct_relay_ranges>
  ) -> UnsafeMutablePointer<duct_relay_merged> {
    let offset = MemoryLayout<duct_relay_ranges>.offset(of: \.merged) ?? 0
    return (UnsafeMutableRawPointer(list) + offset).assumingMemoryBound(to: duct_relay_merged.self)
      + Int(merges % 2)
  }

  private func itemPointer(
    _ number: UInt64, _ list: UnsafeMutablePointer<duct_relay_ranges>
  ) -> UnsafeMutablePointer<duct_relay_range> {
    let offset = MemoryLayout<duct_relay_ranges>.offset(of: \.items) ?? 0
    return (UnsafeMutableRawPointer(list) + offset).assumingMemoryBound(to: duct_relay_range.self)
      + Int(number % UInt64(Self.capacity))
  }
}
