public import RecordText
public import ResilientIO
public import SlurmJobs

/// The state of a run.
public enum RunState: String, Sendable {
  case running
  case finished
  /// duct was killed. Its relay or `con-duct recover` has completed the record from what was known.
  case interrupted
}

/// How duct came to the processes of a run.
public enum WatchMode: String, Sendable {
  /// `con-duct attach`: duct has not started them.
  case attached
}

/// The contents of info.json: con-duct's members in their places, and duct's additions behind them.
public struct InfoDocument: WrittenRecord {
  /// The command and its arguments, separated by spaces, without secrets.
  public var command: String
  /// The host.
  public var system: SystemInfo?
  /// Environment variables of batch systems: names that begin with `PBS_`, `SLURM_` or `OSG`. Without secrets.
  public var env: OrderedFields<String>?
  /// NVIDIA GPUs of the host. From `nvidia-smi`; nil if it gives no answer.
  public var gpu: [GPUInfo]?
  /// Version of the duct that wrote the record.
  public var ductVersion = Versions.duct
  /// Version of con-duct's schema.
  public var schemaVersion = Versions.schema
  /// What the run used, and how it ended.
  public var executionSummary: ExecutionSummary
  /// The paths of the run's files. If another file has the name of one of them, the path is that of the file
  /// beside it.
  public var outputPaths: LogPaths
  /// The directory in which the command was started. From getcwd(3).
  public var workingDirectory: String
  /// The text of `--message`; otherwise empty.
  public var message: String

  /// Whether the run is over, when the record was written.
  public var runState: RunState
  /// Nil if duct has started the command.
  public var mode: WatchMode?
  /// Nil until the end.
  public var endReason: EndReason?
  /// See `RunID`.
  public var runID: String
  /// The text of `--campaign`, which several runs share.
  public var campaign: String?
  /// The run below which this one was started, for example from one of its jobs. From its tag in the
  /// environment, or from `DUCT_PARENT_RUN`.
  public var parentRunID: String?
  /// When duct wrote this record, in seconds since 1970. From CLOCK_REALTIME. Nil in records of older releases.
  /// `recover` does not change it.
  public var lastUpdateTime: Double?
  /// The duct of this run. Nil in records of older releases.
  public var ductProcess: DuctProcess?
  /// Failures to write into the log directory; empty if there were none.
  public var ioEvents: [IOEvent]
  /// Number of processes that duct saw outside the command's session. Nil before the first sample, and if /proc
  /// does not show the run's processes. From /proc/PID/stat.
  public var processesEscaped: Int?
  /// Descendants of the command that were still alive after it had ended. Nil until then, and if /proc does not
  /// show the run's processes.
  public var processesLeft: [LeftProcessRecord]?
  /// The control groups of the run. Nil until its end.
  public var cgroups: [ControlGroup]?
  /// The tasks of the step on this node. Nil unless a task prolog has started the watch.
  public var tasks: [StepTask]?
  /// The step that srun has started. Nil unless srun's prolog has started the watch.
  public var step: StepDescription?
  /// Nil if duct did not ask Slurm.
  public var slurm: SlurmSection?

  public init(
    command: String, executionSummary: ExecutionSummary, outputPaths: LogPaths, workingDirectory: String,
    message: String, runState: RunState, runID: String, ioEvents: [IOEvent]
  ) {
    self.command = command
    self.executionSummary = executionSummary
    self.outputPaths = outputPaths
    self.workingDirectory = workingDirectory
    self.message = message
    self.runState = runState
    self.runID = runID
    self.ioEvents = ioEvents
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("command", &command)
    members("system", &system)
    members("env", &env)
    members("gpu", &gpu)
    members("duct_version", &ductVersion)
    members("schema_version", &schemaVersion)
    members("execution_summary", &executionSummary)
    members("output_paths", &outputPaths)
    members("working_directory", &workingDirectory)
    members("message", &message)
    members("run_state", &runState)
    members("mode", &mode)
    members("end_reason", &endReason)
    members("run_id", &runID)
    members("campaign", &campaign)
    members("parent_run_id", &parentRunID)
    members("last_update_time", &lastUpdateTime)
    members("duct_process", &ductProcess)
    members("io_events", &ioEvents)
    members("processes_escaped", &processesEscaped)
    members("processes_left", &processesLeft)
    members("cgroups", &cgroups)
    members("tasks", &tasks)
    members("step", &step)
    members("slurm", &slurm)
  }
}

