/// The data of a job as Slurm reports it, by library or command. Values that are missing or mean "not set" are nil.
public struct SlurmJobFields: Sendable, Equatable {
  public var jobID: UInt32
  /// Nil if the job is no array.
  public var arrayJobID: UInt32?
  public var arrayTaskID: UInt32?
  /// The waiting tasks that one record stands for, such as `0-19%4`.
  public var arrayTasks: String?
  /// The tasks that waited when accounting last heard of the array's own record: such as `0-19%4`, or as a mask, `0x3C`
  /// for 2 to 5. Some may have started since: those have records of their own.
  public var tasksLeft: String?
  public var hetJobID: UInt32?
  public var hetJobOffset: UInt32?
  public var userID: UInt32?

  public var state: JobState
  public var stateFlags: [String] = []
  public var reason: String?
  /// In the format of wait(2).
  public var exitStatus: UInt32?
  public var derivedExitStatus: UInt32?
  /// The uid of the user who cancelled it.
  public var cancelledBy: UInt32?
  public var restarts: Int?

  public var submitTime: Int?
  public var eligibleTime: Int?
  public var startTime: Int?
  public var endTime: Int?
  /// Seconds that it ran; nil if the start and end times give them.
  public var elapsed: Int?
  public var timeLimitMinutes: UInt32?

  public var nodeCount: UInt32?
  public var cpuCount: UInt32?
  public var nodes: String?
  /// Lists of trackable resources, see `TresText`.
  public var tresRequested: String?
  public var tresAllocated: String?

  /// The session and host of the submitting process.
  public var allocSID: UInt32?
  public var allocNode: String?
  public var cluster: String?
  public var name: String?
  public var userName: String?
  public var account: String?
  public var partition: String?
  public var qos: String?
  public var wckey: String?
  public var workingDir: String?
  public var submitLine: String?
  public var dependency: String?
  /// Nil for jobs without output files of their own: jobs of srun and salloc, and later heterogeneous components.
  public var outputPaths: OutputPaths?

  public init(jobID: UInt32, state: JobState) {
    self.jobID = jobID
    self.state = state
  }
}

/// The data of a job's step in accounting.
public struct SlurmStepFields: Sendable, Equatable {
  /// The step is the job's script.
  public var isBatch: Bool
  /// In the format of wait(2).
  public var exitStatus: UInt32?
  public var startTime: Int?
  /// Nil while it runs.
  public var endTime: Int?
  /// User and system time.
  public var cpuSeconds: Double
  /// The largest resident set of any task, in bytes.
  public var maxRSSBytes: Int64?
  /// The sum of the largest resident sets of all tasks, in bytes.
  public var totalRSSBytes: Int64?
  /// Bytes that read(2) and write(2) of all tasks returned or accepted. Slurm calls them `fs/disk`.
  public var readBytes: Int64?
  public var writtenBytes: Int64?

  public init(isBatch: Bool, cpuSeconds: Double) {
    self.isBatch = isBatch
    self.cpuSeconds = cpuSeconds
  }
}
