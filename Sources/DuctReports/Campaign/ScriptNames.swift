internal import SlurmJobs

/// Finds the script in the submit lines of jobs; of srun, its command.
///
/// Slurm stores a submit line without quotes, so an argument with a space in it looks like two.
struct ScriptNames {
  /// Jobs of an array have the same submit line, and it can be long.
  private var known: [String: String?] = [:]

  /// The script, as the submit line names it. Nil for a command line (`--wrap`), for standard input, and for salloc.
  mutating func script(of line: String) -> String? {
    if let script = known[line] { return script }
    let script = Self.script(in: line)
    known[line] = script
    return script
  }

  static func script(in line: String) -> String? {
    let words = line.split(separator: " ", maxSplits: 1000).map(String.init)
    guard let program = words.first.flatMap(SubmitOptions.Program.init(word:)) else { return nil }
    // The words of a name with spaces would look like scripts, and an empty value lets an option stand for one.
    let isWrap = { (word: String) in word == "--wrap" || word.hasPrefix("--wrap=") }
    if program == .sbatch, words.contains(where: isWrap) { return nil }
    // The word after an option that is not known can be its value.
    let isDoubtful = { (option: SubmitOptions.Option) in
      option.name == "wrap" || option.name == nil && !option.words[0].contains("=")
    }
    // The components of a heterogeneous job have options each, with colons between. The script is behind the last.
    var rest = words
    repeat {
      let parsed = SubmitOptions(rest.dropFirst(), of: program)
      if parsed.options.contains(where: isDoubtful) { return nil }
      rest = Array(parsed.rest)
    } while rest.first == ":"
    return rest.first.flatMap { $0 == "-" ? nil : $0 }
  }
}
