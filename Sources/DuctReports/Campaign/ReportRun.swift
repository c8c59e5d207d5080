internal import DuctRecords
internal import RecordText

/// A run of duct, as a report shows it: the orchestrator of jobs.
struct ReportRun: WrittenRecord {
  var prefix: String
  var runID: String?
  var parentRunID: String?
  var campaign: String?
  var command: String
  var host: String?
  /// As `RecordedRun.presentState`.
  var state: String?
  /// As in info.json. Nil if the run has not ended.
  var endReason: String?
  var exitCode: Int?
  /// Seconds since 1970.
  var startTime: Double?
  /// Seconds.
  var wallClockTime: Double?
  /// Seconds of user and system time of the run's own processes.
  var cpuSeconds: Double?
  /// Peak of the run's own resident memory.
  var peakRSSBytes: Int64?
  /// Its jobs and array tasks.
  var jobs: Int
  /// It has watched a step, or a step's tasks on a node: Slurm knows how they ended, and the record does not.
  let isStepWatch: Bool

  init(_ run: RecordedRun, jobs: Int) {
    let summary = run.summary
    prefix = run.prefix
    runID = run.runID
    parentRunID = run.info["parent_run_id"]?.string
    campaign = run.campaign
    command = run.command
    host = run.info["system"]?["hostname"]?.string
    state = run.presentState
    endReason = run.info["end_reason"]?.string
    exitCode = run.exitCode
    startTime = summary?["start_time"]?.double.flatMap { $0.isFinite ? $0 : nil }
    wallClockTime = summary?["wall_clock_time"]?.double.flatMap { $0.isFinite ? $0 : nil }
    cpuSeconds = summary?["cpu_seconds"]?.double.flatMap { $0.isFinite ? $0 : nil }
    peakRSSBytes = summary?["peak_rss"]?.double.flatMap { Int64(exactly: $0.rounded()) }
    self.jobs = jobs
    isStepWatch = run.find("mode")?.string == "attached" && StepKey(run) != nil
  }

  /// Seconds since 1970; nil if the start or the length is not known.
  var endTime: Double? {
    guard let startTime, let wallClockTime else { return nil }
    return startTime + wallClockTime
  }

  /// The state; for a run that did not end by itself with why: `finished (time_limit)`.
  var shownState: String? {
    guard let state, let endReason, ![EndReason.exited, .ended].map(\.rawValue).contains(endReason) else {
      return state
    }
    return "\(state) (\(endReason.bounded(to: 40)))"
  }

  mutating func list(_ members: inout RecordMembers) {
    members("prefix", &prefix)
    members("run_id", &runID)
    members("parent_run_id", &parentRunID)
    members("campaign", &campaign)
    members("command", &command)
    members("hostname", &host)
    members("run_state", &state)
    members("end_reason", &endReason)
    members("exit_code", &exitCode)
    members("start_time", &startTime)
    members("wall_clock_time", &wallClockTime)
    members("cpu_seconds", &cpuSeconds)
    members("peak_rss_bytes", &peakRSSBytes)
    members("jobs", &jobs)
  }
}
