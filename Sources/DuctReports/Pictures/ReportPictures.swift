internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// The pictures of a report.
struct ReportPictures: Sendable {
  /// Pictures over time, which need the whole width.
  private(set) var wide: [any Picture] = []
  /// Pictures of which two stand side by side, if there is room.
  private(set) var small: [any Picture] = []
  /// Why a picture is missing.
  private(set) var problems: [String] = []

  /// Runs whose own use is drawn.
  private static let mostUsages = 3

  /// Reads the usage.jsonl of the longest runs.
  ///
  /// - Parameter now: seconds since 1970. What has not ended is drawn until then.
  init(_ report: CampaignReport, now: Double = WallTime.now.seconds) {
    let spans = report.jobs.map { JobSpan($0, now: now) }
    let runs = report.head.runs.compactMap { run in
      RunSpan(
        label: run.command, started: run.startTime,
        ended: run.endTime ?? (run.state == "running" ? now : nil),
        hasFailed: run.exitCode.map { $0 != 0 })
    }
    let overTime: [(any Picture)?] = [Timeline(spans, runs: runs), QueueCurve(spans)]
    wide = overTime.compactMap { $0 }
    let shares: [(any Picture)?] = [
      ShareDistribution(
        name: "memory", title: "Memory used, of what was asked for", asked: "the memory that it asked for",
        report.jobs.lazy.filter { $0.startTime != nil }.map { ($0.memoryUse, $0.count) }),
      ShareDistribution(
        name: "time", title: "Time used, of the limit", asked: "its time limit",
        report.jobs.lazy.filter { !$0.state.isActive && $0.startTime != nil }.map { ($0.timeUse, $0.count) }),
    ]
    small = shares.compactMap { $0 }
    addUsage(report.head.runs)
  }

  private mutating func addUsage(_ runs: [ReportRun]) {
    // What submitted jobs is of interest, if anything did.
    let withJobs = runs.filter { $0.jobs > 0 }
    let longest = (withJobs.isEmpty ? runs : withJobs).sorted {
      ($0.wallClockTime ?? 0) > ($1.wallClockTime ?? 0)
    }
    for (index, run) in longest.prefix(Self.mostUsages).enumerated() {
      let usage = UsageSamples(ofRun: run.prefix)
      let command = run.command.shortened(to: 40)
      if let curve = UsageCurve(name: "usage\(index + 1)", of: command, usage, started: run.startTime) {
        wide.append(curve)
      } else if let problem = usage.problem {
        problems.append("The CPU and memory of \(command) itself are not drawn: \(problem).")
      }
    }
  }
}

extension JobSpan {
  init(_ row: JobRow, now: Double) {
    self.init(
      id: row.id, name: row.name, outcome: JobOutcome(row), isFailure: row.hasFailed, count: row.count,
      submitted: row.submitTime ?? row.eligibleTime, started: row.startTime, ended: row.endTime,
      seen: row.stale ? row.lastSeen ?? now : now, waitSeconds: row.waitSeconds)
  }
}

extension JobOutcome {
  init(_ row: JobRow) {
    switch row.state {
    case .pending: self = .waiting
    case .running, .suspended: self = .running
    case .completed: self = row.hasFailed ? .failed : .succeeded
    case .timeout, .deadline: self = .timedOut
    case .outOfMemory: self = .outOfMemory
    case .cancelled, .preempted: self = .cancelled
    case .failed, .nodeFail, .bootFail: self = .failed
    default: self = .unknown
    }
  }
}
