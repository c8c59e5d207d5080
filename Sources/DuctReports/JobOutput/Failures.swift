/// The lines of a text that tell of a failure.
struct Failures: Sendable {
  struct Line: Sendable {
    var run: Int
    var weight: FailureSign.Weight
    /// How many of the runs below belong to it.
    var following: Int
  }

  /// In the order of the text, without the lines of whole tracebacks, except the last line of each.
  private(set) var lines: [Line] = []
  /// The last whole Python traceback: from its first line to its exception.
  private(set) var traceback: ClosedRange<Int>?

  init(_ text: FoldedText) {
    var run = 0
    while run < text.runs.count {
      defer { run += 1 }
      guard let found = text.withLine(run, FailureSearch.find) else { continue }
      guard found.weight == .traceback else {
        lines.append(Line(run: run, weight: found.weight, following: found.following))
        continue
      }
      guard let end = Traceback.end(in: text, from: run, column: found.range.lowerBound) else { continue }
      traceback = run...end
      run = end
      let following = text.withLine(end) { $0.last == UInt8(ascii: ":") } ? 1 : 0
      lines.append(Line(run: end, weight: .error, following: following))
    }
  }

  /// Whether a run is one of the lines.
  func has(_ run: Int) -> Bool {
    var low = 0
    var high = lines.count
    while low < high {
      let middle = (low + high) / 2
      if lines[middle].run < run { low = middle + 1 } else { high = middle }
    }
    return low < lines.count && lines[low].run == run
  }

  /// The lines of one weight, those first that shall be shown first.
  ///
  /// Of lines that differ only in numbers, `lasts` has the last one and `firsts` the first of several. The
  /// last line is followed by the first, which may be the reason for the others, and then the order is from
  /// the end.
  func ranked(_ weight: FailureSign.Weight, in text: FoldedText) -> (lasts: [Line], firsts: [Line]) {
    let lines = lines.filter { $0.weight == weight }
    let kinds = lines.map { text.withLine($0.run, Self.kind) }
    var seen: Set<UInt64> = []
    var lasts = lines.indices.reversed().filter { seen.insert(kinds[$0]).inserted }
    let chosen = Set(lasts)
    seen = []
    let firsts = lines.indices.filter { seen.insert(kinds[$0]).inserted && !chosen.contains($0) }
    if lasts.count > 2 { lasts.insert(lasts.removeLast(), at: 1) }
    return (lasts.map { lines[$0] }, firsts.map { lines[$0] })
  }

  /// A hash (FNV-1a) of a line's start without its digits.
  private static func kind(_ line: UnsafeBufferPointer<UInt8>) -> UInt64 {
    line.prefix(300).reduce(0xCBF2_9CE4_8422_2325) { hash, byte in
      byte.isDigit ? hash : (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
  }
}

/// Finds where a Python traceback ends.
enum Traceback {
  /// The run with the exception; nil if the traceback is not whole.
  ///
  /// - Parameters:
  ///   - start: the run with the traceback's first line.
  ///   - column: where that line's text begins. What is before it, such as a task's
  ///     number, may be on each line.
  static func end(in text: FoldedText, from start: Int, column: Int) -> Int? {
    var prefix = Array(text.bytes[text.runs[start].range].prefix(column))
    let group = Array("+ Exception Group ".utf8)
    if prefix.suffix(group.count) == group[...] { prefix = prefix.dropLast(group.count) + Array("| ".utf8) }
    var run = start + 1
    guard run < text.runs.count else { return nil }
    if !text.bytes[text.runs[run].range].starts(with: prefix) { prefix = [] }
    while run < text.runs.count {
      let line = text.bytes[text.runs[run].range]
      let rest = line.starts(with: prefix) ? line.dropFirst(prefix.count) : line
      guard let first = rest.first else { return nil }
      if first != 0x20, first != 0x09 {
        return rest.starts(with: FailureSign.tracebackStart.utf8) ? nil : run
      }
      run += 1
    }
    return nil
  }
}
