/// A command line of sbatch as Slurm keeps it: the words, joined by spaces, without the quotes that the shell had.
///
/// So a word that held a space cannot be told from two words. What shows that a word held one is refused.
public struct SubmitLine: Sendable, Equatable {
  /// The program and its options, up to the script.
  public private(set) var options: [String]
  /// The script and its arguments.
  public private(set) var script: [String] = []
  /// What `--array` says on the line; nil if it says nothing.
  public private(set) var array: String?
  /// The value of `--chdir`; nil if there is none.
  public private(set) var directory: String?
  /// The jobs that it waits for; nil if there are none.
  public private(set) var dependency: String?
  public private(set) var cluster: String?

  /// Why a line cannot be run again.
  public enum Refusal: Error, Equatable {
    case notOfSbatch(String)
    /// A word held spaces, quotes or control characters, or is empty.
    case lostQuotes
    case wrapped
    case standardInput
    case unknownOption(String)

    public var text: String {
      switch self {
      case .notOfSbatch(let program): "\(program) submitted it, not sbatch"
      case .lostQuotes: "Slurm has not kept the quotes around a word of its submit line"
      case .wrapped: "Slurm has not kept the quotes around the command of --wrap"
      case .standardInput: "its script came from standard input, which Slurm does not keep"
      case .unknownOption(let word): "its submit line has an option that duct does not know: \(word)"
      }
    }
  }

  public init(_ line: String) throws(Refusal) {
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    // slurmdbd stores a double quote as a backtick.
    let marks: Set<Unicode.Scalar> = ["\"", "'", "`", "\\"]
    let isPlain = line.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value != 0x7F && !marks.contains($0)
    }
    guard isPlain, words.allSatisfy({ !$0.isEmpty }), let program = words.first else { throw .lostQuotes }
    let name = program.split(separator: "/").last.map(String.init) ?? program
    if name != "sbatch" { throw .notOfSbatch(name) }
    options = [program]
    var rest = words.dropFirst()
    while let word = rest.first, word.hasPrefix("-"), word != "-" {
      rest = rest.dropFirst()
      if word == "--" { break }
      try word.hasPrefix("--") ? takeLong(word, &rest) : takeShort(word, &rest)
    }
    guard let script = rest.first, script != "-" else { throw .standardInput }
    self.script = Array(rest)
  }

  /// The words to run. Options in front of the script win over those in the script.
  ///
  /// - Parameter array: the tasks and their limit; nil for a job that is no array.
  public func words(array: String?) -> [String] {
    options + (array.map { ["--array=\($0)"] } ?? []) + script
  }

  // MARK: Options

  private mutating func takeLong(_ word: String, _ rest: inout ArraySlice<String>) throws(Refusal) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = Self.fullName(String(parts[0])) else { throw .unknownOption(word) }
    if name == "wrap" { throw .wrapped }
    // sbatch would stay until the job has ended.
    if name == "wait" { return }
    var value = parts.count == 2 ? String(parts[1]) : nil
    options.append(word)
    if value == nil, Self.withValue.contains(name) {
      guard let next = rest.popFirst() else { throw .lostQuotes }
      options.append(next)
      value = next
    }
    note(name, value)
  }

  private mutating func takeShort(_ word: String, _ rest: inout ArraySlice<String>) throws(Refusal) {
    var kept = "-"
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      if let name = Self.shortWithValue[letter] {
        kept.append(letter)
        if letters.isEmpty {
          guard let next = rest.popFirst() else { throw .lostQuotes }
          options += [kept, next]
          note(name, next)
        } else {
          options.append(kept + letters)
          note(name, String(letters))
        }
        return
      }
      switch letter {
      case "W": continue
      // The only one whose value is optional.
      case "k":
        options.append(kept + "k" + letters)
        return
      case "H", "O", "Q", "s", "v": kept.append(letter)
      default: throw .unknownOption(word)
      }
    }
    if kept != "-" { options.append(kept) }
  }

  private mutating func note(_ name: String, _ value: String?) {
    switch name {
    case "array": array = value
    case "chdir", "workdir": directory = value
    case "dependency": dependency = value
    case "cluster", "clusters": cluster = value
    default: break
    }
  }

  /// The option that a name or its beginning means; nil if it means none, or several.
  private static func fullName(_ name: String) -> String? {
    if withValue.contains(name) || withoutValue.contains(name) { return name }
    let found = withValue.union(withoutValue).filter { !name.isEmpty && $0.hasPrefix(name) }
    return found.count == 1 ? found.first : nil
  }

  private static let shortWithValue: [Character: String] = [
    "a": "array", "A": "account", "b": "begin", "B": "extra-node-info", "c": "cpus-per-task",
    "C": "constraint",
    "d": "dependency", "D": "chdir", "e": "error", "F": "nodefile", "G": "gpus", "i": "input",
    "J": "job-name",
    "L": "licenses", "m": "distribution", "M": "clusters", "n": "ntasks", "N": "nodes", "o": "output",
    "p": "partition", "q": "qos", "S": "core-spec", "t": "time", "w": "nodelist", "x": "exclude",
  ]

  /// Options that have no value, or whose value stands behind a `=`.
  private static let withoutValue: Set<String> = [
    "contiguous", "exclusive", "get-user-env", "hold", "ignore-pbs", "nice", "no-kill", "no-requeue",
    "overcommit",
    "oversubscribe", "parsable", "propagate", "quiet", "reboot", "requeue", "share", "spread-job",
    "use-min-nodes", "verbose", "wait", "stepmgr",
  ]

  private static let withValue: Set<String> = [
    "account", "acctg-freq", "array", "batch", "bb", "bbf", "begin", "chdir", "cluster", "cluster-constraint",
    "clusters", "comment", "constraint", "container", "container-id", "core-spec", "cores-per-socket",
    "cpu-freq", "cpus-per-gpu", "cpus-per-task", "deadline", "delay-boot", "dependency", "distribution",
    "error",
    "exclude", "export", "export-file", "extra", "extra-node-info", "gid", "gpu-bind", "gpu-freq", "gpus",
    "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres", "gres-flags", "hint", "input", "job-name",
    "kill-on-invalid-dep", "licenses", "mail-type", "mail-user", "mcs-label", "mem", "mem-bind",
    "mem-per-cpu",
    "mem-per-gpu", "mincpus", "network", "nodefile", "nodelist", "nodes", "ntasks", "ntasks-per-core",
    "ntasks-per-gpu", "ntasks-per-node", "ntasks-per-socket", "open-mode", "output", "partition", "power",
    "prefer", "priority", "profile", "qos", "reservation", "resv-ports", "signal", "sockets-per-node",
    "switches", "thread-spec", "threads-per-core", "time", "time-min", "tmp", "tres-bind", "tres-per-task",
    "uid",
    "wait-all-nodes", "wckey", "workdir", "wrap",
  ]
}
