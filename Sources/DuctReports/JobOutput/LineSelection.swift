/// The runs of a text that shall be shown, and how many lines it takes to show them.
///
/// Between two runs that are not neighbors there is one line for what is left out.
struct LineSelection {
  private let text: FoldedText
  private var isChosen: [Bool]
  private var first: Int?
  private var last: Int?
  /// The number of lines, with those for what is left out.
  private(set) var height = 0

  init(_ text: FoldedText) {
    self.text = text
    isChosen = Array(repeating: false, count: text.runs.count)
  }

  /// Whether a run is among them.
  func has(_ run: Int) -> Bool { isChosen[run] }

  /// Adds runs, unless there would then be more than `limit` lines. One run fits in any case if it is the only
  /// one.
  ///
  /// - Returns: whether the runs are there.
  mutating func add(_ runs: some Sequence<Int>, limit: Int) -> Bool {
    let before = (first, last, height)
    var added: [Int] = []
    for run in runs where !isChosen[run] {
      add(run)
      added.append(run)
    }
    let isOnly = before.0 == nil && added.count == 1
    if height <= limit || added.isEmpty || isOnly { return true }
    for run in added { isChosen[run] = false }
    (first, last, height) = before
    return false
  }

  private mutating func add(_ run: Int) {
    height += text.runs[run].height
    if let first, let last {
      if run < first {
        height += run + 1 == first ? 0 : 1
      } else if run > last {
        height += run - 1 == last ? 0 : 1
      } else {
        // It divides what was left out, makes it smaller or completes it.
        height += 1 - (isChosen[run - 1] ? 1 : 0) - (isChosen[run + 1] ? 1 : 0)
      }
    }
    isChosen[run] = true
    first = min(first ?? run, run)
    last = max(last ?? run, run)
  }

  enum Part {
    case run(Int)
    /// Runs that are left out, between two that are shown.
    case gap(Range<Int>)
  }

  /// What is shown, in the order of the text. Blank lines at its ends and beside gaps are left out.
  var parts: [Part] {
    var parts: [Part] = []
    var end: Int?
    for run in isChosen.indices where isChosen[run] && !text.runs[run].isBlank {
      if let end, end < run {
        let gap = end..<run
        if gap.allSatisfy({ isChosen[$0] }) || gap.count == 1 && isShort(end) {
          parts += gap.map { .run($0) }
        } else {
          parts.append(.gap(gap))
        }
      }
      parts.append(.run(run))
      end = run + 1
    }
    return parts
  }

  /// Whether a run takes as little space as a mark in its place.
  private func isShort(_ run: Int) -> Bool { text.runs[run].height == 1 }
}
