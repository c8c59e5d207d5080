public import DuctRecords
public import RecordText
public import SlurmJobs

/// `con-duct report`: the results of the runs of a campaign and of their jobs.
public struct CampaignReport: WrittenRecord {
  struct Run: WrittenRecord {
    var prefix: String
    var runID: String?
    var campaign: String?
    var command: String
    /// As `RecordedRun.presentState`.
    var state: String?
    var exitCode: Int?
    /// Seconds.
    var wallClockTime: Double?
    var jobs: Int

    mutating func list(_ members: inout RecordMembers) {
      members("prefix", &prefix)
      members("run_id", &runID)
      members("campaign", &campaign)
      members("command", &command)
      members("run_state", &state)
      members("exit_code", &exitCode)
      members("wall_clock_time", &wallClockTime)
      members("jobs", &jobs)
    }
  }

  struct StateCount: WrittenRecord {
    var state: JobState
    var count: Int

    mutating func list(_ members: inout RecordMembers) {
      members("state", &state)
      members("count", &count)
    }
  }

  struct FailedJob: WrittenRecord {
    var prefix: String
    var job: JobRecord
    /// How it ended, in plain words.
    var cause: String
    /// The job's stderr or stdout file that `outputEnd` is from.
    var outputPath: String?
    /// The lines of that file that tell why the job failed, and its last ones.
    var outputEnd: [String]
    /// Why there are no lines; nil if there are.
    var outputProblem: String?

    mutating func list(_ members: inout RecordMembers) {
      members("prefix", &prefix)
      members("job", &job)
      members("cause", &cause)
      members("output_path", &outputPath)
      members("output_end", &outputEnd)
      members("output_problem", &outputProblem)
    }
  }

  var runs: [Run]
  var jobCount: Int
  var states: [StateCount]
  var failedJobs: [FailedJob]
  var resources: ResourceUse
  /// Number of jobs whose state may be old, because Slurm could not be asked.
  var staleJobs: Int
  /// Number of entries in the records that cannot be read; nil if there are none.
  var unreadableJobs: Int?
  /// Why Slurm did not answer everything; nil if it did.
  var problem: String?

  public mutating func list(_ members: inout RecordMembers) {
    members("runs", &runs)
    members("job_count", &jobCount)
    members("states", &states)
    members("failed_jobs", &failedJobs)
    members("resources", &resources)
    members("stale_jobs", &staleJobs)
    members("unreadable_jobs", &unreadableJobs)
    members("problem", &problem)
  }

  /// - Parameters:
  ///   - jobs: the jobs of each run, as they are when the report is made.
  ///   - lines: how many lines of a failed job's output to show.
  ///   - width: columns that these lines may have; nil: any.
  public init(
    _ runs: [RecordedRun], jobs: [[JobRecord]], problem: String?, lines: Int, width: Int? = nil
  ) {
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
      jobs.filter(\.needsAttention).map { Self.failed($0, run, lines, width) }
    }
    resources = ResourceUse(all)
    staleJobs = all.count(where: \.stale)
    let unreadable = runs.reduce(0) { $0 + $1.unreadableJobs }
    unreadableJobs = unreadable > 0 ? unreadable : nil
    self.problem = problem
  }

  private static func failed(
    _ job: JobRecord, _ run: RecordedRun, _ lines: Int, _ width: Int?
  ) -> FailedJob {
    var failed = FailedJob(prefix: run.prefix, job: job, cause: EndCause(job).text, outputEnd: [])
    // A job that never started has printed nothing. If stderr has a file of its own, show that first: errors
    // say more.
    guard job.startTime != nil else { return failed }
    for path in [job.stderrPath, job.stdoutPath].compactMap({ $0 }) {
      let tail = FileTail(path, lines: lines, width: width, owners: run.outputOwners)
      failed.outputPath = path
      failed.outputEnd = tail.lines
      failed.outputProblem = tail.problem
      if !tail.lines.isEmpty { break }
    }
    return failed
  }

  func json() -> String { String(decoding: json(indent: 2), as: UTF8.self) + "\n" }
}

/// What the jobs used, compared with what they requested. Nil if not known.
struct ResourceUse: WrittenRecord {
  /// Number of jobs whose use is known from accounting.
  var measuredJobs: Int
  /// Sum of the wall-clock seconds of all jobs that have started.
  var elapsedSeconds: Int
  /// Seconds.
  var longestElapsedSeconds: Int?
  /// Seconds from `eligible_time` to `start_time`.
  var meanWaitSeconds: Double?
  /// Seconds.
  var longestWaitSeconds: Int?
  /// Seconds of CPU time that the measured jobs used.
  var cpuSecondsUsed: Double?
  /// Seconds of CPU time that they could have used: allocated CPUs multiplied by elapsed seconds.
  var cpuSecondsAllotted: Double?
  /// Peak memory of all tasks of a job divided by the memory that it requested on all nodes: of the job with
  /// the largest share. Records of earlier releases have only the peak of the largest task.
  var largestMemoryShare: Double?
  /// The job with that share, as `JobRecord.displayID`.
  var largestMemoryJob: String?
  /// Mean of the shares of all jobs.
  var meanMemoryShare: Double?

  mutating func list(_ members: inout RecordMembers) {
    members("measured_jobs", &measuredJobs)
    members("elapsed_seconds", &elapsedSeconds)
    members("longest_elapsed_seconds", &longestElapsedSeconds)
    members("mean_wait_seconds", &meanWaitSeconds)
    members("longest_wait_seconds", &longestWaitSeconds)
    members("cpu_seconds_used", &cpuSecondsUsed)
    members("cpu_seconds_allotted", &cpuSecondsAllotted)
    members("largest_memory_share", &largestMemoryShare)
    members("largest_memory_job", &largestMemoryJob)
    members("mean_memory_share", &meanMemoryShare)
  }

  init(_ jobs: [JobRecord]) {
    // Add up doubles: a record may contain any number, and a sum of integers could overflow.
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
