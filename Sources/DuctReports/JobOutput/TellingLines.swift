/// The lines of a job's output that tell a person why the job failed, and the end of the output.
///
/// Lines with a sign of failure come first, wherever they are: what ended a program before what it called an
/// error, and that before hints. The rest of the space is for the last lines. Of consecutive lines that only
/// show progress, the last one is enough.
struct TellingLines: Sendable {
  enum Line: Sendable, Equatable, CustomStringConvertible {
    case text(String)
    /// The line above is there this many times in all.
    case repeated(Int)
    /// This many lines are not shown.
    case leftOut(Int)

    var description: String {
      switch self {
      case .text(let text): text
      case .repeated(let count): "… (the same line \(count) times)"
      case .leftOut(let count): "… (\(count) lines left out)"
      }
    }
  }

  /// - Parameters:
  ///   - bytes: the end of a file.
  ///   - isStartCut: the bytes begin in the middle of the file; the rest of the line there is dropped.
  ///   - most: the most lines to show.
  ///   - width: columns of the terminal; nil: any width that a person can read.
  /// - Returns: the lines in the order of the file; none if it has only blank lines.
  static func find(in bytes: [UInt8], isStartCut: Bool, most: Int, width: Int?) -> [Line] {
    guard most > 0 else { return [] }
    let start = isStartCut ? wholeLine(in: bytes) : 0
    var telling = TellingLines(FoldedText(PlayedText(bytes[start...])), most)
    telling.chooseFailures()
    telling.chooseEnd()
    // A line and the number of its repetitions are more than one.
    return Array(telling.lines(width: width).prefix(most))
  }

  private let text: FoldedText
  private let failures: Failures
  private let most: Int
  private var selection: LineSelection

  private init(_ text: FoldedText, _ most: Int) {
    self.text = text
    self.most = most
    failures = Failures(text)
    selection = LineSelection(text)
  }

  /// Where the first line begins of which all that can be seen is there: behind the first line end or
  /// carriage return. 0 if there is none.
  private static func wholeLine(in bytes: [UInt8]) -> Int {
    guard let end = bytes.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else { return 0 }
    let isPair = bytes[end] == 0x0D && end + 1 < bytes.count && bytes[end + 1] == 0x0A
    return end + (isPair ? 2 : 1)
  }

  // MARK: Failures

  private mutating func chooseFailures() {
    // The end of the output gets a part of the space in any case, if there is space for both.
    let limit = most < 4 ? most : most - max(most / 4, 2)
    let causes = failures.ranked(.cause, in: text)
    choose(causes.lasts, limit: failures.traceback == nil ? limit : max(limit / 3, 1))
    if let traceback = failures.traceback { choose(traceback, limit: limit) }
    // If the end is among the lines already, they may take all the space.
    let isEndChosen = text.runs.lastIndex { !$0.isBlank }.map { selection.has($0) } ?? false
    let errors = failures.ranked(.error, in: text)
    choose(causes.lasts + errors.lasts, limit: isEndChosen ? most : limit)
    let fewer = min(max(most / 2, 1), limit)
    let hints = failures.ranked(.hint, in: text)
    choose(causes.firsts + errors.firsts + hints.lasts, limit: fewer)
  }

  private mutating func choose(_ lines: [Failures.Line], limit: Int) {
    // A line that does not fit may be followed by one that does, because it is beside others.
    var misses = 0
    for line in lines where misses < 8 {
      let end = followingEnd(line)
      if selection.add(line.run..<end, limit: limit) { continue }
      if selection.add(CollectionOfOne(line.run), limit: limit) { continue }
      misses += 1
    }
  }

  /// The end of the runs that belong to a line. A blank line ends them.
  private func followingEnd(_ line: Failures.Line) -> Int {
    var end = line.run + 1
    while end < text.runs.count, end - line.run <= line.following, !text.runs[end].isBlank { end += 1 }
    return end
  }

  /// Chooses as much of the traceback as fits: its end with the exception, and its start.
  private mutating func choose(_ traceback: ClosedRange<Int>, limit: Int) {
    if selection.add(traceback, limit: limit) { return }
    let space = limit - selection.height
    let head = space < 4 ? 0 : space < 9 ? 1 : 3
    for length in stride(from: min(space, traceback.count), through: 1, by: -1) {
      let tail = traceback.upperBound - length + 1...traceback.upperBound
      if selection.add(Array(traceback.prefix(head)) + Array(tail), limit: limit) { return }
    }
    _ = selection.add(CollectionOfOne(traceback.upperBound), limit: most)
  }

  // MARK: The end of the output

  private mutating func chooseEnd() {
    var isProgressBelow = false
    for run in text.runs.indices.reversed() {
      let isProgress = isProgress(run)
      if isProgressBelow, isProgress || text.runs[run].isBlank, !selection.has(run) { continue }
      guard selection.add(CollectionOfOne(run), limit: most) else { return }
      isProgressBelow = isProgress
    }
  }

  private func isProgress(_ run: Int) -> Bool {
    !failures.has(run) && text.withLine(run, ProgressLine.matches)
  }

  // MARK: Lines

  private func lines(width: Int?) -> [Line] {
    selection.parts.flatMap { part -> [Line] in
      switch part {
      case .gap(let runs): return gap(runs)
      case .run(let run):
        let line = Line.text(lineText(run, width))
        let count = text.runs[run].count
        if count == 1 || text.runs[run].isBlank { return [line] }
        return count == 2 ? [line, line] : [line, .repeated(count)]
      }
    }
  }

  private func gap(_ runs: Range<Int>) -> [Line] {
    [.leftOut(text.runs[runs].reduce(0) { $0 + $1.count })]
  }

  private func lineText(_ run: Int, _ width: Int?) -> String {
    let sign = text.withLine(run, FailureSearch.find)?.range
    return LineCut.text(text.bytes[text.runs[run].range], sign: sign, width: width)
  }
}
