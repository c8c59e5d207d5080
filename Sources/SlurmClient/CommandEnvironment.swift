internal import RecordText

/// The environment for Slurm's commands: the caller's, without variables that change their output.
enum CommandEnvironment {
  /// Variables that set options of the commands or the clusters that they ask.
  private static let leftOut = [
    "SQUEUE_", "SACCT_", "SCONTROL_", "SLURM_CLUSTERS=", "SLURM_JSON=", "SLURM_YAML=",
  ]
  private static let settings = [
    // Times in seconds since 1970.
    "SLURM_TIME_FORMAT=%s",
    // Otherwise, the expression of an array's tasks is truncated to 64 characters.
    "SLURM_BITSTR_LEN=0",
    // Messages in English, because the code searches them for certain words.
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
