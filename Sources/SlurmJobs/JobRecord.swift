public import RecordText

/// What is known of one Slurm job, array task or heterogeneous component.
///
/// Values that Slurm did not tell are nil. Times are seconds since 1970, never estimates. The members
/// and their names in JSON are explained in docs/records.md.
public struct JobRecord: Codable, Sendable, Equatable {
  /// The cluster, as slurmdbd and `sbatch -M` name it.
  public var cluster: String?
  /// Nil for an array task that has not been given an id of its own yet.
  public var jobID: UInt32?
  public var arrayJobID: UInt32?
  public var arrayTaskID: UInt32?
  /// The tasks that this record stands for, such as `0-199999%4`: waiting ones of an array that is too large for a
  /// record each. Nil for any other job.
  public var arrayTasks: String?
  public var hetJobID: UInt32?
  public var hetJobOffset: UInt32?
  public var name: String?
  public var user: String?
  public var account: String?
  public var partition: String?
  public var qos: String?

  public var state: JobState
  /// Slurm's flags above the base state: COMPLETING, CONFIGURING and so on.
  public var stateFlags: [String] = []
  /// Why the job waits or ended, as squeue words it; nil for `None`.
  public var stateReason: String?
  /// What the job's script exited with; nil while it has not ended.
  public var exitCode: Int?
  /// The signal that ended it.
  public var signal: Int?
  /// The highest exit code of the job's steps, and the signal that ended the step of it.
  public var derivedExitCode: Int?
  public var derivedSignal: Int?
  /// `OUT_OF_MEMORY` where that step was ended for its memory, by cgroups; nil for any other end of it.
  public var derivedState: JobState?
  /// The id of the user that cancelled it, from accounting.
  public var cancelledBy: UInt32?
  /// How often it was requeued.
  public var restarts: Int?

  /// A requeue sets it anew.
  public var submitTime: Int?
  public var eligibleTime: Int?
  public var startTime: Int?
  public var endTime: Int?
  /// Wall-clock seconds that it ran, time suspended left out.
  public var elapsedSeconds: Int?
  /// Nil where there is no limit, or it is not known.
  public var timeLimitSeconds: Int?

  public var nodeCount: Int?
  public var nodeList: String?
  public var cpus: Int?
  /// By TRES name (`cpu`, `mem`, `node`, `gres/gpu`); memory in bytes.
  public var tresRequested: OrderedFields<Int64>?
  public var tresAllocated: OrderedFields<Int64>?
  /// Of the whole job.
  public var memoryRequestedBytes: Int64?
  /// The largest resident set of any task, from accounting.
  public var maxRSSBytes: Int64?
  /// All tasks of the steps that ran at the same time, at the moment at which these are the most: the sum of each
  /// task's largest resident set, from accounting. So it is at least what the job had at once.
  public var maxRSSAllTasksBytes: Int64?
  /// User and system time of all steps, from accounting.
  public var cpuSeconds: Double?

  public var workingDir: String?
  public var stdoutPath: String?
  public var stderrPath: String?
  public var submitLine: String?
  public var dependency: String?

  /// Runs of it that a requeue has ended, the first one first, from accounting. Nil if there are none.
  public var runs: [JobRun]?

  /// Which layers found it: `tag`, `session`, `output`.
  public var detectedBy: [JobEvidence] = []
  /// Who told the state.
  public var source: JobSource?
  /// When it was told last, in seconds since 1970.
  public var lastSeen: Double?
  /// Nobody could be asked since: the state may have changed.
  public var stale: Bool = false

  public init(state: JobState) { self.state = state }

