internal import RecordText
internal import ResilientIO
internal import SlurmJobs

/// Where a run is in its life.
enum RunState: String, Codable, Sendable {
  case running
  case finished
  /// duct was killed; finished later by others, from what was known.
  case interrupted
}

/// info.json: con-duct's members at their places, and duct's behind them.
struct InfoDocument: Codable, Sendable {
  var command: String
  var system: SystemInfo?
  /// Variables of batch systems: PBS_…, SLURM_…, OSG….
  var env: OrderedFields<String>?
  var gpu: [GPUInfo]?
  var ductVersion = Versions.duct
  var schemaVersion = Versions.schema
  var executionSummary: ExecutionSummary
  var outputPaths: LogPaths
  var workingDirectory: String
  var message: String

  var runState: RunState
  var runID: String
  var campaign: String?
  var parentRunID: String?
  /// When duct has written this, in seconds since 1970. Nil in records of older releases.
  var lastUpdateTime: Double?
  /// Nil in records of older releases.
  var ductProcess: DuctProcess?
  var ioEvents: [IOEvent]
  /// How many processes have left the command's session.
  var processesEscaped: Int?
  /// Descendants that lived on when the command had ended.
  var processesLeft: [LeftProcessRecord]?
  var cgroups: [ControlGroup]?
  /// Nil where Slurm was not asked.
  var slurm: SlurmSection?

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
struct LeftProcessRecord: Codable, Sendable, Equatable {
  var pid: Int32
  var command: String

  enum CodingKeys: String, CodingKey {
    case pid = "left_pid"
    case command = "left_command"
  }
}

extension [JobRecord] {
  /// Without what shall not be recorded of their command lines.
  func redacted(_ redaction: Redaction) -> [JobRecord] {
    map { job in
      var job = job
      job.submitLine = job.submitLine.map(redaction.applied)
      return job
    }
  }
}

/// What is known of Slurm and of the jobs of a run.
struct SlurmSection: Codable, Sendable {
  var clusterName: String?
  var controllerVersion: String?
  var libraryVersion: String?
  /// By which way the last answer came; nil while there was none.
  var askedBy: SlurmWay?
  /// The wckey that the command's jobs carry; nil with the reason beside it.
  var tag: String?
  var tagReason: String?
  /// Layers of detection that were in use.
  var detection: [JobEvidence]
  /// The job that duct itself ran in.
  var ownJob: OwnJob?
  /// What is not known, and why; nil while all questions were answered.
  var problem: String?
  var submittedJobs: [JobRecord]
  /// Jobs that the command named, and that it did not submit.
  var mentionedJobs: [MentionedJob]
  var queries: [QueryStatistics]

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

struct MentionedJob: Codable, Sendable, Equatable {
  var jobID: UInt32
  var reason: String

  enum CodingKeys: String, CodingKey {
    case jobID = "job_id"
    case reason
  }
}

/// The job, step and task that duct ran in, from the environment.
struct OwnJob: Codable, Sendable, Equatable {
  var jobID: String
  var stepID: String?
  var procID: String?
  var arrayJobID: String?
  var arrayTaskID: String?
  var jobName: String?
  var partition: String?
  var nodeList: String?
  var submitHost: String?

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

  init?(environment: [String: String]) {
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
struct QueryStatistics: Codable, Sendable {
  var query: String
  var asked = 0
  var answered = 0
  var failed = 0
  /// Seconds since 1970.
  var lastTime: Double?
  var lastAnswerTime: Double?
  var lastFailureTime: Double?
  var lastFailure: SlurmFailure?

  enum CodingKeys: String, CodingKey {
    case query, asked, answered, failed
    case lastTime = "last_time"
    case lastAnswerTime = "last_answer_time"
    case lastFailureTime = "last_failure_time"
    case lastFailure = "last_failure"
  }
}
