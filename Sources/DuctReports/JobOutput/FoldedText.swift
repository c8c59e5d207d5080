/// The lines of a played text, with each run of identical lines taken as one.
struct FoldedText: Sendable {
  struct Run: Sendable {
    /// Where the line is in `bytes`.
    var range: Range<Int>
    /// How many times it is there.
    var count: Int

    var isBlank: Bool { range.isEmpty }
    /// How many lines show the run: the line, and once more or the number of times.
    var height: Int { count == 1 || isBlank ? 1 : 2 }
  }

  let bytes: [UInt8]
  private(set) var runs: [Run] = []

  init(_ text: PlayedText) {
    bytes = text.bytes
    for line in 0..<text.count {
      let range = text.range(line)
      if let last = runs.last?.range, last.count == range.count, bytes[last].elementsEqual(bytes[range]) {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(Run(range: range, count: 1))
      }
    }
  }

  /// Calls `body` with the bytes of a run's line.
  func withLine<Value>(_ run: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
    bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[runs[run].range])) }
  }
}
