/// The wckey by which all jobs of a run can be told, also those that its jobs submit.
public enum JobTag {
  public static let prefix = "duct-"
  /// What sbatch, srun and salloc take a wckey from; command line options win over them.
  public static let variables = ["SBATCH_WCKEY", "SLURM_WCKEY", "SALLOC_WCKEY"]

  public static func tag(ofRun runID: String) -> String { prefix + runID }

  /// The run that a tag belongs to; nil for other wckeys. Slurm marks a default wckey by a star.
  public static func runID(of wckey: String?) -> String? {
    guard let wckey else { return nil }
    let plain = wckey.hasPrefix("*") ? wckey.dropFirst() : wckey[...]
    return plain.hasPrefix(prefix) ? String(plain.dropFirst(prefix.count)) : nil
  }

  /// The run whose tag this environment carries: we run below it.
  public static func parentRunID(environment: [String: String]) -> String? {
    variables.lazy.compactMap { runID(of: environment[$0]) }.first
  }

  /// A wckey of the user's own, which a tag must not replace, and where it is set.
  public static func ownWckey(environment: [String: String]) -> (variable: String, value: String)? {
    for variable in variables {
      if let value = environment[variable], !value.isEmpty, runID(of: value) == nil {
        return (variable, value)
      }
    }
    return nil
  }
}

/// Whether a run's jobs are tagged, and if not, why.
public enum TagDecision: Sendable, Equatable {
  case set(tag: String)
  case off(reason: String)

  public var tag: String? {
    guard case .set(let tag) = self else { return nil }
    return tag
  }
}
