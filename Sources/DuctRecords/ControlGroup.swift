public import RecordText

/// A control group that the run is in. Its values include everything in the group, also processes that are not
/// the run's. See cgroups(7).
public struct ControlGroup: WrittenRecord, Equatable {
  /// `job`, `step` or `task` for a level that Slurm has created; `own` for the innermost group.
  public var level: String
  /// Path below the mount of the hierarchy, from /proc/self/cgroup. With several hierarchies (version 1): that
  /// of the memory controller.
  public var path: String
  /// Version of the control group interface: 1 or 2.
  public var version: Int
  /// Bytes. From memory.peak (Linux 5.19 and later); version 1: memory.max_usage_in_bytes.
  public var memoryPeak: Int?
  /// Bytes; nil if there is no limit. From memory.max; version 1: memory.limit_in_bytes.
  public var memoryLimit: Int?
  /// Seconds of CPU time since the group was created. From `usage_usec` in cpu.stat; version 1: cpuacct.usage.
  public var cpuSeconds: Double?
  /// Seconds during which the quota held the group back. From `throttled_usec` in cpu.stat; version 1:
  /// `throttled_time`.
  public var throttledSeconds: Double?
  /// Cores; nil if there is no limit. From cpu.max; version 1: cpu.cfs_quota_us divided by cpu.cfs_period_us.
  public var cpuLimit: Double?
  /// Processes of the group that the kernel killed for lack of memory during the run. Nil if the run was over
  /// before the first sample. From `oom_kill` in memory.events; version 1: memory.oom_control.
  public var oomKills: Int?

  public init(level: String, path: String, version: Int) {
    self.level = level
    self.path = path
    self.version = version
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("cgroup_level", &level)
    members("cgroup_path", &path)
    members("cgroup_version", &version)
    members("cgroup_memory_peak", &memoryPeak)
    members("cgroup_memory_limit", &memoryLimit)
    members("cgroup_cpu_seconds", &cpuSeconds)
    members("cgroup_throttled_seconds", &throttledSeconds)
    members("cgroup_cpu_limit", &cpuLimit)
    members("cgroup_oom_kills", &oomKills)
  }
}
