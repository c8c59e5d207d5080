internal import SystemCalls

/// Output that waits in memory for its file, oldest first, up to a bound.
struct Backlog {
  static let limit = 16 << 20
  private static let part = 256 << 10

  private(set) var bytes: [UInt8] = []
  private var lost = 0
  var nextTry = MonotonicInstant.now

  /// Adds output. What is over the bound is let go at the old end.
  ///
  /// - Returns: how many bytes were let go.
  mutating func add(_ more: ArraySlice<UInt8>) -> Int {
    bytes.append(contentsOf: more)
    guard bytes.count > Self.limit else { return 0 }
    // Half of it at once, so that a long outage does not move the array for every few bytes.
    let excess = bytes.count - Self.limit / 2
    bytes.removeFirst(excess)
    lost += excess
    return excess
  }

  /// What to write next: a mark where output was let go, then the output.
  var next: ArraySlice<UInt8>? {
    if lost > 0 { return ArraySlice(Array("\n[duct: \(lost) bytes of output lost here]\n".utf8)) }
    return bytes.isEmpty ? nil : bytes.prefix(Self.part)
  }

  /// `count` bytes of `next` have been written.
  mutating func drop(_ count: Int) {
    if lost > 0 { lost = 0 } else { bytes.removeFirst(count) }
  }
}
