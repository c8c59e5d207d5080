import ArgumentParser
import DuctRecords
import DuctRun
import DuctSettings
import RecordText
import SystemCalls

/// The options of a run for the argument parser. They end at the command: everything after it is the command's.
///
/// The argument parser finds the options of a type through its mirror. This mirror shows `RunOption.all` instead of
/// stored properties, so that no option is declared a second time here.
struct RunArguments: ParsableArguments, CustomReflectable {
  private var options = RunOptions()
  private var command: [String] = []

  init() {}

  // MARK: Declarations

  var customMirror: Mirror {
    let children = Self.declarations.map { (label: $0.label, value: $0.value as Any) }
    return Mirror(self, children: children, displayStyle: .struct)
  }

  /// Made once, because the argument parser asks for the mirror of a new value many times.
  private static let declarations: [(label: String, value: any Sendable)] =
    RunOption.all.map { ($0.name, $0.declaration) } + [
      (
        commandKey.stringValue,
        Argument<[String]>(
          wrappedValue: [], parsing: .captureForPassthrough,
          help: ArgumentHelp("The command to run, with its arguments.", valueName: "command"))
      )
    ]

  // MARK: Reading

  private static let commandKey = OptionKey(stringValue: "command")

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: OptionKey.self)
    options = try RunOptions(RunOption.all.indices, values)
    command = try values.decode(Argument<[String]>.self, forKey: Self.commandKey).wrappedValue
  }

  // MARK: Running

  /// Runs the command, and throws its exit code.
  ///
  /// - Parameter program: what the user calls it by: `duct` or `con-duct run`.
  func execute(as program: String) throws -> Never {
    // The argument parser returns `--help` among the words of the command to run, because it stands where that command
    // could.
    switch command.first {
    case "--help", "-h": throw RunHelp(program)
    case "--version": throw CleanExit.message("duct \(Versions.duct)")
    default: break
    }
    try Self.execute(try given())
  }

  /// Runs the command, and throws its exit code.
  static func execute(_ options: RunOptions) throws -> Never {
    // The threads of a run allocate little. Subcommands that read many records need a heap for each thread.
    useOneHeap()
    let surroundings = Surroundings()
    let settings = try RunSettings(options, surroundings)
    throw ExitCode(try Run.execute(settings, surroundings))
  }

  /// Returns the options and the command.
  ///
  /// - Throws: `UsageError` if the first word of the command looks like an option, because duct does not know this option.
  func given() throws(UsageError) -> RunOptions {
    var words = command[...]
    if words.first == "--" {
      words.removeFirst()
    } else if let first = words.first, first.utf8.first == UInt8(ascii: "-"), first.utf8.count > 1 {
      throw UsageError(
        Suggestion.unknown(
          "option", first, among: RunOption.words + ["--help", "--version"], program: "duct"))
    }
    var options = options
    options.command = words.map(\.originalBytes)
    return options
  }
}
