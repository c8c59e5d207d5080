/// Finds the script in the submit lines of jobs.
///
/// Slurm stores a submit line without quotes, so an argument with a space in it looks like two.
struct ScriptNames {
  /// Jobs of an array have the same submit line, and it can be long.
  private var known: [String: String?] = [:]

  /// Short options of sbatch that take no value.
  private static let flags = Set("hHIkKOQsuvVW")
  /// Long options of sbatch that take no value, or only one after `=`.
  private static let longFlags: Set<Substring> = [
    "contiguous", "exclusive", "get-user-env", "help", "hold", "ignore-pbs", "nice", "no-kill", "no-requeue",
    "overcommit", "oversubscribe", "parsable", "propagate", "quiet", "reboot", "requeue", "share",
    "spread-job",
    "test-only", "usage", "use-min-nodes", "verbose", "version", "wait",
  ]

  /// The script, as the submit line names it. Nil for a command line (`--wrap`), for standard input, and for salloc.
  mutating func script(of line: String) -> String? {
    if let script = known[line] { return script }
    let script = Self.script(in: line)
    known[line] = script
    return script
  }

  static func script(in line: String) -> String? {
    var words = line.split(separator: " ", maxSplits: 1000)[...]
    guard let program = words.popFirst(), ["sbatch", "srun"].contains(program.lastPathComponent) else {
      return nil
    }
    // The words of a name with spaces would look like scripts, and an empty value lets an option stand for one.
    if words.contains(where: { $0 == "--wrap" || $0.hasPrefix("--wrap=") }) { return nil }
    while let word = words.popFirst() {
      if word.hasPrefix("--") {
        let name = word.dropFirst(2)
        if name.hasPrefix("wrap") { return nil }
        if !name.contains("="), !longFlags.contains(name) { _ = words.popFirst() }
      } else if word.hasPrefix("-"), word.count > 1 {
        // `-vn 4`: flags can stand together, and the last letter can take a value.
        guard let letter = word.dropFirst().first(where: { !flags.contains($0) }) else { continue }
        if word.last == letter, word.firstIndex(of: letter) == word.index(before: word.endIndex) {
          _ = words.popFirst()
        }
      } else {
        return word == "-" ? nil : String(word)
      }
    }
    return nil
  }
}

extension Substring {
  fileprivate var lastPathComponent: Substring {
    self[(lastIndex(of: "/").map(index(after:)) ?? startIndex)...]
  }
}