/// A descendant of the command that was still alive after the command had ended.
public struct LeftProcessRecord: WrittenRecord, Equatable {
  /// In duct's own pid namespace.
  public var pid: Int32
  /// Its arguments, separated by spaces, without secrets.
  public var command: String

  public init(pid: Int32, command: String) {
    self.pid = pid
    self.command = command
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("left_pid", &pid)
    members("left_command", &command)
  }
}

extension [JobRecord] {
  /// The jobs with secrets removed from their command lines (`submitLine`).
  public func redacted(_ redaction: Redaction) -> [JobRecord] {
    map { job in
      var job = job
      job.submitLine = job.submitLine.map(redaction.applied)
      return job
    }
  }
}

/// What is known of Slurm and of the jobs of a run: `slurm` of info.json.
public struct SlurmSection: WrittenRecord {
  /// From slurm.conf or slurmctld.
  public var clusterName: String?
  /// Version of slurmctld, from slurmctld.
  public var controllerVersion: String?
  /// Version of the libslurm that duct used, from that library. Nil if duct used none.
  public var libraryVersion: String?
  /// The way of the last answer: libslurm or Slurm's commands. Nil if there was no answer.
  public var askedBy: SlurmWay?
  /// The wckey of the command's jobs. Nil if duct sets none; `tagReason` then says why.
  public var tag: String?
  /// Why there is no tag; nil if there is one.
  public var tagReason: String?
  /// The kinds of evidence in use. From `--slurm-detect`.
  public var detection: [JobEvidence]
  /// The job that duct itself runs in; nil if there is none. From the environment.
  public var ownJob: OwnJob?
  /// What is not known of the jobs, and why. Nil if all requests were answered.
  public var problem: String?
  /// The jobs that count as the command's, because there is evidence. See docs/slurm.md.
  public var submittedJobs: [JobRecord]
  /// Jobs whose id the command printed, but which it did not submit.
  public var mentionedJobs: [MentionedJob]
  /// One entry for each kind of request that duct made.
  public var queries: [QueryStatistics]

  public init(
    tag: String?, tagReason: String?, detection: [JobEvidence], ownJob: OwnJob?, problem: String?,
    submittedJobs: [JobRecord], mentionedJobs: [MentionedJob], queries: [QueryStatistics]
  ) {
    self.tag = tag
    self.tagReason = tagReason
    self.detection = detection
    self.ownJob = ownJob
    self.problem = problem
    self.submittedJobs = submittedJobs
    self.mentionedJobs = mentionedJobs
    self.queries = queries
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("cluster_name", &clusterName)
    members("controller_version", &controllerVersion)
    members("library_version", &libraryVersion)
    members("asked_by", &askedBy)
    members("tag", &tag)
    members("tag_reason", &tagReason)
    members("detection", &detection)
    members("own_job", &ownJob)
    members("problem", &problem)
    members("submitted_jobs", &submittedJobs)
    members("mentioned_jobs", &mentionedJobs)
    members("queries", &queries)
  }
}

/// A job whose id the command printed, but which it did not submit.
public struct MentionedJob: WrittenRecord, Equatable {
  /// As the command printed it.
  public var jobID: UInt32
  /// Why the job does not count as the command's.
  public var reason: String

  public init(jobID: UInt32, reason: String) {
    self.jobID = jobID
    self.reason = reason
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("job_id", &jobID)
    members("reason", &reason)
  }
}

