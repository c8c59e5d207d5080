internal import RecordText

/// Jobs that have something in common, such as their name, with what became of them.
struct JobGroup: WrittenRecord {
  enum Kind: String, Sendable, CaseIterable {
    case name, array, script, partition, node
  }

  var kind: Kind
  /// The common name, the id of the array, the script as submitted, the partition, or the node.
  var key: String
  /// The cluster of an array or a node; nil for groups of another kind, whose jobs can be of several.
  var cluster: String?
  /// What tells the group apart for people: the key, with the cluster if the report has several.
  var label: String
  /// Jobs and array tasks.
  var count: Int
  /// Those that ended, and not well. Without those that the run itself cancelled.
  var failed: Int
  /// `failed` divided by the number of those that have ended; nil if none has.
  var failureShare: Double?
  /// Allocated CPUs multiplied by elapsed time.
  var cpuHoursAllocated: Double
  /// The distributions, each of the jobs of which the value is known; nil if it is known of none.
  var waitSeconds: Quartiles?
  var elapsedSeconds: Quartiles?
  /// Shares of what was allocated or asked for.
  var cpuUse: Quartiles?
  var memoryUse: Quartiles?

  mutating func list(_ members: inout RecordMembers) {
    members("kind", &kind)
    members("key", &key)
    members("cluster", &cluster)
    members("jobs", &count)
    members("failed_jobs", &failed)
    members("failure_share", &failureShare)
    members("cpu_hours_allocated", &cpuHoursAllocated)
    members("wait_seconds", &waitSeconds)
    members("elapsed_seconds", &elapsedSeconds)
    members("cpu_use", &cpuUse)
    members("memory_use", &memoryUse)
  }
}
