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
    guard SubmitOptions.Program(word: program) == .sbatch else {
      throw .notOfSbatch(program.split(separator: "/").last.map(String.init) ?? program)
    }
    options = [program]
    let line = SubmitOptions(words.dropFirst(), of: .sbatch)
    try take(line.options)
    guard let script = line.rest.first, script != "-" else { throw .standardInput }
    self.script = Array(line.rest)
  }

  /// The words to run. Options in front of the script win over those in the script.
  ///
  /// - Parameter array: the tasks and their limit; nil for a job that is no array.
  public func words(array: String?) -> [String] {
    options + (array.map { ["--array=\($0)"] } ?? []) + script
  }

  // MARK: Options

  private mutating func take(_ taken: [SubmitOptions.Option]) throws(Refusal) {
    // The letters that are kept of a word stay one word.
    var isWordOpen = false
    for option in taken {
      guard let name = option.name else { throw .unknownOption(option.words[0]) }
      if name == "wrap" { throw .wrapped }
      if option.lacksValue { throw .lostQuotes }
      if !option.isJoined { isWordOpen = false }
      // sbatch would stay until the job has ended.
      if name == "wait" { continue }
      if isWordOpen {
        options[options.count - 1] += option.words[0].dropFirst()
        options += option.words.dropFirst()
      } else {
        options += option.words
      }
      isWordOpen = true
      note(name, option.value)
    }
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
}
