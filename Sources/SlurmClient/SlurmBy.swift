/// By which way Slurm is asked.
public enum SlurmBy: String, Sendable, CaseIterable {
  /// By libslurm, and by Slurm's commands where that cannot be used.
  case auto
  case library
  case commands
}