/// The job, step and task that duct runs in, from the environment variables that Slurm sets. Each value is as
/// Slurm wrote it; nil if the variable is not set.
public struct OwnJob: WrittenRecord, Equatable {
  /// From `SLURM_JOB_ID`.
  var jobID: String
  /// The cluster of the job. From `SLURM_CLUSTER_NAME`.
  var cluster: String?
  /// From `SLURM_STEP_ID`.
  var stepID: String?
  /// Rank of the task in the step. From `SLURM_PROCID`.
  var procID: String?
  /// How often the job was requeued. From `SLURM_RESTART_COUNT`.
  var restartCount: String?
  /// The node, by Slurm's name. From `SLURMD_NODENAME`.
  var node: String?
  /// From `SLURM_ARRAY_JOB_ID`.
  var arrayJobID: String?
  /// From `SLURM_ARRAY_TASK_ID`.
  var arrayTaskID: String?
  /// From `SLURM_JOB_NAME`.
  var jobName: String?
  /// From `SLURM_JOB_PARTITION`.
  var partition: String?
  /// The nodes of the job as an expression: `node[01-04]`. From `SLURM_JOB_NODELIST`.
  var nodeList: String?
  /// From `SLURM_SUBMIT_HOST`.
  var submitHost: String?
  /// Seconds between start and latest end of the job. From `SLURM_JOB_START_TIME` and `SLURM_JOB_END_TIME`. Slurm 22.05
  /// does not set them.
  var timeLimit: Int?
  /// CPUs of the job or step on this node. From `SLURM_CPUS_ON_NODE`.
  var cpusOnNode: Int?
  /// Bytes that the job or step may use on this node. From `SLURM_MEM_PER_NODE`, or from `SLURM_MEM_PER_CPU` and the
  /// CPUs. Nil if the job did not ask for memory.
  var memoryLimit: Int?

  public mutating func list(_ members: inout RecordMembers) {
    members("own_job_id", &jobID)
    members("own_cluster", &cluster)
    members("own_step_id", &stepID)
    members("own_procid", &procID)
    members("own_restart_count", &restartCount)
    members("own_node", &node)
    members("own_array_job_id", &arrayJobID)
    members("own_array_task_id", &arrayTaskID)
    members("own_job_name", &jobName)
    members("own_partition", &partition)
    members("own_node_list", &nodeList)
    members("own_submit_host", &submitHost)
    members("own_time_limit", &timeLimit)
    members("own_cpus_on_node", &cpusOnNode)
    members("own_memory_limit", &memoryLimit)
  }

  public init?(environment: [String: String]) {
    guard let jobID = environment["SLURM_JOB_ID"] else { return nil }
    self.jobID = jobID
    cluster = environment["SLURM_CLUSTER_NAME"]
    stepID = environment["SLURM_STEP_ID"]
    procID = environment["SLURM_PROCID"]
    restartCount = environment["SLURM_RESTART_COUNT"]
    node = environment["SLURMD_NODENAME"]
    arrayJobID = environment["SLURM_ARRAY_JOB_ID"]
    arrayTaskID = environment["SLURM_ARRAY_TASK_ID"]
    jobName = environment["SLURM_JOB_NAME"]
    partition = environment["SLURM_JOB_PARTITION"]
    nodeList = environment["SLURM_JOB_NODELIST"]
    submitHost = environment["SLURM_SUBMIT_HOST"]
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
    if let start = number("SLURM_JOB_START_TIME"), let end = number("SLURM_JOB_END_TIME"), end > start {
      timeLimit = end - start
    }
    cpusOnNode = number("SLURM_CPUS_ON_NODE")
    let perCPU = number("SLURM_MEM_PER_CPU").flatMap { one in cpusOnNode.flatMap { Self.product(one, $0) } }
    memoryLimit = (number("SLURM_MEM_PER_NODE") ?? perCPU).flatMap { Self.product($0, 1 << 20) }
  }

  private static func product(_ one: Int, _ other: Int) -> Int? {
    let (product, isTooLarge) = one.multipliedReportingOverflow(by: other)
    return isTooLarge ? nil : product
  }
}

/// Counts of one kind of request to Slurm, and its last failure.
public struct QueryStatistics: WrittenRecord {
  /// `SlurmRequest.name` of the kind.
  public var query: String
  /// Number of requests.
  public var asked = 0
  /// Number of answers.
  public var answered = 0
  /// Number of failures.
  public var failed = 0
  /// When duct sent the last request, in seconds since 1970. Nil if it sent none.
  public var lastTime: Double?
  /// When duct sent the last request that was answered, in seconds since 1970. Nil if there was none.
  public var lastAnswerTime: Double?
  /// When duct sent the last request that failed, in seconds since 1970. Nil if there was none.
  public var lastFailureTime: Double?
  /// Nil if there was no failure.
  public var lastFailure: SlurmFailure?

  public init(query: String) {
    self.query = query
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("query", &query)
    members("asked", &asked)
    members("answered", &answered)
    members("failed", &failed)
    members("last_time", &lastTime)
    members("last_answer_time", &lastAnswerTime)
    members("last_failure_time", &lastFailureTime)
    members("last_failure", &lastFailure)
  }
}
