/// One option of a run.
///
/// Each option is declared once, in one of the files `RunOption+….swift`; `RunOption.groups` lists them. All that
/// concerns options follows from these declarations: both readers of the command line (`RunArguments` and
/// `QuickRunArguments`), environment variables, help, completions, man pages, and docs/options.md. The options of `ls`,
/// `jobs`, `report` and `recover` are declared in their subcommands.
///
/// `help` and `details` are plain sentences in which words between backquotes are literal.
public struct RunOption: Sendable {
  /// With its dashes: `--log-level`.
  public let name: String
  /// A letter with its dash: `-l`.
  public let short: String?
  /// A second long name, for compatibility with con-duct: `--s-i`.
  public let alias: String?
  /// The environment variable that sets the option if the command line does not.
  public let variable: String?
  /// What stands for the value in help, such as `seconds`. Empty for a flag.
  public let valueName: String
  public let value: Value
  /// What the option does: a sentence or two for the terminal.
  public let help: String
  /// What only the man page and docs/options.md say in addition.
  public let details: String
  /// The default in words, if `value` cannot show it.
  private let defaultInWords: String?

  init(
    _ name: String, short: String? = nil, alias: String? = nil, takes valueName: String = "", _ value: Value,
    variable: String? = nil, default defaultInWords: String? = nil, help: String, details: String = ""
  ) {
    self.name = name
    self.short = short
    self.alias = alias
    self.valueName = valueName
    self.value = value
    self.variable = variable
    self.defaultInWords = defaultInWords
    self.help = help
    self.details = details
  }

  public var isFlag: Bool { value.form == .flag }

  /// What stands behind the name in help: ` <seconds>`, `[=<cache>]` or nothing.
  public var valueSynopsis: String {
    if isFlag { return "" }
    return value.alone == nil ? " <\(valueName)>" : "[=<\(valueName)>]"
  }

  /// What help, man page and docs/options.md say after the sentences: the default, the choices, the variable. Literal
  /// words are between backquotes.
  public var facts: [(name: String, text: String)] {
    let standing = defaultInWords ?? value.text(in: Self.standard).map { "`\($0)`" }
    let choices = value.choices.map { "`\($0)`" }.joined(separator: ", ")
    let facts: [(String, String?)] = [
      ("default", standing), ("values", choices.isEmpty ? nil : choices),
      ("environment", variable.map { "`\($0)`" }),
    ]
    return facts.compactMap { name, text in text.map { (name, $0) } }
  }

  /// What the help on the terminal says: the sentences, and the facts behind them.
  public var helpText: String {
    let facts = facts.map { "\($0.name): \($0.text)" }.joined(separator: "; ")
    let text = facts.isEmpty ? help : "\(help) (\(facts))"
    return text.filter { $0 != "`" }
  }

  private static let standard = RunSettings()
}

extension RunOption {
  /// Options that belong together, under a title in the man page and docs/options.md.
  public struct Group: Sendable {
    public let title: String
    public let options: [RunOption]
  }

  public static let groups = [logging, records, processes, slurm, delivery, secrets]

  /// All options. An index into this array identifies an option.
  public static let all = groups.flatMap { $0.options }

  /// The index of the option that the command line calls `word`.
  public static func index(of word: String) -> Int? {
    all.firstIndex { $0.name == word || $0.short == word || $0.alias == word }
  }

  /// Every word that names an option on the command line.
  public static var words: [String] { all.flatMap { [$0.name, $0.alias, $0.short].compactMap { $0 } } }
}
