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
    RunOption.all.map { ($0.name, declaration(of: $0)) } + [
      (
        Key.command.stringValue,
        Argument<[String]>(
          wrappedValue: [], parsing: .captureForPassthrough,
          help: ArgumentHelp("The command to run, with its arguments.", valueName: "command"))
      )
    ]

  private static func declaration(of option: RunOption) -> any Sendable {
    if option.isFlag {
      return Flag(wrappedValue: false, name: names(of: option), help: ArgumentHelp(option.helpText))
    }
    let help = ArgumentHelp(option.helpText, valueName: option.valueName)
    let completion: CompletionKind? =
      switch option.value.form {
      case .choice: .list(option.value.choices)
      case .directory: .directory
      default: nil
      }
    if option.value.isList {
      return Option<[String]>(
        wrappedValue: [], name: names(of: option), parsing: .unconditionalSingleValue, help: help,
        completion: completion)
    }
    return Option<String?>(
      name: names(of: option), parsing: option.value.mayStartWithDash ? .unconditional : .next, help: help,
      completion: completion)
  }

  private static func names(of option: RunOption) -> NameSpecification {
    var names: [NameSpecification.Element] = []
    if let letter = option.short?.last { names.append(.customShort(letter, allowingJoined: !option.isFlag)) }
    for name in [option.name, option.alias] {
      if let name { names.append(.customLong(String(name.dropFirst(2)))) }
    }
    return NameSpecification(names)
  }

  // MARK: Reading

  private struct Key: CodingKey {
    static let command = Key(stringValue: "command")
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    for (index, option) in RunOption.all.enumerated() {
      let key = Key(stringValue: option.name)
      if option.isFlag {
        if try values.decode(Flag<Bool>.self, forKey: key).wrappedValue { options.add("", to: index) }
      } else if option.value.isList {
        for text in try values.decode(Option<[String]>.self, forKey: key).wrappedValue {
          options.add(text, to: index)
        }
      } else if let text = try values.decode(Option<String?>.self, forKey: key).wrappedValue {
        options.add(text, to: index)
      }
    }
    command = try values.decode(Argument<[String]>.self, forKey: .command).wrappedValue
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
