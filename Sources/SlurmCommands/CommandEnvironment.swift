internal import RecordText

/// The environment of Slurm's commands: the caller's, but for what would change what they print.
enum CommandEnvironment {
  /// Options of the commands by variable, and the clusters that they would ask.
  private static let leftOut = [
    "SQUEUE_", "SACCT_", "SCONTROL_", "SLURM_CLUSTERS=", "SLURM_JSON=", "SLURM_YAML=",
  ]
  private static let settings = [
    // Seconds since 1970.
    "SLURM_TIME_FORMAT=%s",
    // Else the expression of an array's tasks is cut at 64 characters.
    "SLURM_BITSTR_LEN=0",
    // Messages in the words that are looked for.
    "LC_ALL=C",
  ]

  static func entries(from environment: [[UInt8]]) -> [[UInt8]] {
    let names = leftOut + settings.map { String($0.prefix { $0 != "=" }) + "=" }
    let kept = environment.filter { entry in !names.contains { entry.starts(with: $0.utf8) } }
    return kept + settings.map { Array($0.utf8) }
  }

  static func value(_ name: String, in environment: [[UInt8]]) -> String? {
    let start = Array("\(name)=".utf8)
    return environment.first { $0.starts(with: start) }.map { String(escaping: $0[start.count...]) }
  }
}
