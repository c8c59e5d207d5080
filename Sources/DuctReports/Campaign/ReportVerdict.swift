internal import RecordText
internal import SlurmJobs

/// The sentence that answers "did all run?", and the kind of the answer.
struct ReportVerdict {
  enum Kind: String, Sendable {
    /// All ended well, and nothing is open.
    case good
    /// A job or the command of a run failed, or a job does not start by itself.
    case bad
    /// No failure is known, but not all has ended, or not all is known.
    case open
  }

  let text: String
  let kind: Kind

  init(
    _ rows: [JobRow], _ runs: [ReportRun], onlyStates: [String]?, unreadableJobs: Int, unreadRecords: Int,
    problem: String?
  ) {
    let evidence = Evidence(
      rows, runs, unreadable: (unreadableJobs, unreadRecords), hasProblem: problem != nil,
      isSelection: onlyStates != nil)
    let answer = Self.answer(evidence, onlyStates)
    text = answer.text
    let isBad = evidence.failed + evidence.stuck > 0 || evidence.failedRuns != nil
    kind = isBad ? .bad : answer.isYes ? .good : .open
  }

  private static func answer(_ evidence: Evidence, _ onlyStates: [String]?) -> (text: String, isYes: Bool) {
    let count = evidence.count
    let open = evidence.open.joined(separator: ", ")
    let rest = open.isEmpty ? "." : "; \(open)."
    let runs = evidence.failedRuns
    let second = runs.map { " T\($0.dropFirst())." } ?? ""
    if let onlyStates {
      let verb = count == 1 ? "is" : "are"
      let states = onlyStates.joined(separator: ", ")
      return ("\(number(count, "job")) \(verb) in the states \(states)" + rest + second, false)
    }
    if count == 0 {
      let words = "o Slurm jobs are known\(rest)"
      if open.isEmpty { return ("N" + words + second, false) }
      return ((evidence.goingRuns > 0 ? "Not yet: n" : "Not known: n") + words + second, false)
    }
    if evidence.stale > 0 {
      let words =
        "Not known: of \(number(count, "job")), \(evidence.stale.grouped) had not ended when last seen"
      return (words + evidence.otherFailures + rest + second, false)
    }
    if evidence.active + evidence.goingRuns > 0 {
      let ended = count - evidence.active - evidence.stuck
      let has = ended == 1 || count == 1 ? "has" : "have"
      let words = "Not yet: \(ended.grouped) of \(number(count, "job")) \(has) ended"
      return (words + evidence.failures + rest + second, false)
    }
    if let failures = evidence.no { return (failures + rest + second, false) }
    let well = evidence.well(isAll: open.isEmpty)
    // Jobs that were not needed do not tell whether all ran.
    guard let well else { return ("Not known: \(evidence.onlyOwn)" + rest + second, false) }
    if !open.isEmpty { return ("Not known: \(well)" + rest + second, false) }
    return runs.map { ("No: \(well), but \($0).", false) } ?? ("Yes: \(well).", true)
  }
}

/// What is known of the jobs and of the runs, counted once.
private struct Evidence {
  private let rows: [JobRow]
  private let runs: [ReportRun]
  /// Entries of records, and whole records, that cannot be read.
  private let unreadable: (jobs: Int, records: Int)
  private let hasProblem: Bool
  private let isSelection: Bool

  /// Jobs and array tasks.
  private(set) var count = 0
  private(set) var failed = 0
  /// They do not start by themselves.
  private(set) var stuck = 0
  private(set) var active = 0
  /// They had not ended when they were last seen.
  private(set) var stale = 0
  private var own = 0
  private var waiting = 0
  let goingRuns: Int

  init(
    _ rows: [JobRow], _ runs: [ReportRun], unreadable: (jobs: Int, records: Int), hasProblem: Bool,
    isSelection: Bool
  ) {
    (self.rows, self.runs, self.isSelection) = (rows, runs, isSelection)
    (self.unreadable, self.hasProblem) = (unreadable, hasProblem)
    goingRuns = runs.count(where: \.goesOn)
    for row in rows {
      count += row.count
      if row.hasFailed { failed += row.count }
      if row.standing == .attention, row.state.isActive { stuck += row.count }
      if row.standing == .cancelledByRun { own += row.count }
      if row.stale, row.state.isActive { stale += row.count }
      guard row.standing == .active else { continue }
      active += row.count
      if row.state == .pending { waiting += row.count }
    }
  }