  enum CodingKeys: String, CodingKey {
    case cluster
    case jobID = "job_id"
    case arrayJobID = "array_job_id"
    case arrayTaskID = "array_task_id"
    case arrayTasks = "array_tasks"
    case hetJobID = "het_job_id"
    case hetJobOffset = "het_job_offset"
    case name, user, account, partition, qos, state
    case stateFlags = "state_flags"
    case stateReason = "state_reason"
    case exitCode = "exit_code"
    case signal
    case derivedExitCode = "derived_exit_code"
    case derivedSignal = "derived_signal"
    case derivedState = "derived_state"
    case cancelledBy = "cancelled_by_uid"
    case restarts
    case submitTime = "submit_time"
    case eligibleTime = "eligible_time"
    case startTime = "start_time"
    case endTime = "end_time"
    case elapsedSeconds = "elapsed_seconds"
    case timeLimitSeconds = "time_limit_seconds"
    case nodeCount = "node_count"
    case nodeList = "node_list"
    case cpus
    case tresRequested = "tres_requested"
    case tresAllocated = "tres_allocated"
    case memoryRequestedBytes = "memory_requested_bytes"
    case maxRSSBytes = "max_rss_bytes"
    case maxRSSAllTasksBytes = "max_rss_all_tasks_bytes"
    case cpuSeconds = "cpu_seconds"
    case workingDir = "working_dir"
    case stdoutPath = "stdout_path"
    case stderrPath = "stderr_path"
    case submitLine = "submit_line"
    case dependency, runs
    case detectedBy = "detected_by"
    case source
    case lastSeen = "last_seen"
    case stale
  }
}

/// A layer of detection: how a job was found to be the command's.
public enum JobEvidence: String, Codable, Sendable, CaseIterable, Comparable {
  /// The job carries the wckey that this run put into the command's environment.
  case tag
  /// It was submitted from a session that belongs to the command's process tree.
  case session
  /// The command printed its id as sbatch, srun or salloc do, and Slurm confirmed it.
  case output

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Who told a job's state.
public enum JobSource: String, Codable, Sendable {
  case slurmctld, slurmdbd
}

extension JobRecord {
  /// Ended, its processes are gone, and it is not about to be put into the queue again.
  public var hasEnded: Bool {
    !state.isActive && stateFlags.allSatisfy { !JobStateFlag.goingOn.contains($0) }
  }

  /// It waits for a dependency that failed: it will never start by itself.
  public var canNeverStart: Bool {
    state == .pending && stateReason == "DependencyNeverSatisfied"
  }

  /// As squeue prints it: `118`, `118_4` for an array task, `118+1` for a heterogeneous component.
  public var displayID: String {
    if let arrayJobID, let arrayTaskID { return "\(arrayJobID)_\(arrayTaskID)" }
    if let arrayJobID, let arrayTasks { return "\(arrayJobID)_[\(arrayTasks.prefix(40))]" }
    if let hetJobID, let hetJobOffset { return "\(hetJobID)+\(hetJobOffset)" }
    return jobID.map(String.init) ?? arrayJobID.map { "\($0)_?" } ?? "?"
  }

  /// Seconds from eligible to start.
  public var waitSeconds: Int? {
    guard let startTime, let from = eligibleTime ?? submitTime else { return nil }
    let (wait, isBeyond) = startTime.subtractingReportingOverflow(from)
    return isBeyond ? nil : max(0, wait)
  }

  /// How many jobs or array tasks this stands for.
  public var taskCount: Int { arrayTasks.flatMap(ArrayTasks.count) ?? 1 }

  /// It ended without success, or a step of it did though the script went on.
  public var needsAttention: Bool { state.isFailure || hasFailedStep }

  /// The script ended well, and a step of it did not.
  public var hasFailedStep: Bool {
    state == .completed && ((derivedSignal ?? 0) != 0 || (derivedExitCode ?? 0) != 0 || derivedState != nil)
  }

  /// `exit 3`, `signal 9`, `a step: signal 9`, or the reason that Slurm gives.
  public var failureText: String? {
    if let signal, signal != 0 { return "signal \(signal)" }
    if let exitCode, exitCode != 0 { return "exit \(exitCode)" }
    if hasFailedStep {
      if let derivedState { return "a step: \(derivedState)" }
      if let derivedSignal, derivedSignal != 0 { return "a step: signal \(derivedSignal)" }
      return "a step: exit \(derivedExitCode ?? 0)"
    }
    return stateReason
  }
}
