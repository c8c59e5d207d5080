internal import CSystemCalls
internal import SystemCalls

/// Ranges of a stream that a mark replaces in the log file, in ascending order.
///
/// The page remembers a limited number of ranges. Older ones are merged into one (`merged`).
///
/// Example: bytes 100..<300 were dropped. The mark takes 46 bytes in the log file, so byte 300 is at position
/// 146, and `shiftBehind` is 46 - 200 = -154.
struct MarkedRanges: Sendable {
  struct Item: Sendable, Equatable {
    var range: Range<Int>
    /// Position in the log file minus stream offset at the start of this range, from the ranges before it.
    var shift: Int

    var mark: [UInt8] { gapMark(range.count) }
    /// The same at the end of this range.
    var shiftBehind: Int { shift + mark.count - range.count }
  }

  /// The oldest ranges and the bytes between them. Only the ends are known.
  struct Merged: Sendable, Equatable {
    var range: Range<Int>
    var shift: Int
    /// Bytes that they take in the log file.
    var length: Int

    var shiftBehind: Int { shift + length - range.count }
  }

  var merged: Merged?
  var items: [Item] = []
  /// The relay still drops bytes, so the end of the last range still moves.
  var lastIsOpen = false

  /// The ranges with a fixed end. An empty range has no mark and is left out.
  var closed: [Item] { (lastIsOpen ? items.dropLast() : items[...]).filter { !$0.range.isEmpty } }
  var open: Item? { lastIsOpen ? items.last : nil }

  /// Position in the log file minus stream offset, from the closed ranges before `offset`. For an offset inside
  /// `merged`, the exact value is not known; the result is the value at the end of `merged`.
  func shift(before offset: Int) -> Int {
    if let last = closed.last(where: { $0.range.lowerBound < offset }) { return last.shiftBehind }
    guard let merged else { return 0 }
    return merged.range.lowerBound < offset ? merged.shiftBehind : merged.shift
  }
}

extension RelayStatus {
  enum RangeList { case dropped, unreadable }

  private static let capacity = Int(DUCT_RELAY_RANGE_COUNT)

  /// The ranges that the relay dropped for lack of space.
  func dropped(stream index: Int) -> MarkedRanges {
    // Read the flag first. If the relay closes the range in between, the result still says open, and the caller
    // asks again later.
    let isOpen = isDropping(stream: index)
    var ranges = ranges(.dropped, index)
    ranges.lastIsOpen = isOpen && !ranges.items.isEmpty
    return ranges
  }

  /// The bytes that a store has lost, as the carrier found at the end of the run.
  func unreadable(stream index: Int) -> MarkedRanges { ranges(.unreadable, index) }

  /// Whether the relay is dropping bytes: the end of the last range still moves.
  func isDropping(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.is_dropping)) != 0
  }

  /// The number of dropped ranges that were closed since the start of the run.
  public func closedRangeCount(stream index: Int) -> Int {
    let count = duct_load64(fieldPointer(list(.dropped, index), \.count))
    return Int(clamping: count) - (isDropping(stream: index) ? 1 : 0)
  }

  private func ranges(_ which: RangeList, _ index: Int) -> MarkedRanges {
    let list = list(which, index)
    // If the writer of the list merges ranges during the read, read again. The number of tries is limited,
    // because a damaged page must not cause an endless loop.
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

  /// Begins to drop a range. False if the page cannot remember another range, because all its ranges hold bytes
  /// that are not yet proven.
  ///
  /// The caller then reads what is claimed, and moves the range behind that: see `claim`.
  func startDropping(_ range: Range<Int>, stream index: Int) -> Bool {
    makeRoom(.dropped, index)
    let stream = streamPointer(index)
    put(0 as UInt32, fieldPointer(stream, \.stop_dropping))
    // Set the flag before the range exists, so that no reader sees the range as closed while its end moves.
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

  /// Fixes the end of the range that is being dropped.
  func stopDropping(stream index: Int) {
    put(0 as UInt32, fieldPointer(streamPointer(index), \.is_dropping))
    put(0 as UInt32, fieldPointer(streamPointer(index), \.stop_dropping))
    wakeAll()
  }

  /// Whether the page can remember one more dropped range.
  func canBeginRange(stream index: Int) -> Bool {
    let known = ranges(.dropped, index).items
    guard known.count >= Self.capacity, let oldest = known.first else { return true }
    return isOver(oldest, index)
  }

  /// Records that a store has lost these bytes. False if the page cannot remember another range.
  ///
  /// If a file is delivered a second time, a new loss can lie before known ones. The list stays in ascending
  /// order.
  func noteUnreadable(_ range: Range<Int>, stream index: Int) -> Bool {
    makeRoom(.unreadable, index)
    let known = ranges(.unreadable, index).items
    guard let last = known.last, range.lowerBound < last.range.upperBound else {
      return append(range, .unreadable, index)
    }
    let all = (known.map(\.range) + [range]).sorted { $0.lowerBound < $1.lowerBound }
    return rewrite(all, .unreadable, index, shift: known[0].shift)
  }

  /// Whether a loss at `byte` lies before ranges that are merged, or that would have to be merged to make room.
  func comesBeforeMerged(_ byte: Int, stream index: Int) -> Bool {
    let known = ranges(.unreadable, index)
    if let merged = known.merged { return byte < merged.range.lowerBound }
    guard known.items.count >= Self.capacity, let oldest = known.items.first else { return false }
    return byte < oldest.range.lowerBound
  }

  /// Replaces all remembered ranges. `shift` is the shift of the first one.
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

  /// Whether the range can be merged. Either its mark is proven to be in the log file, or no store holds its
  /// bytes and those before it any longer. In both cases a second delivery of the file cannot write any of these
  /// bytes.
  private func isOver(_ item: MarkedRanges.Item, _ index: Int) -> Bool {
    item.range.upperBound <= max(proven(stream: index), released(stream: index))
  }

  /// Makes room if the list is full: merges the oldest range with those before it. If the file is written again,
  /// the marks inside the merged range cannot be told apart, but everything behind it keeps its position.
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

  /// Whether the numbers of a list are possible. See `isPlausible(stream:)`.
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

  // MARK: Addresses of the fields

  private func list(_ which: RangeList, _ index: Int) -> UnsafeMutablePointer<duct_relay_ranges> {
    switch which {
    case .dropped: fieldPointer(streamPointer(index), \.dropped)
    case .unreadable: fieldPointer(streamPointer(index), \.unreadable)
    }
  }

  /// The number of the oldest range that is not merged.
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
