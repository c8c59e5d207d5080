public import DuctRecords
internal import RecordText
public import SlurmJobs

/// What became of the runs of a campaign and of their jobs.
public struct CampaignReport: Codable, Sendable {
  struct Run: Codable, Sendable {
    var prefix: String
    var runID: String?
    var campaign: String?
    var command: String
    var state: String?
    var exitCode: Int?
    /// Seconds.
    var wallClockTime: Double?
    var jobs: Int

    enum CodingKeys: String, CodingKey {
      case prefix
      case runID = "run_id"
      case campaign, command
      case state = "run_state"
      case exitCode = "exit_code"
      case wallClockTime = "wall_clock_time"
      case jobs
    }
  }

  struct StateCount: Codable, Sendable {
    var state: JobState
    var count: Int
  }

  struct FailedJob: Codable, Sendable {
    var prefix: String
    var job: JobRecord
    var outputPath: String?
    var outputEnd: [String]
    var outputProblem: String?

    enum CodingKeys: String, CodingKey {
      case prefix, job
      case outputPath = "output_path"
      case outputEnd = "output_end"
      case outputProblem = "output_problem"
    }
  }

  var runs: [Run]
  var jobCount: Int
  var states: [StateCount]
  var failedJobs: [FailedJob]
  var resources: ResourceUse
  /// Jobs whose state could not be asked.
  var staleJobs: Int
  /// Entries of the records that cannot be read; nil if there are none.
  var unreadableJobs: Int?
  var problem: String?

  enum CodingKeys: String, CodingKey {
    case runs
    case jobCount = "job_count"
    case states
    case failedJobs = "failed_jobs"
    case resources
    case staleJobs = "stale_jobs"
    case unreadableJobs = "unreadable_jobs"
    case problem
  }

  /// - Parameters:
  ///   - jobs: of each run, as they are now.
  ///   - lines: how much of the end of a failed job's output is shown.
  public init(_ runs: [RecordedRun], jobs: [[JobRecord]], problem: String?, lines: Int) {
    self.runs = zip(runs, jobs).map { run, jobs in
      Run(
        prefix: run.prefix, runID: run.runID, campaign: run.campaign, command: run.command,
        state: run.presentState, exitCode: run.exitCode,
        wallClockTime: run.summary?["wall_clock_time"]?.double, jobs: jobs.count)
    }
    let all = jobs.flatMap { $0 }
    jobCount = JobSummary.count(all)
    let groups = Dictionary(grouping: all, by: \.state)
    states = groups.keys.sorted(by: JobState.displayOrder).map {
      StateCount(state: $0, count: JobSummary.count(groups[$0] ?? []))
    }
    failedJobs = zip(runs, jobs).flatMap { run, jobs in
      jobs.filter(\.needsAttention).map { Self.failed($0, run, lines) }
    }
    resources = ResourceUse(all)
    staleJobs = all.count(where: \.stale)
    let unreadable = runs.reduce(0) { $0 + $1.unreadableJobs }
    unreadableJobs = unreadable > 0 ? unreadable : nil
    self.problem = problem
  }

  private static func failed(_ job: JobRecord, _ run: RecordedRun, _ lines: Int) -> FailedJob {
    var failed = FailedJob(prefix: run.prefix, job: job, outputEnd: [])
    // A job that never started has printed nothing. Errors are more telling than output, if apart.
    guard job.startTime != nil else { return failed }
    for path in [job.stderrPath, job.stdoutPath].compactMap({ $0 }) {
      let tail = FileTail(path, lines: lines, owners: run.outputOwners)
      failed.outputPath = path
      failed.outputEnd = tail.lines
      failed.outputProblem = tail.problem
      if !tail.lines.isEmpty { break }
    }
    return failed
  }

  public func json() throws -> String {
    let value = try RecordEncoder().encode(self)
    return String(decoding: JSONWriter.bytes(of: value, indent: 2), as: UTF8.self) + "\n"
  }
}

/// What jobs used of what they asked for. Nil where nothing is known.
struct ResourceUse: Codable, Sendable {
  /// Jobs whose use is known from accounting.
  var measuredJobs: Int
  /// Wall-clock seconds of all jobs that started.
  var elapsedSeconds: Int
  var longestElapsedSeconds: Int?
  /// Seconds from eligible to start.
  var meanWaitSeconds: Double?
  var longestWaitSeconds: Int?
  /// CPU seconds used, and those that the jobs had CPUs for while they ran.
  var cpuSecondsUsed: Double?
  var cpuSecondsAllotted: Double?
  /// What all tasks of a job had resident as a share of what it had asked for on all nodes: of the job that came closest
  /// to it, and the mean of all. Of records of earlier releases the largest task's.
  var largestMemoryShare: Double?
  var largestMemoryJob: String?
  var meanMemoryShare: Double?

  enum CodingKeys: String, CodingKey {
    case measuredJobs = "measured_jobs"
    case elapsedSeconds = "elapsed_seconds"
    case longestElapsedSeconds = "longest_elapsed_seconds"
    case meanWaitSeconds = "mean_wait_seconds"
    case longestWaitSeconds = "longest_wait_seconds"
    case cpuSecondsUsed = "cpu_seconds_used"
    case cpuSecondsAllotted = "cpu_seconds_allotted"
    case largestMemoryShare = "largest_memory_share"
    case largestMemoryJob = "largest_memory_job"
    case meanMemoryShare = "mean_memory_share"
  }

  init(_ jobs: [JobRecord]) {
    // Sums are made of doubles: a record may hold any number, and whole ones overflow.
    let started = jobs.filter { $0.startTime != nil }
    elapsedSeconds = Int(
      saturating: started.compactMap(\.elapsedSeconds).reduce(0.0) { $0 + Double($1) })
    longestElapsedSeconds = started.compactMap(\.elapsedSeconds).max()
    let waits = started.compactMap(\.waitSeconds)
    if !waits.isEmpty { meanWaitSeconds = waits.reduce(0.0) { $0 + Double($1) } / Double(waits.count) }
    longestWaitSeconds = waits.max()
    let measured = started.filter {
      $0.cpuSeconds?.isFinite == true && $0.cpus != nil && $0.elapsedSeconds != nil
    }
    measuredJobs = measured.count
    if !measured.isEmpty {
      cpuSecondsUsed = measured.reduce(0) { $0 + ($1.cpuSeconds ?? 0) }
      cpuSecondsAllotted = measured.reduce(0) { $0 + Double($1.cpus ?? 0) * Double($1.elapsedSeconds ?? 0) }
    }
    let shares = started.compactMap { job -> (share: Double, id: String)? in
      guard let used = job.maxRSSAllTasksBytes ?? job.maxRSSBytes, let asked = job.memoryRequestedBytes,
        asked > 0
      else { return nil }
      return (Double(used) / Double(asked), job.displayID)
    }
    if let largest = shares.max(by: { $0.share < $1.share }) {
      largestMemoryShare = largest.share
      largestMemoryJob = largest.id
      meanMemoryShare = shares.reduce(0) { $0 + $1.share } / Double(shares.count)
    }
  }
}
