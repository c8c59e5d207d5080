/// How much memory the run may use, and where the limit comes from.
public struct MemoryLimit: Sendable, Equatable {
  public enum Source: String, Sendable {
    /// The smallest limit of the run's control groups.
    case cgroup
    /// The allocation of the Slurm job that duct runs in, on this node. From `SLURM_MEM_PER_NODE`, or
    /// `SLURM_MEM_PER_CPU` and `SLURM_CPUS_ON_NODE`.
    case slurm
  }

  public var bytes: Int
  public var source: Source

  public init(bytes: Int, source: Source) {
    self.bytes = bytes
    self.source = source
  }
}
