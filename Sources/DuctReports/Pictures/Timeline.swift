/// When the jobs waited and ran, and how they ended, with duct's own runs on top.
struct Timeline: Picture {
  let axis: TimeAxis
  /// In the order of their start.
  let runs: [RunSpan]
  /// Runs that are not shown, because they are too many.
  let runsLeftOut: Int
  /// In the order in which they begin.
  let jobs: [JobSpan]
  /// Jobs and array tasks by outcome.
  let counts: [JobOutcome: Int]
  /// Jobs of which no time is known.
  let unknown: Int

  /// The most jobs with a bar each. More are shown as bands.
  static let mostBars = 200
  static let mostRuns = 8

  /// Nil if no time of any job or run is known.
  init?(_ spans: [JobSpan], runs: [RunSpan]) {
    let known = spans.filter { $0.first != nil }
    let all = known.lazy.compactMap { span in span.first.map { $0...max($0, span.last ?? $0) } }
    guard let axis = TimeAxis(Array(all) + runs.map(\.time)) else { return nil }
    self.axis = axis
    // The longest runs are those that submit jobs.
    let longest = runs.sorted { Self.length($0) > Self.length($1) }.prefix(Self.mostRuns)
    self.runs = longest.sorted { $0.time.lowerBound < $1.time.lowerBound }
    runsLeftOut = runs.count - longest.count
    let order = known.indices.map { (first: known[$0].first ?? 0, start: Self.start(known[$0]), index: $0) }
      .sorted { ($0.first, $0.start, $0.index) < ($1.first, $1.start, $1.index) }
    jobs = order.map { known[$0.index] }
    counts = known.reduce(into: [:]) { $0[$1.outcome, default: 0] += $1.count }
    unknown = spans.reduce(0) { $0 + ($1.first == nil ? $1.count : 0) }
  }

  private static func length(_ run: RunSpan) -> Double { run.time.upperBound - run.time.lowerBound }

  private static func start(_ job: JobSpan) -> Double { job.running?.lowerBound ?? .infinity }

  var showsBars: Bool { jobs.count <= Self.mostBars }

  let name = "timeline"
  let title = "Timeline"

  var words: [String] {
    let total = counts.values.reduce(0, +)
    var words = ["\(number(total, "job")) from \(axis.words)."]
    let parts = JobOutcome.allCases.compactMap { outcome in
      counts[outcome].map { "\($0.grouped) \(outcome.word)" }
    }
    if total > 0 { words.append("Of them: " + parts.joined(separator: ", ") + ".") }
    let failures = jobs.filter(\.isFailure).compactMap(\.last)
    if let first = failures.min(), let last = failures.max() {
      words.append(
        failures.count == 1
          ? "The failure was at \(axis.moment(first))."
          : "The first failure was at \(axis.moment(first)), the last at \(axis.moment(last)).")
    }
    if unknown > 0 { words.append("Of \(number(unknown, "job")), no time is known.") }
    if runsLeftOut > 0 {
      words.append(
        "\(number(runsLeftOut, "shorter run")) of duct \(runsLeftOut == 1 ? "is" : "are") not drawn.")
    }
    return words
  }
}
