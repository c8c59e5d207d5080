internal import RecordText

/// What to do otherwise next time, with the figures that it is from.
struct ReportAdvice: WrittenRecord {
  enum Rule: String, Sendable, CaseIterable {
    case memory, time, cpus, bundle, exclude, outliers, orchestrator
  }

  var rule: Rule
  /// The jobs that it is about, in words: `the 40 jobs named prep`.
  var group: String
  /// What was measured, in words.
  var figures: String
  /// What following it does, in words.
  var effect: String
  /// A line to paste into the script, or options to add; nil if there is none.
  var line: String?

  mutating func list(_ members: inout RecordMembers) {
    members("rule", &rule)
    members("group", &group)
    members("figures", &figures)
    members("effect", &effect)
    members("line", &line)
  }
}
