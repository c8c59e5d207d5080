internal import RecordText
internal import SlurmJobs

/// A job or an array task as a report shows it; also all waiting tasks of an array that is too large for one row a task.
///
/// A report can have 100,000 of them, so a row has only what is shown. What is not known is nil. A row is an object, because
/// a report goes through its rows many times, and a copy of so many values takes longer than what is done with them.
final class JobRow: WrittenRecord {
  /// What the job means for the campaign.
  enum Standing: String, Sendable {
    /// It has ended, and well.
    case well
    /// It waits or runs.
    case active
    /// It failed, or it waits and does not start by itself.
    case attention
    /// The run itself cancelled it: see `OwnCancellation`.
    case cancelledByRun = "cancelled_by_run"

    /// As if no run had cancelled the job.
    fileprivate init(_ job: JobRecord) {
      self = job.needsAttention ? .attention : job.hasEnded ? .well : .active
    }
  }

  /// Index of its run in the report's list; nil for a job that duct did not wrap.
  let run: Int?
  /// As squeue prints it: `JobRecord.displayID`.
  let id: String
  let cluster: String?
  let jobID: UInt32?
  let arrayJobID: UInt32?
  let arrayTaskID: UInt32?
  /// How many array tasks the row stands for; 1 for a job.
  let count: Int
  let name: String?
  let user: String?
  let partition: String?
  /// As the submit line names it; nil for a command line (`--wrap`), or if the submit line is not known.
  let script: String?

  let state: JobState
  let standing: Standing
  /// Why it ended, or why it waits.
  let cause: EndCause
  let exitCode: Int?
  let signal: Int?
  /// How many times it was requeued.
  let restarts: Int?

  /// Seconds since 1970.
  let submitTime: Int?
  let eligibleTime: Int?
  let startTime: Int?
  let endTime: Int?
  /// Seconds from the eligible time to the start.
  let waitSeconds: Int?
  /// Wall-clock seconds that it ran; nil if it has not started.
  let elapsedSeconds: Int?
  let timeLimitSeconds: Int?

  let nodeCount: Int?
  /// In Slurm's notation: `n[1-3,7]`.
  let nodes: String?
  /// Allocated, or requested while it waits.
  let cpus: Int?
  let cpusAsked: Int?
  let gpus: Int?
  /// User and system time of all its steps.
  let cpuSeconds: Double?
  /// For the whole job, on all its nodes.
  let memoryAskedBytes: Int64?
  /// The peak of all tasks together: `JobRecord.maxRSSAllTasksBytes`, or else the peak of the largest task.
  let memoryUsedBytes: Int64?
  let readBytes: Int64?
  let writtenBytes: Int64?
  let energyJoules: Int64?
  /// The state may have changed since `lastSeen`, because Slurm could not be asked.
  let stale: Bool
  /// Seconds since 1970.
  let lastSeen: Double?
  /// Billed units for each second.
  let billing: Int64?
  /// Earlier runs that a requeue ended: `JobRecord.runs`.
  let earlierRuns: [JobRun]

