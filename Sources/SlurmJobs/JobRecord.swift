public import RecordText

/// The known data of one Slurm job, array task or heterogeneous component.
///
/// Values that Slurm did not report are nil. Times are seconds since 1970, never estimates. docs/records.md
/// explains the members and their names in JSON.
public struct JobRecord: Record, Equatable {
  /// The cluster's name as in slurmdbd and `sbatch -M`.
  public var cluster: String?
  /// Nil for an array task that does not have its own id yet.
  public var jobID: UInt32?
  public var arrayJobID: UInt32?
  public var arrayTaskID: UInt32?
  /// The tasks that this record stands for, such as `0-199999%4`: waiting tasks of an array that is too large for
  /// one record per task. Nil for any other job.
  public var arrayTasks: String?
  public var hetJobID: UInt32?
  public var hetJobOffset: UInt32?
  public var name: String?
  public var user: String?
  public var account: String?
  public var partition: String?
  public var qos: String?

  public var state: JobState
  /// Slurm's flags in addition to the base state: COMPLETING, CONFIGURING and so on.
  public var stateFlags: [String] = []
  /// Why the job waits or why it ended, in squeue's words; nil for `None`.
  public var stateReason: String?
  /// The exit code of the job's script; nil while it has not ended.
  public var exitCode: Int?
  /// The signal that ended the script.
  public var signal: Int?
  /// The highest exit code of the job's steps, and the signal that ended that step.
  public var derivedExitCode: Int?
  public var derivedSignal: Int?
  /// `OUT_OF_MEMORY` if cgroups killed a process of that step for its memory; otherwise nil.
  public var derivedState: JobState?
  /// The uid of the user who cancelled it, from accounting.
  public var cancelledBy: UInt32?
  /// How many times it was requeued.
  public var restarts: Int?

  /// A requeue sets a new one.
  public var submitTime: Int?
  public var eligibleTime: Int?
  public var startTime: Int?
  public var endTime: Int?
  /// Wall-clock seconds that it ran, without time suspended.
  public var elapsedSeconds: Int?
  /// Nil if there is no limit or it is not known.
  public var timeLimitSeconds: Int?

  public var nodeCount: Int?
  public var nodeList: String?
  public var cpus: Int?
  /// By TRES name (`cpu`, `mem`, `node`, `gres/gpu`); memory in bytes.
  public var tresRequested: OrderedFields<Int64>?
  public var tresAllocated: OrderedFields<Int64>?
  /// For the whole job, in bytes.
  public var memoryRequestedBytes: Int64?
  /// The largest resident set of any task, in bytes, from accounting.
  public var maxRSSBytes: Int64?
  /// The sum of all tasks' largest resident sets, in bytes, over the steps that ran at the same time, at the moment
  /// when the sum is largest. From accounting. The job never had more resident than this.
  public var maxRSSAllTasksBytes: Int64?
  /// User and system time of all steps, in seconds, from accounting.
  public var cpuSeconds: Double?
  /// Bytes that read(2) and write(2) of all tasks returned or accepted, from accounting (`fs/disk`). They need not have
  /// come from a disk.
  public var readBytes: Int64?
  public var writtenBytes: Int64?
  /// Joules, from accounting. Nil where the site does not measure energy.
  public var energyJoules: Int64?

  public var workingDir: String?
  public var stdoutPath: String?
  public var stderrPath: String?
  public var submitLine: String?
  public var dependency: String?

  /// Earlier runs that a requeue ended, oldest first, from accounting. Nil if there are none.
  public var runs: [JobRun]?

  /// The layers that found it: `tag`, `session`, `output`.
  public var detectedBy: [JobEvidence] = []
  /// The server that reported the state.
  public var source: JobSource?
  /// When Slurm last reported the job, in seconds since 1970.
  public var lastSeen: Double?
  /// Neither server could be asked since then: the state may have changed.
  public var stale: Bool = false

  public init(state: JobState) { self.state = state }

  public init() { self.init(state: JobState(rawValue: "")) }

