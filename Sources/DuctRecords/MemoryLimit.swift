/// How much memory the run may use, and who says so.
public struct MemoryLimit: Sendable, Equatable {
  public enum Source: String, Codable, Sendable {
    case cgroup
    /// The allocation of the Slurm job that duct runs in, on this node.
    case slurm
  }

  public var bytes: Int
  public var source: Source

  public init(bytes: Int, source: Source) {
    self.bytes = bytes
    self.source = source
  }
}
