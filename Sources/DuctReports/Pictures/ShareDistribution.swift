internal import RecordText

/// How many jobs used which share of what they had asked for.
struct ShareDistribution: Picture {
  let name: String
  let title: String
  /// What is shared, in sentences: `the memory that it asked for`.
  private let asked: String
  /// Jobs and array tasks by share: ten steps of a tenth each, and those that used more than all.
  let counts: [Int]
  /// Jobs and array tasks of which it is not known.
  let unknown: Int
  /// Half of the jobs used less than this share.
  let median: Double?
  let largest: Double?

  static let steps = 10

  /// Nil if no share is known.
  ///
  /// - Parameter shares: 1 is all that was asked for; nil if not known; each with a number of jobs.
  init?(name: String, title: String, asked: String, _ shares: some Sequence<(share: Double?, count: Int)>) {
    self.name = name
    self.title = title
    self.asked = asked
    var counts = [Int](repeating: 0, count: Self.steps + 1)
    var unknown = 0
    var known: [Double] = []
    for (share, count) in shares {
      let count = min(max(count, 1), 100_000_000)
      guard let share, share.isFinite, share >= 0 else {
        unknown += count
        continue
      }
      known.append(share)
      counts[Self.step(share)] += count
    }
    if known.isEmpty { return nil }
    known.sort()
    self.counts = counts
    self.unknown = unknown
    median = (known[(known.count - 1) / 2] + known[known.count / 2]) / 2
    largest = known.last
  }

  /// All that was asked for is not more than that.
  private static func step(_ share: Double) -> Int {
    share > 1 ? steps : min(Int(saturating: share * Double(steps)), steps - 1)
  }

  /// `20–30 %`, and `> 100 %` for the last one.
  static func label(_ step: Int) -> String { step < steps ? "\(step * 10)–\(step * 10 + 10) %" : "> 100 %" }

  var words: [String] {
    let known = counts.reduce(0, +)
    var words: [String] = []
    if let median, let largest {
      words.append(
        known == 1
          ? "One job is known: it used \(percent(median)) of \(asked)."
          : "Half of \(number(known, "job")) used less than \(percent(median)) of \(asked), the largest \(percent(largest))."
      )
    }
    if let over = counts.last, over > 0 { words.append("\(over.grouped) used more than all of it.") }
    if unknown > 0 { words.append("Of \(number(unknown, "job")), it is not known.") }
    return words
  }
}
