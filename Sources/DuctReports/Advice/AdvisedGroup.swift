internal import SlurmJobs

/// The jobs of one group, as the rules of advice look at them.
struct AdvisedGroup {
  let members: JobGroups.Members
  let jobs: JobRows

  /// `the 40 jobs named prep`, `the 40 tasks of 118`.
  var words: String {
    let count = rows.reduce(0) { $0 + $1.count }
    return switch members.kind {
    case .name: count == 1 ? "the job named \(members.key)" : "the \(count.grouped) jobs named \(members.key)"
    case .array: count == 1 ? "the task of \(members.key)" : "the \(count.grouped) tasks of \(members.key)"
    case .script: "the \(number(count, "job")) of \(members.key)"
    case .partition: "the \(number(count, "job")) in \(members.key)"
    case .node: "the \(number(count, "job")) on \(members.key)"
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
