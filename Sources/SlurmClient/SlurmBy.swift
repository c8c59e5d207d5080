/// How to ask Slurm (`--slurm-by`).
public enum SlurmBy: String, Sendable, CaseIterable {
  /// Through libslurm, or through Slurm's commands if libslurm cannot be used.
  case auto
  case library
  case commands
}
