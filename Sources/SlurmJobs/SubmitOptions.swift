/// A command line of sbatch or srun, divided into its options and what follows them.
///
/// This is the only place that knows which options have a value.
public struct SubmitOptions: Sendable, Equatable {
  public enum Program: String, Sendable {
    case sbatch, srun

    /// - Parameter word: the first word of a command line, with or without a directory.
    public init?(word: String) {
      self.init(rawValue: word.split(separator: "/").last.map(String.init) ?? word)
    }
  }

  public struct Option: Sendable, Equatable {
    /// The long name; nil if neither it nor the letter is known.
    public var name: String?
    /// As they stand on the line; of letters that share a word, each with a dash of its own.
    public var words: [String]
    public var value: String?
    /// It is a letter that stands in the same word as the one before.
    var isJoined = false
    /// The line ends where the value should be.
    var lacksValue = false
  }

  public private(set) var options: [Option] = []
  /// The script of sbatch or the command of srun, with its arguments.
  public private(set) var rest: ArraySlice<String>
  private let table: Table

  /// - Parameter words: what follows the name of the program.
  public init(_ words: ArraySlice<String>, of program: Program) {
    rest = words
    table = program == .sbatch ? .sbatch : .srun
    while let word = rest.first, word.hasPrefix("-"), word != "-" {
      rest = rest.dropFirst()
      if word == "--" { break }
      if word.hasPrefix("--") { takeLong(word) } else { takeLetters(word) }
    }
  }

  private mutating func takeLong(_ word: String) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = table.fullName(String(parts[0]))
    let value = parts.count == 2 ? String(parts[1]) : nil
    var option = Option(name: name, words: [word], value: value)
    if value == nil, let name, table.withValue.contains(name) { takeValue(of: &option) }
    options.append(option)
  }

  private mutating func takeLetters(_ word: String) {
    var letters = word.dropFirst()
    var isJoined = false
    while let letter = letters.popFirst() {
      guard let name = table.letters[letter] else {
        options.append(Option(name: nil, words: [word]))
        return
      }
      var option = Option(name: name, words: ["-\(letter)"], isJoined: isJoined)
      isJoined = true
      if table.withValue.contains(name) || Table.lettersWithOptionalValue.contains(letter) {
        if !letters.isEmpty {
          option.words = ["-\(letter)\(letters)"]
          option.value = String(letters)
        } else if table.withValue.contains(name) {
          takeValue(of: &option)
        }
        letters = ""
      }
      options.append(option)
    }
  }

  private mutating func takeValue(of option: inout Option) {
    option.value = rest.popFirst()
    if let value = option.value { option.words.append(value) } else { option.lacksValue = true }
  }
}

extension SubmitOptions {
  private struct Table: Sendable, Equatable {
    /// Options that have no value, or whose value stands behind a `=`.
    let withoutValue: Set<String>
    let withValue: Set<String>
    let letters: [Character: String]

    /// Their value, if any, stands in the same word.
    static let lettersWithOptionalValue: Set<Character> = ["k", "I", "K"]

    /// The option that a name or its beginning means; nil if it means none, or several.
    func fullName(_ name: String) -> String? {
      if withValue.contains(name) || withoutValue.contains(name) { return name }
      if name.isEmpty { return nil }
      let found = [withValue, withoutValue].flatMap { $0.lazy.filter { $0.hasPrefix(name) } }
      return found.count == 1 ? found[0] : nil
    }

    static let sbatch = Table(
      withoutValue: flags.union(["get-user-env", "ignore-pbs", "no-requeue", "parsable", "requeue", "wait"]),
      withValue: values.union([
        "array", "batch", "export-file", "kill-on-invalid-dep", "resv-ports", "wait-all-nodes", "wrap",
      ]),
      letters: commonLetters.merging(["a": "array", "W": "wait"]) { $1 })

    static let srun = Table(
      withoutValue: flags.union([
        "bcast", "compress", "disable-status", "exact", "immediate", "interactive", "kill-on-bad-exit",
        "label", "multi-prog", "no-allocate", "oom-kill-step", "overlap", "preserve-env", "pty",
        "quit-on-interrupt", "resv-ports", "send-libs", "unbuffered", "x11",
      ]),
      withValue: values.union([
        "accel-bind", "bcast-exclude", "cpu-bind", "epilog", "het-group", "jobid", "mpi", "msg-timeout",
        "prolog", "relative", "slurmd-debug", "task-epilog", "task-prolog", "threads", "tree-width", "wait",
      ]),
      letters: commonLetters.merging([
        "E": "preserve-env", "I": "immediate", "K": "kill-on-bad-exit", "l": "label", "r": "relative",
        "T": "threads", "u": "unbuffered", "W": "wait", "X": "disable-status", "Z": "no-allocate",
      ]) { $1 })

    // Of both programs.

    private static let commonLetters: [Character: String] = [
      "A": "account", "b": "begin", "B": "extra-node-info", "c": "cpus-per-task", "C": "constraint",
      "d": "dependency", "D": "chdir", "e": "error", "F": "nodefile", "G": "gpus", "H": "hold", "i": "input",
      "J": "job-name", "k": "no-kill", "L": "licenses", "m": "distribution", "M": "clusters", "n": "ntasks",
      "N": "nodes", "o": "output", "O": "overcommit", "p": "partition", "q": "qos", "Q": "quiet",
      "s": "oversubscribe", "S": "core-spec", "t": "time", "v": "verbose", "w": "nodelist", "x": "exclude",
    ]

    private static let flags: Set<String> = [
      "contiguous", "exclusive", "hold", "nice", "no-kill", "overcommit", "oversubscribe", "propagate",
      "quiet", "reboot", "share", "spread-job", "stepmgr", "use-min-nodes", "verbose",
    ]

    private static let values: Set<String> = [
      "account", "acctg-freq", "bb", "bbf", "begin", "chdir", "cluster", "cluster-constraint", "clusters",
      "comment", "constraint", "container", "container-id", "core-spec", "cores-per-socket", "cpu-freq",
      "cpus-per-gpu", "cpus-per-task", "deadline", "delay-boot", "dependency", "distribution", "error",
      "exclude", "export", "extra", "extra-node-info", "gid", "gpu-bind", "gpu-freq", "gpus",
      "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres", "gres-flags", "hint", "input", "job-name",
      "licenses", "mail-type", "mail-user", "mcs-label", "mem", "mem-bind", "mem-per-cpu", "mem-per-gpu",
      "mincpus", "network", "nodefile", "nodelist", "nodes", "ntasks", "ntasks-per-core", "ntasks-per-gpu",
      "ntasks-per-node", "ntasks-per-socket", "open-mode", "output", "partition", "power", "prefer",
      "priority", "profile", "qos", "reservation", "signal", "sockets-per-node", "switches", "thread-spec",
      "threads-per-core", "time", "time-min", "tmp", "tres-bind", "tres-per-task", "uid", "wckey", "workdir",
    ]
  }
}
