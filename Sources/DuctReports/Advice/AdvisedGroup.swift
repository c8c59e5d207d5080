internal import SlurmJobs

/// The jobs of one name, array or node, as the rules of advice look at them.
struct AdvisedGroup {
  let members: JobGroups.Members
  let jobs: JobRows

  /// `the 40 jobs named prep`, `the 40 tasks of 118`.
  var words: String {
    let count = rows.reduce(0) { $0 + $1.count }
    func some(_ noun: String) -> String { count == 1 ? "the \(noun)" : "the \(number(count, noun))" }
    return switch members.kind {
    case .array: "\(some("task")) of \(members.label)"
    case .node: "\(some("job")) on \(members.label)"
    default: "\(some("job")) named \(members.label)"
    }
  }

  var rows: some Sequence<JobRow> { members.rows.lazy.map { jobs.rows[Int($0)] } }

  /// The values of the rows that have one.
  func values(_ value: (JobRow) -> Double?) -> UsualValues? {
    UsualValues(
      members.rows.compactMap { index in value(jobs.rows[Int(index)]).map { ($0, Int(index)) } })
  }

  /// The values of the jobs that ended well and were long enough to tell what such jobs need.
  func typicalValues(_ value: (JobRow) -> Double?) -> UsualValues? {
    values { row in
      row.state == .completed && Double(row.elapsedSeconds ?? 0) >= Threshold.longEnough ? value(row) : nil
    }
  }

  func id(_ row: Int) -> String { jobs.rows[row].id }

  /// Whether `some` are so few of the group's jobs that the others should not be changed for them.
  func isFew(_ some: UsualValues?) -> Bool {
    guard let some else { return false }
    return Double(some.count) <= Double(members.rows.count) * Threshold.mostOutliers
  }

  /// `31 of the jobs`.
  func words(_ some: UsualValues, _ did: String) -> String {
    members.rows.count == 1
      ? "it \(did)" : "\(some.count.grouped) of \(number(members.rows.count, "job")) \(did)"
  }

  /// `41_7 (05:10:00), 41_9 (04:02:11) and 3 more`.
  func names(_ outliers: [(value: Double, row: Int)], _ text: (Double) -> String) -> String {
    let most = 5
    let named = outliers.prefix(most).map { "\(id($0.row)) (\(text($0.value)))" }.joined(separator: ", ")
    return outliers.count > most ? "\(named) and \((outliers.count - most).grouped) more" : named
  }

  func advice(_ rule: ReportAdvice.Rule, figures: String, effect: String, line: String?) -> ReportAdvice {
    ReportAdvice(rule: rule, group: words, figures: figures, effect: effect, line: line)
  }
}