  /// - Parameter isOwnCancellation: the run itself cancelled it: see `OwnCancellation`.
  init(_ job: JobRecord, run: Int?, script: String?, isOwnCancellation: Bool) {
    self.run = run
    id = job.displayID
    cluster = job.cluster
    jobID = job.jobID
    arrayJobID = job.arrayJobID
    arrayTaskID = job.arrayTaskID
    count = job.taskCount
    name = job.name
    user = job.user
    partition = job.partition
    self.script = script
    state = job.state
    standing = isOwnCancellation ? .cancelledByRun : Standing(job)
    cause = EndCause(job)
    exitCode = job.exitCode
    signal = job.signal
    restarts = job.restarts
    submitTime = job.submitTime
    eligibleTime = job.eligibleTime
    startTime = job.startTime
    endTime = job.endTime
    waitSeconds = job.waitSeconds
    elapsedSeconds = job.startTime == nil ? nil : job.elapsedSeconds.map { max($0, 0) }
    timeLimitSeconds = job.timeLimitSeconds
    nodeCount = job.nodeCount
    nodes = job.nodeList
    cpus = job.cpus
    cpusAsked = job.tresRequested?["cpu"].map { Int($0) }
    gpus = (job.tresAllocated ?? job.tresRequested)?["gres/gpu"].map { Int($0) }
    cpuSeconds = job.cpuSeconds.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    memoryAskedBytes = job.memoryRequestedBytes ?? job.tresAllocated?["mem"]
    memoryUsedBytes = job.maxRSSAllTasksBytes ?? job.maxRSSBytes
    (readBytes, writtenBytes) = (job.readBytes, job.writtenBytes)
    energyJoules = job.energyJoules
    (stale, lastSeen) = (job.stale, job.lastSeen)
    billing = job.tresAllocated?["billing"]
    earlierRuns = job.runs ?? []
  }

  func list(_ members: inout RecordMembers) {
    members("run", run)
    members("id", id)
    members("cluster", cluster)
    members("job_id", jobID)
    members("array_job_id", arrayJobID)
    members("array_task_id", arrayTaskID)
    members("tasks", count)
    members("name", name)
    members("user", user)
    members("partition", partition)
    members("script", script)
    members("state", state.rawValue)
    members("standing", standing.rawValue)
    members("cause", cause.text)
    members("exit_code", exitCode)
    members("signal", signal)
    members("restarts", restarts)
    members("submit_time", submitTime)
    members("eligible_time", eligibleTime)
    members("start_time", startTime)
    members("end_time", endTime)
    members("wait_seconds", waitSeconds)
    members("elapsed_seconds", elapsedSeconds)
    members("time_limit_seconds", timeLimitSeconds)
    listResources(&members)
    members("stale", stale)
    members("last_seen", lastSeen)
  }

  private func listResources(_ members: inout RecordMembers) {
    members("node_count", nodeCount)
    members("nodes", nodes)
    members("cpus", cpus)
    members("cpus_asked", cpusAsked)
    members("gpus", gpus)
    members("cpu_seconds", cpuSeconds)
    members("cpu_use", cpuUse)
    members("memory_asked_bytes", memoryAskedBytes)
    members("memory_used_bytes", memoryUsedBytes)
    members("memory_use", memoryUse)
    members("time_use", timeUse)
    members("io_read_bytes", readBytes)
    members("io_written_bytes", writtenBytes)
    members("energy_joules", energyJoules)
  }
}

/// Shares: 1 is all that was allocated or asked for. A share can be larger.
extension JobRow {
  /// Seconds that all allocated CPUs together had; nil if it has not started.
  var cpuSecondsAllocated: Double? {
    guard let cpus, cpus > 0, let elapsedSeconds else { return nil }
    return Double(cpus) * Double(elapsedSeconds)
  }

  /// CPU time divided by what the allocated CPUs had.
  var cpuUse: Double? {
    guard let cpuSeconds, let allocated = cpuSecondsAllocated, allocated > 0 else { return nil }
    return cpuSeconds / allocated
  }

  /// Peak memory divided by what was asked for.
  var memoryUse: Double? {
    guard let memoryUsedBytes, let memoryAskedBytes, memoryAskedBytes > 0 else { return nil }
    return Double(memoryUsedBytes) / Double(memoryAskedBytes)
  }

  /// Elapsed time divided by the time limit.
  var timeUse: Double? {
    guard let elapsedSeconds, let timeLimitSeconds, timeLimitSeconds > 0 else { return nil }
    return Double(elapsedSeconds) / Double(timeLimitSeconds)
  }

  /// Accounting has the job's CPU time and no memory: it ended before Slurm had sampled it.
  var isMemoryNotSampled: Bool { memoryUsedBytes == nil && cpuSeconds != nil }

  var hasFailed: Bool { standing == .attention && !state.isActive }
}
