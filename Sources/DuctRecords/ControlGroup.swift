/// A control group that the run is in, as the kernel counts it: with everything else in it. See cgroups(7).
public struct ControlGroup: Codable, Sendable, Equatable {
  /// Slurm's `job`, `step` or `task`, or `own`: the innermost.
  public var level: String
  /// Below the mount of the hierarchy; of several hierarchies that of memory.
  public var path: String
  /// 1 or 2.
  public var version: Int
  /// Bytes.
  public var memoryPeak: Int?
  public var memoryLimit: Int?
  /// Since the group was made.
  public var cpuSeconds: Double?
  public var throttledSeconds: Double?
  /// Cores; nil without a limit.
  public var cpuLimit: Double?
  /// Processes of it that the kernel has killed for lack of memory during the run.
  public var oomKills: Int?

  public init(level: String, path: String, version: Int) {
    self.level = level
    self.path = path
    self.version = version
  }

  enum CodingKeys: String, CodingKey {
    case level = "cgroup_level"
    case path = "cgroup_path"
    case version = "cgroup_version"
    case memoryPeak = "cgroup_memory_peak"
    case memoryLimit = "cgroup_memory_limit"
    case cpuSeconds = "cgroup_cpu_seconds"
    case throttledSeconds = "cgroup_throttled_seconds"
    case cpuLimit = "cgroup_cpu_limit"
    case oomKills = "cgroup_oom_kills"
  }
}
