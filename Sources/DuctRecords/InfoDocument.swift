public import RecordText
public import ResilientIO
public import SlurmJobs

/// Where a run is in its life.
public enum RunState: String, Codable, Sendable {
  case running
  case finished
  /// duct was killed; finished later by others, from what was known.
  case interrupted
}

/// info.json: con-duct's members at their places, and duct's behind them.
public struct InfoDocument: Codable, Sendable {
  public var command: String
  public var system: SystemInfo?
  /// Variables of batch systems: PBS_…, SLURM_…, OSG….
  public var env: OrderedFields<String>?
  public var gpu: [GPUInfo]?
  public var ductVersion = Versions.duct
  public var schemaVersion = Versions.schema
  public var executionSummary: ExecutionSummary
  public var outputPaths: LogPaths
  public var workingDirectory: String
  public var message: String

  public var runState: RunState
  public var runID: String
  public var campaign: String?
  public var parentRunID: String?
  /// When duct has written this, in seconds since 1970. Nil in records of older releases.
  public var lastUpdateTime: Double?
  /// Nil in records of older releases.
  public var ductProcess: DuctProcess?
  public var ioEvents: [IOEvent]
  /// How many processes have left the command's session.
  public var processesEscaped: Int?
  /// Descendants that lived on when the command had ended.
  public var processesLeft: [LeftProcessRecord]?
  public var cgroups: [ControlGroup]?
  /// Nil where Slurm was not asked.
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

  enum CodingKeys: String, CodingKey {
    case command, system, env, gpu
    case ductVersion = "duct_version"
    case schemaVersion = "schema_version"
    case executionSummary = "execution_summary"
    case outputPaths = "output_paths"
    case workingDirectory = "working_directory"
    case message
    case runState = "run_state"
    case runID = "run_id"
    case campaign
    case parentRunID = "parent_run_id"
    case lastUpdateTime = "last_update_time"
    case ductProcess = "duct_process"
    case ioEvents = "io_events"
    case processesEscaped = "processes_escaped"
    case processesLeft = "processes_left"
    case cgroups
    case slurm
  }
}

/// A process that lived on.
public struct LeftProcessRecord: Codable, Sendable, Equatable {
  public var pid: Int32
  public var command: String

  public init(pid: Int32, command: String) {
    self.pid = pid
    self.command = command
  }

  enum CodingKeys: String, CodingKey {
    case pid = "left_pid"
    case command = "left_command"
  }
}

extension [JobRecord] {
  /// Without what shall not be recorded of their command lines.
  public func redacted(_ redaction: Redaction) -> [JobRecord] {
    map { job in
      var job = job
      job.submitLine = job.submitLine.map(redaction.applied)
      return job
    }
  }
}

/// What is known of Slurm and of the jobs of a run.
public struct SlurmSection: Codable, Sendable {
  public var clusterName: String?
  public var controllerVersion: String?
  public var libraryVersion: String?
  /// By which way the last answer came; nil while there was none.
  public var askedBy: SlurmWay?
  /// The wckey that the command's jobs carry; nil with the reason beside it.
  public var tag: String?
  public var tagReason: String?
  /// Layers of detection that were in use.
  public var detection: [JobEvidence]
  /// The job that duct itself ran in.
  public var ownJob: OwnJob?
  /// What is not known, and why; nil while all questions were answered.
  public var problem: String?
  public var submittedJobs: [JobRecord]
  /// Jobs that the command named, and that it did not submit.
  public var mentionedJobs: [MentionedJob]
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

  enum CodingKeys: String, CodingKey {
    case clusterName = "cluster_name"
    case controllerVersion = "controller_version"
    case libraryVersion = "library_version"
    case askedBy = "asked_by"
    case tag
    case tagReason = "tag_reason"
    case detection
    case ownJob = "own_job"
    case problem
    case submittedJobs = "submitted_jobs"
    case mentionedJobs = "mentioned_jobs"
    case queries
  }
}

public struct MentionedJob: Codable, Sendable, Equatable {
  public var jobID: UInt32
  public var reason: String

  public init(jobID: UInt32, reason: String) {
    self.jobID = jobID
    self.reason = reason
  }

  enum CodingKeys: String, CodingKey {
    case jobID = "job_id"
    case reason
  }
}

/// The job, step and task that duct ran in, from the environment.
public struct OwnJob: Codable, Sendable, Equatable {
  public var jobID: String
  public var stepID: String?
  public var procID: String?
  public var arrayJobID: String?
  public var arrayTaskID: String?
  public var jobName: String?
  public var partition: String?
  public var nodeList: String?
  public var submitHost: String?

  enum CodingKeys: String, CodingKey {
    case jobID = "own_job_id"
    case stepID = "own_step_id"
    case procID = "own_procid"
    case arrayJobID = "own_array_job_id"
    case arrayTaskID = "own_array_task_id"
    case jobName = "own_job_name"
    case partition = "own_partition"
    case nodeList = "own_node_list"
    case submitHost = "own_submit_host"
  }

  public init?(environment: [String: String]) {
    guard let jobID = environment["SLURM_JOB_ID"] else { return nil }
    self.jobID = jobID
    stepID = environment["SLURM_STEP_ID"]
    procID = environment["SLURM_PROCID"]
    arrayJobID = environment["SLURM_ARRAY_JOB_ID"]
    arrayTaskID = environment["SLURM_ARRAY_TASK_ID"]
    jobName = environment["SLURM_JOB_NAME"]
    partition = environment["SLURM_JOB_PARTITION"]
    nodeList = environment["SLURM_JOB_NODELIST"]
    submitHost = environment["SLURM_SUBMIT_HOST"]
  }
}

/// How often a kind of question was asked, and how the last failure looked.
public struct QueryStatistics: Codable, Sendable {
  public var query: String
  public var asked = 0
  public var answered = 0
  public var failed = 0
  /// Seconds since 1970.
  public var lastTime: Double?
  public var lastAnswerTime: Double?
  public var lastFailureTime: Double?
  public var lastFailure: SlurmFailure?

  public init(query: String) {
    self.query = query
  }

  enum CodingKeys: String, CodingKey {
    case query, asked, answered, failed
    case lastTime = "last_time"
    case lastAnswerTime = "last_answer_time"
    case lastFailureTime = "last_failure_time"
    case lastFailure = "last_failure"
  }
}
