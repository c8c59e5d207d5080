internal import RecordText
internal import SlurmJobs

/// A job or an array task as a report shows it; also all waiting tasks of an array that is too large for one row a task.
///
/// A report can have 100,000 of them, so a row has only what is shown. What is not known is nil.
struct JobRow: WrittenRecord {
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
  }

  /// Index of its run in the report's list; nil for a job that duct did not wrap.
  var run: Int?
  /// As squeue prints it: `JobRecord.displayID`.
  var id: String
  var cluster: String?
  var jobID: UInt32?
  var arrayJobID: UInt32?
  var arrayTaskID: UInt32?
  /// How many array tasks the row stands for; 1 for a job.
  var count: Int
  var name: String?
  var user: String?
  var partition: String?
  /// As the submit line names it; nil for a command line (`--wrap`), or if the submit line is not known.
  var script: String?

  var state: JobState
  var standing: Standing
  /// Why it ended, or why it waits.
  var cause: EndCause
  var exitCode: Int?
  var signal: Int?
  /// How many times it was requeued.
  var restarts: Int?

  /// Seconds since 1970.
  var submitTime: Int?
  var eligibleTime: Int?
  var startTime: Int?
  var endTime: Int?
  /// Seconds from the eligible time to the start.
  var waitSeconds: Int?
  /// Wall-clock seconds that it ran; nil if it has not started.
  var elapsedSeconds: Int?
  var timeLimitSeconds: Int?

  var nodeCount: Int?
  /// In Slurm's notation: `n[1-3,7]`.
  var nodes: String?
  /// Allocated, or requested while it waits.
  var cpus: Int?
  var cpusAsked: Int?
  var gpus: Int?
  /// User and system time of all its steps.
  var cpuSeconds: Double?
  /// For the whole job, on all its nodes.
  var memoryAskedBytes: Int64?
  /// The peak of all tasks together: `JobRecord.maxRSSAllTasksBytes`, or else the peak of the largest task.
  var memoryUsedBytes: Int64?
  var readBytes: Int64?
  var writtenBytes: Int64?
  var energyJoules: Int64?
  /// The state may have changed since `lastSeen`, because Slurm could not be asked.
  var stale: Bool
  /// Seconds since 1970.
  var lastSeen: Double?

  init(_ job: JobRecord, run: Int?, script: String?) {
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
    standing = job.needsAttention ? .attention : job.hasEnded ? .well : .active
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
    readBytes = job.readBytes
    writtenBytes = job.writtenBytes
    energyJoules = job.energyJoules
    stale = job.stale
    lastSeen = job.lastSeen
  }

  mutating func list(_ members: inout RecordMembers) {
    members("run", &run)
    members("id", &id)
    members("cluster", &cluster)
    members("job_id", &jobID)
    members("array_job_id", &arrayJobID)
    members("array_task_id", &arrayTaskID)
    members("tasks", &count)
    members("name", &name)
    members("user", &user)
    members("partition", &partition)
    members("script", &script)
    members("state", &state)
    members("standing", &standing)
    var causeText = cause.text
    members("cause", &causeText)
    members("exit_code", &exitCode)
    members("signal", &signal)
    members("restarts", &restarts)
    members("submit_time", &submitTime)
    members("eligible_time", &eligibleTime)
    members("start_time", &startTime)
    members("end_time", &endTime)
    members("wait_seconds", &waitSeconds)
    members("elapsed_seconds", &elapsedSeconds)
    members("time_limit_seconds", &timeLimitSeconds)
    listResources(&members)
    members("stale", &stale)
    members("last_seen", &lastSeen)
  }

  private mutating func listResources(_ members: inout RecordMembers) {
    members("node_count", &nodeCount)
    members("nodes", &nodes)
    members("cpus", &cpus)
    members("cpus_asked", &cpusAsked)
    members("gpus", &gpus)
    members("cpu_seconds", &cpuSeconds)
    var share = cpuUse
    members("cpu_use", &share)
    members("memory_asked_bytes", &memoryAskedBytes)
    members("memory_used_bytes", &memoryUsedBytes)
    share = memoryUse
    members("memory_use", &share)
    share = timeUse
    members("time_use", &share)
    members("io_read_bytes", &readBytes)
    members("io_written_bytes", &writtenBytes)
    members("energy_joules", &energyJoules)
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
