public import RecordText

/// An earlier run of a job, which ended when Slurm requeued the job.
public struct JobRun: Record, Equatable {
  /// How it ended: `REQUEUED` if it was requeued on request, `NODE_FAIL` or `PREEMPTED` if Slurm requeued
  /// it by itself.
  public var state = ""
  public var exitCode: Int?
  public var signal: Int?
  /// Seconds since 1970.
  public var submitTime: Int?
  public var startTime: Int?
  public var endTime: Int?
  public var elapsedSeconds: Int?
  public var nodeList: String?
  /// As in JobRecord.
  public var maxRSSBytes: Int64?
  public var maxRSSAllTasksBytes: Int64?
  public var cpuSeconds: Double?

  public init() {}

  init(state: String) { self.state = state }

  public mutating func list(_ members: inout RecordMembers) {
    members("state", &state)
    members("exit_code", &exitCode)
    members("signal", &signal)
    members("submit_time", &submitTime)
    members("start_time", &startTime)
    members("end_time", &endTime)
    members("elapsed_seconds", &elapsedSeconds)
    members("node_list", &nodeList)
    members("max_rss_bytes", &maxRSSBytes)
    members("max_rss_all_tasks_bytes", &maxRSSAllTasksBytes)
    members("cpu_seconds", &cpuSeconds)
  }
}