  /// What has not ended, and what is not known.
  var open: [String] {
    let hasActivity = !isSelection && stale == 0 && active + goingRuns > 0
    return (hasActivity ? activity : [])
      + [
        going, unknownEnds,
        unreadable.jobs > 0 ? "\(number(unreadable.jobs, "job")) cannot be read from the records" : nil,
        unreadable.records > 0 ? "\(number(unreadable.records, "record")) cannot be read" : nil,
        hasProblem ? "Slurm did not answer everything" : nil,
      ].compactMap { $0 }
  }

  /// What the jobs do that have not ended.
  private var activity: [String] {
    let others = active - waiting
    return [
      others > 0 ? "\(others.grouped) \(others == 1 ? "runs" : "run")" : nil,
      waiting > 0 ? "\(waiting.grouped) \(waiting == 1 ? "waits" : "wait")" : nil, notStarting,
    ].compactMap { $0 }
  }

  private var notStarting: String? {
    stuck > 0 ? "\(stuck.grouped) \(stuck == 1 ? "does" : "do") not start" : nil
  }

  private var going: String? {
    if goingRuns == 0 { return nil }
    return runs.count == 1
      ? "the run goes on"
      : "\(goingRuns.grouped) of \(number(runs.count, "run")) \(goingRuns == 1 ? "goes" : "go") on"
  }

  private var unknownEnds: String? {
    let count = runs.count { !$0.goesOn && $0.exitCode == nil && !$0.isStepWatch }
    if count == 0 { return nil }
    let commands =
      runs.count == 1
      ? "the command of the run" : "the commands of \(count.grouped) of \(number(runs.count, "run"))"
    return "whether \(commands) ended well is not known"
  }

  /// `, and 1 did not end well (1 FAILED)`.
  var otherFailures: String { failed == 0 ? "" : ", and \(failed.grouped) did not end well (\(states))" }

  /// `, 1 of them not well (1 FAILED)`.
  var failures: String { failed == 0 ? "" : ", \(failed.grouped) of them not well (\(states))" }

  /// Nil if no job failed, and none is stuck.
  var no: String? {
    if failed > 0 {
      return "No: \(failed.grouped) of \(number(count, "job")) did not end well (\(states))"
        + (notStarting.map { ", and \($0)" } ?? "")
    }
    return stuck > 0
      ? "No: \(number(stuck, "job")) of \(count.grouped) \(stuck == 1 ? "does" : "do") not start" : nil
  }

  /// If no job failed: that all ended well. Nil if the run itself cancelled all of them.
  ///
  /// - Parameter isAll: there can be no others.
  func well(isAll: Bool) -> String? {
    let rest = own > 0 ? "; the run itself cancelled \(own.grouped)" : ""
    switch count - own {
    case 0: return nil
    case 1: return "the \(isAll ? "" : "only known ")job ended well" + rest
    case let well: return "all \(isAll ? number(well, "job") : number(well, "known job")) ended well" + rest
    }
  }

  var onlyOwn: String {
    own == 1
      ? "the run itself cancelled the only job that is known"
      : "the run itself cancelled all \(number(own, "job")), and no other is known"
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

  /// Commands that did not end with 0; nil if there are none.
  var failedRuns: String? {
    let bad = runs.filter { !$0.goesOn && $0.exitCode != nil && $0.exitCode != 0 }
    if bad.isEmpty { return nil }
    if bad.count == 1, let code = bad[0].exitCode {
      return
        "the command of \(runs.count == 1 ? "the run" : "run \(bad[0].prefix)") ended with exit code \(code)"
    }
    return
      "the commands of \(bad.count.grouped) of \(number(runs.count, "run")) ended with other exit codes than 0"
  }
}

extension ReportRun {
  /// It can submit more jobs.
  fileprivate var goesOn: Bool { state == "running" }
}
