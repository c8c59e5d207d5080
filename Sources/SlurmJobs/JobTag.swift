/// The wckey that marks all jobs of a run, including jobs submitted by its jobs.
public enum JobTag {
  public static let prefix = "duct-"
  /// The variables from which sbatch, srun and salloc take a wckey. Command line options override them.
  public static let variables = ["SBATCH_WCKEY", "SLURM_WCKEY", "SALLOC_WCKEY"]

  public static func tag(ofRun runID: String) -> String { prefix + runID }

  /// The id of the run that a wckey belongs to; nil if it is not a tag. Slurm marks a default wckey with a star.
  public static func runID(of wckey: String?) -> String? {
    guard let wckey else { return nil }
    let plain = wckey.hasPrefix("*") ? wckey.dropFirst() : wckey[...]
    return plain.hasPrefix(prefix) ? String(plain.dropFirst(prefix.count)) : nil
  }

  /// The id of the run whose tag this environment carries, which means that duct runs below that run.
  public static func parentRunID(environment: [String: String]) -> String? {
    variables.lazy.compactMap { runID(of: environment[$0]) }.first
  }

  /// A wckey that the user has set, which a tag must not replace, and the variable that contains it.
  public static func ownWckey(environment: [String: String]) -> (variable: String, value: String)? {
    for variable in variables {
      if let value = environment[variable], !value.isEmpty, runID(of: value) == nil {
        return (variable, value)
      }
    }
    return nil
  }
}

/// Whether duct tags the jobs of a run, and if not, why.
public enum TagDecision: Sendable, Equatable {
  case set(tag: String)
  case off(reason: String)

  public var tag: String? {
    guard case .set(let tag) = self else { return nil }
    return tag
  }
}
