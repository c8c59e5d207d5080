public import RecordText

/// A task of a step on one node, as its prolog and epilog have announced it: `tasks` of info.json.
public struct StepTask: WrittenRecord, Equatable {
  /// Rank of the task in the step. From `SLURM_PROCID`.
  public var procID: Int
  /// The process that slurmstepd has started for it, in duct's own pid namespace. From `SLURM_TASK_PID`.
  public var pid: Int32
  /// When its prolog ran, in seconds since 1970.
  public var startTime: Double
  /// When it ended, in seconds since 1970: from its pidfd, else when its epilog ran. Nil before, and if neither tells.
  public var endTime: Double?
  /// Bytes: the largest sum of resident memory of the task and its descendants in a sample. Nil if no sample saw it.
  public var peakRSS: Int?
  /// CPU time of the task and its descendants up to the last sample that saw it. Nil if none did.
  public var cpuSeconds: Double?

  public init(procID: Int, pid: Int32, startTime: Double) {
    self.procID = procID
    self.pid = pid
    self.startTime = startTime
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("task_procid", &procID)
    members("task_pid", &pid)
    members("task_start_time", &startTime)
    members("task_end_time", &endTime)
    members("task_peak_rss", &peakRSS)
    members("task_cpu_seconds", &cpuSeconds)
  }
}
