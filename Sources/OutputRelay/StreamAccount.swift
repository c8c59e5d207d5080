/// The bytes of one stream at a moment: which were written, claimed, proven and released, and which store holds
/// them. Calls nothing.
///
/// written >= claimed >= proven >= released. What is held is written and not released; what waits is written
/// and not proven. Limits count what waits; what is proven is only kept for repairs, and goes first.
struct StreamAccount: Sendable, Equatable {
  /// Of a file system: less is not given back.
  static let block = 4096

  var written = 0
  var claimed = 0
  var proven = 0
  var released = 0
  /// Another reader is at this byte.
  var needed = Int.max
  /// The first byte of each store, nil where it holds none.
  var starts: [Int?] = [nil, nil, nil]
  var dropped: [Range<Int>] = []
  /// Nothing comes any more, and nothing is dropped.
  var hasEnded = false
  /// One more range can be remembered.
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

  /// The bytes of the stream that lie in a store, or lay there.
  func range(of kind: OutputStores.Kind) -> Range<Int>? {
    guard let start = starts[kind.rawValue], start <= written else { return nil }
    let end = starts[(kind.rawValue + 1)...].compactMap { $0 }.min() ?? written
    return start..<max(start, end)
  }

  /// How many bytes a store holds from byte `first` on.
  private func count(in kind: OutputStores.Kind, from first: Int) -> Int {
    guard let range = range(of: kind) else { return 0 }
    let part = max(range.lowerBound, min(first, range.upperBound))..<range.upperBound
    return part.count - dropped.reduce(0) { $0 + $1.clamped(to: part).count }
  }

  /// Bytes that a store holds.
  func held(in kind: OutputStores.Kind) -> Int { count(in: kind, from: released) }

  /// Those of them that are not proven to be in the log file.
  func waiting(in kind: OutputStores.Kind) -> Int { count(in: kind, from: max(released, proven)) }

  /// Bytes of a store that can be dropped: delivery has not begun with them, and they have no mark before them.
  func droppable(in kind: OutputStores.Kind) -> Int {
    guard !hasEnded, let range = range(of: kind) else { return 0 }
    let first = max(range.lowerBound, released, proven, claimed, dropped.last?.upperBound ?? 0)
    return max(range.upperBound - first, 0)
  }

  /// How far can be released so that a store holds `excess` bytes less; nil if nothing can.
  ///
  /// - Parameter beyondReaders: also what a slow reader of duct's own output has not seen. It is in the log.
  func release(of excess: Int, in kind: OutputStores.Kind, beyondReaders: Bool) -> Int? {
    guard excess > 0, let range = range(of: kind) else { return nil }
    let first = max(range.lowerBound, released)
    let most = min(proven, range.upperBound, beyondReaders ? .max : needed)
    guard first < most else { return nil }
    // Ranges that were dropped give nothing back.
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
