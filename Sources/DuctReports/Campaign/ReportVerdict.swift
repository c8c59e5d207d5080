internal import RecordText
internal import SlurmJobs

/// The sentence that answers "did all run?".
struct ReportVerdict {
  private let rows: [JobRow]
  private let runs: [ReportRun]
  private let onlyStates: [String]?
  private let problem: String?

  init(_ rows: [JobRow], _ runs: [ReportRun], onlyStates: [String]?, problem: String?) {
    self.rows = rows
    self.runs = runs
    self.onlyStates = onlyStates
    self.problem = problem
  }

  var text: String { jobs + (failedRuns.map { " " + $0 } ?? "") }

  private var jobs: String {
    let count = rows.reduce(0) { $0 + $1.count }
    if let onlyStates {
      return
        "\(number(count, "job")) \(count == 1 ? "is" : "are") in the states \(onlyStates.joined(separator: ", "))."
    }
    if count == 0 {
      return problem == nil
        ? "No Slurm jobs are known." : "It is not known which Slurm jobs there are: Slurm did not answer."
    }
    let failed = self.count(\.hasFailed)
    let stuck = self.count { $0.standing == .attention && $0.state.isActive }
    let active = self.count { $0.standing == .active }
    let stale = self.count { $0.stale && $0.state.isActive }
    if stale > 0 {
      return
        "Not known: of \(number(count, "job")), \(stale.grouped) had not ended when last seen\(failures(failed))."
    }
    if active > 0 {
      let ended = count - active - stuck
      return "Not yet: \(ended.grouped) of \(number(count, "job")) \(ended == 1 ? "has" : "have") ended"
        + failures(failed) + activity(stuck) + "."
    }
    if failed == 0, stuck == 0 {
      let own = self.count { $0.standing == .cancelledByRun }
      let rest = own > 0 ? "; the run itself cancelled \(own.grouped)" : ""
      return count - own == 1
        ? "Yes: the job ended well\(rest)." : "Yes: all \(number(count - own, "job")) ended well\(rest)."
    }
    if failed == 0 {
      return "No: \(number(stuck, "job")) of \(count.grouped) \(stuck == 1 ? "does" : "do") not start."
    }
    return "No: \(failed.grouped) of \(number(count, "job")) did not end well (\(states))"
      + (stuck > 0 ? ", and \(stuck.grouped) \(stuck == 1 ? "does" : "do") not start" : "") + "."
  }

  private func failures(_ failed: Int) -> String {
    failed == 0 ? "" : ", \(failed.grouped) of them not well (\(states))"
  }

  /// What the jobs do that have not ended.
  private func activity(_ stuck: Int) -> String {
    let active = rows.filter { $0.standing == .active }
    let waiting = active.reduce(0) { $0 + ($1.state == .pending ? $1.count : 0) }
    let others = active.reduce(0) { $0 + $1.count } - waiting
    let parts = [
      others > 0 ? "\(others.grouped) \(others == 1 ? "runs" : "run")" : nil,
      waiting > 0 ? "\(waiting.grouped) \(waiting == 1 ? "waits" : "wait")" : nil,
      stuck > 0 ? "\(stuck.grouped) \(stuck == 1 ? "does" : "do") not start" : nil,
    ].compactMap { $0 }
    return "; " + parts.joined(separator: ", ")
  }

  /// `4 FAILED, 2 TIMEOUT`.
  private var states: String {
    let counts = rows.reduce(into: [JobState: Int]()) {
      if $1.hasFailed { $0[$1.state, default: 0] += $1.count }
    }
    return counts.sorted { JobState.displayOrder($0.key, $1.key) }.map { state, count in
      state == .completed ? "\(count.grouped) with a failed step" : "\(count.grouped) \(state)"
    }.joined(separator: ", ")
  }

  private var failedRuns: String? {
    let bad = runs.filter { $0.state != "running" && $0.exitCode != 0 }
    if bad.isEmpty { return nil }
    if bad.count == 1, let code = bad[0].exitCode {
      return
        "The command of \(runs.count == 1 ? "the run" : "run \(bad[0].prefix)") ended with exit code \(code)."
    }
    return
      "The commands of \(number(bad.count, "run")) of \(runs.count) did not end with exit code 0, or are not known to have."
  }

  private func count(_ isWanted: (JobRow) -> Bool) -> Int {
    rows.reduce(0) { $0 + (isWanted($1) ? $1.count : 0) }
  }
}
