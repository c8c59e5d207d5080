internal import DuctRecords
internal import RecordText

/// A row of `con-duct ls`: a run, or the runs of all tasks of a step.
struct ListedRun: Sendable {
  /// Of several tasks, the smallest value counts.
  private static let earliest: Set = ["start_time"]
  /// Of several tasks, the sum counts. Of other numbers it is the largest.
  private static let sums: Set = ["cpu_seconds", "num_samples", "num_reports"]

  /// In the order of the tasks' ranks. At least one.
  let runs: [RecordedRun]
  /// The record of the step itself, if srun's prolog has let duct note it.
  var step: RecordedRun?

  /// Rows with one for all tasks of a step, and one for all its nodes. Each is where the first of its runs was.
  static func folded(_ runs: [RecordedRun]) -> [ListedRun] {
    var rows: [Int: ListedRun] = [:]
    var isFolded = Set<Int>()
    for step in StepRuns.of(runs) {
      var own = step.own
      for places in [step.nodes, step.tasks] where places.count > 1 || (own != nil && !places.isEmpty) {
        let all = own.map { places + [$0] } ?? places
        rows[all.min() ?? 0] = ListedRun(runs: places.map { runs[$0] }, step: own.map { runs[$0] })
        isFolded.formUnion(all)
        own = nil
      }
    }
    return runs.indices.compactMap { place in
      rows[place] ?? (isFolded.contains(place) ? nil : ListedRun(runs: [runs[place]]))
    }
  }

  /// The field of the run. Of several, the value that stands for all of them.
  func field(_ name: String) -> JSONValue? {
    // The record of a node does not know what its tasks execute.
    if name == "command", let step, let command = step.field(name) { return command }
    guard runs.count > 1 else { return runs[0].field(name) }
    if name == "prefix" { return .string(prefix) }
    let values = runs.compactMap { $0.field(name) }
    guard let first = values.first else { return nil }
    if values.count == runs.count, values.allSatisfy({ $0 == first }) { return first }
    if let number = Self.number(name, values) { return number }
    return .string(words(values))
  }

  /// The number that stands for several. Nil if they are no numbers.
  private static func number(_ name: String, _ values: [JSONValue]) -> JSONValue? {
    let numbers = values.compactMap(\.double)
    guard !numbers.isEmpty, values.allSatisfy({ $0 == .null || $0.double != nil }) else { return nil }
    let value =
      sums.contains(name)
      ? numbers.reduce(0, +) : earliest.contains(name) ? numbers.min() ?? 0 : numbers.max() ?? 0
    let areWhole = values.allSatisfy { value in
      if case .number = value { false } else { true }
    }
    return areWhole ? Int64(exactly: value).map { .integer($0) } ?? .number(value) : .number(value)
  }

  /// Characters of words.
  private static let longestWords = 60

  /// `finished (62 of 64), running (2 of 64)`: the values, the most frequent ones first, as many as there is room for.
  private func words(_ values: [JSONValue]) -> String {
    var counts: [String: Int] = [:]
    for value in values { counts[value.plainText, default: 0] += 1 }
    let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.key) (\($0.value) of \(runs.count))" }
    var text = sorted[0]
    for part in sorted.dropFirst() {
      guard text.count + part.count < Self.longestWords else { return text + ", …" }
      text += ", " + part
    }
    return text
  }

  /// What all prefixes begin with.
  private var prefix: String {
    var common = runs[0].prefix[...]
    for run in runs.dropFirst() {
      let length = zip(common, run.prefix).prefix { $0 == $1 }.count
      common = common.prefix(length)
    }
    let isOfNodes = StepKey.rank(of: runs[0]) == nil
    return "\(common)* (\(runs.count) \(isOfNodes ? "nodes" : "tasks"))"
  }
}