  public mutating func list(_ members: inout RecordMembers) {
    members("cluster", &cluster)
    members("job_id", &jobID)
    members("array_job_id", &arrayJobID)
    members("array_task_id", &arrayTaskID)
    members("array_tasks", &arrayTasks)
    members("het_job_id", &hetJobID)
    members("het_job_offset", &hetJobOffset)
    members("name", &name)
    members("user", &user)
    members("account", &account)
    members("partition", &partition)
    members("qos", &qos)
    members("state", &state)
    members("state_flags", &stateFlags, or: [])
    members("state_reason", &stateReason)
    members("exit_code", &exitCode)
    members("signal", &signal)
    members("derived_exit_code", &derivedExitCode)
    members("derived_signal", &derivedSignal)
    members("derived_state", &derivedState)
    members("cancelled_by_uid", &cancelledBy)
    members("restarts", &restarts)
    members("submit_time", &submitTime)
    members("eligible_time", &eligibleTime)
    members("start_time", &startTime)
    members("end_time", &endTime)
    members("elapsed_seconds", &elapsedSeconds)
    members("time_limit_seconds", &timeLimitSeconds)
    members("node_count", &nodeCount)
    members("node_list", &nodeList)
    members("cpus", &cpus)
    members("tres_requested", &tresRequested)
    members("tres_allocated", &tresAllocated)
    members("memory_requested_bytes", &memoryRequestedBytes)
    members("max_rss_bytes", &maxRSSBytes)
    members("max_rss_all_tasks_bytes", &maxRSSAllTasksBytes)
    members("cpu_seconds", &cpuSeconds)
    members("io_read_bytes", &readBytes)
    members("io_written_bytes", &writtenBytes)
    members("energy_joules", &energyJoules)
    members("working_dir", &workingDir)
    members("stdout_path", &stdoutPath)
    members("stderr_path", &stderrPath)
    members("submit_line", &submitLine)
    members("dependency", &dependency)
    members("runs", &runs)
    members("detected_by", &detectedBy)
    members("source", &source)
    members("last_seen", &lastSeen)
    members("stale", &stale, or: false)
  }
}

/// A layer of detection: the evidence that a job is the command's.
public enum JobEvidence: String, Sendable, CaseIterable, Comparable {
  /// The job carries the wckey that this run put into the command's environment.
  case tag
  /// A process in a session of the command's process tree submitted it.
  case session
  /// The command printed its id as sbatch, srun or salloc do, and Slurm confirmed it.
  case output

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The server that reported a job's state.
public enum JobSource: String, Sendable {
  case slurmctld, slurmdbd
}

extension JobRecord {
  /// The job has ended, its processes are gone, and Slurm will not requeue it.
  public var hasEnded: Bool {
    !state.isActive && stateFlags.allSatisfy { !JobStateFlag.goingOn.contains($0) }
  }

  /// The id as squeue prints it: `118`, `118_4` for an array task, `118+1` for a heterogeneous component.
  public var displayID: String {
    if let arrayJobID, let arrayTaskID { return "\(arrayJobID)_\(arrayTaskID)" }
    if let arrayJobID, let arrayTasks { return "\(arrayJobID)_[\(arrayTasks.prefix(40))]" }
    if let hetJobID, let hetJobOffset { return "\(hetJobID)+\(hetJobOffset)" }
    return jobID.map(String.init) ?? arrayJobID.map { "\($0)_?" } ?? "?"
  }

  /// Seconds from the eligible time, or else the submit time, to the start.
  public var waitSeconds: Int? {
    guard let startTime, let from = eligibleTime ?? submitTime else { return nil }
    let (wait, isBeyond) = startTime.subtractingReportingOverflow(from)
    return isBeyond ? nil : max(0, wait)
  }

  /// When the time limit of a running job ends it, in seconds since 1970. Nil if it does not run, or has no limit.
  public var latestEnd: Int? {
    guard state == .running, let startTime, let timeLimitSeconds else { return nil }
    let (end, isBeyond) = startTime.addingReportingOverflow(timeLimitSeconds)
    return isBeyond ? nil : end
  }

  /// How many jobs or array tasks this record stands for.
  public var taskCount: Int { arrayTasks.flatMap(ArrayTasks.count) ?? 1 }

  /// The job failed, or one of its steps did although its script succeeded, or it does not start by itself.
  public var needsAttention: Bool { hasFailed || StateReason.neverStarts(self) }

  /// It has ended, and not well.
  public var hasFailed: Bool { state.isFailure || hasFailedStep }

  /// The script succeeded, but one of its steps failed.
  public var hasFailedStep: Bool {
    state == .completed && ((derivedSignal ?? 0) != 0 || (derivedExitCode ?? 0) != 0 || derivedState != nil)
  }
}
