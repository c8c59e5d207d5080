/// An earlier run of a job, which ended when Slurm requeued the job.
public struct JobRun: Codable, Sendable, Equatable {
  /// How it ended: `REQUEUED` if it was requeued on request, `NODE_FAIL` or `PREEMPTED` if Slurm requeued
  /// it by itself.
  public var state: String
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

  enum CodingKeys: String, CodingKey {
    case state
    case exitCode = "exit_code"
    case signal
    case submitTime = "submit_time"
    case startTime = "start_time"
    case endTime = "end_time"
    case elapsedSeconds = "elapsed_seconds"
    case nodeList = "node_list"
    case maxRSSBytes = "max_rss_bytes"
    case maxRSSAllTasksBytes = "max_rss_all_tasks_bytes"
    case cpuSeconds = "cpu_seconds"
  }
}
