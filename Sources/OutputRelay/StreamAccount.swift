/// A snapshot of one stream: which bytes were written, claimed, proven and released, and which store holds them.
/// Makes no calls.
///
/// written >= claimed >= proven >= released. Bytes that are written and not released are held. Bytes that are
/// written and not proven wait. Limits count the bytes that wait. Proven bytes are kept only for repairs and are
/// released first.
struct StreamAccount: Sendable, Equatable {
  /// Block size of file systems, in bytes. Holes smaller than a block free no space.
  static let block = 4096

  var written = 0
  var claimed = 0
  var proven = 0
  var released = 0
  /// The first byte that another reader (the echo) still needs.
  var needed = Int.max
  /// The stream offset of the first byte in each store. Nil if the store holds nothing.
  var starts: [Int?] = [nil, nil, nil]
  var dropped: [Range<Int>] = []
  /// The pipe has ended: nothing is written or dropped any more.
  var hasEnded = false
  /// The page can remember one more dropped range.
  var canBeginRange = true

  init() {}

  init(_ status: RelayStatus, _ index: Int) {
    written = status[index].written
    hasEnded = status[index].hasEnded
    claimed = status.claimed(stream: index)
    proven = status.proven(stream: index)
    released = status.released(stream: index)
    needed = status.needed(stream: index)
    starts = (0..<OutputStores.count).map { status.start(of: $0, stream: index) }
    dropped = status.dropped(stream: index).items.map(\.range)
    canBeginRange = status.canBeginRange(stream: index)
  }

  /// The stream offsets that went into a store, including bytes that were released or dropped since.
  func range(of kind: OutputStores.Kind) -> Range<Int>? {
    guard let start = starts[kind.rawValue], start <= written else { return nil }
    let end = starts[(kind.rawValue + 1)...].compactMap { $0 }.min() ?? written
    return start..<max(start, end)
  }

  /// How many bytes a store holds at or after stream offset `first`.
  private func count(in kind: OutputStores.Kind, from first: Int) -> Int {
    guard let range = range(of: kind) else { return 0 }
    let part = max(range.lowerBound, min(first, range.upperBound))..<range.upperBound
    return part.count - dropped.reduce(0) { $0 + $1.clamped(to: part).count }
  }

  /// Bytes that a store holds.
  func held(in kind: OutputStores.Kind) -> Int { count(in: kind, from: released) }

  /// Bytes in a store that are not proven to be in the log file.
  func waiting(in kind: OutputStores.Kind) -> Int { count(in: kind, from: max(released, proven)) }

  /// Bytes of a store that the relay may drop: they are not claimed and lie behind the last dropped range.
  func droppable(in kind: OutputStores.Kind) -> Int {
    guard !hasEnded, let range = range(of: kind) else { return 0 }
    let first = max(range.lowerBound, released, proven, claimed, dropped.last?.upperBound ?? 0)
    return max(range.upperBound - first, 0)
  }

  /// The offset up to which to release so that a store holds `excess` bytes less. Nil if nothing can be released.
  ///
  /// - Parameter beyondReaders: also release what a slow echo has not yet shown. The log file has these bytes.
  func release(of excess: Int, in kind: OutputStores.Kind, beyondReaders: Bool) -> Int? {
    guard excess > 0, let range = range(of: kind) else { return nil }
    let first = max(range.lowerBound, released)
    let most = min(proven, range.upperBound, beyondReaders ? .max : needed)
    guard first < most else { return nil }
    // Dropped ranges free nothing, so they do not count.
    var (end, left) = (first, excess)
    for gap in dropped where gap.upperBound > end && gap.lowerBound < most {
      let step = min(left, max(gap.lowerBound - end, 0))
      end += step
      left -= step
      if left == 0 { break }
      end = gap.upperBound
    }
    end = min(end + left, most)
    return end > released ? end : nil
  }
}
