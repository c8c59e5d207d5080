import DuctSettings
import RecordText

/// The help of a run: `duct --help` and `con-duct run --help`.
///
/// It is made from the declarations of the options. The argument parser could make it too, but takes four milliseconds,
/// and would show all options as one list.
struct RunHelp: Error {
  static let abstract = "Run a command; record what it does, what it uses, and its Slurm jobs."
  static let discussion = """
    duct writes four records, with names that start with the output prefix: stdout and stderr (what the command \
    printed), usage.jsonl (its use of resources over time) and info.json (everything else, with the Slurm jobs that \
    the command submitted). The exit code is the command's own: 128+n if signal n ended it, 127 if it was not found, \
    126 if it could not be executed; 2 for usage errors of duct itself.

    Most options have an environment variable, which can also be set in .env files: /etc/duct/.env, \
    ${XDG_CONFIG_HOME:-~/.config}/duct/.env and .duct/.env, or those of DUCT_CONFIG_PATHS (separated by colons). The \
    command line wins over the environment, the environment over .env files, and later files over earlier ones.
    """

  /// `duct`, or `con-duct run`.
  let program: String

  static func usage(_ program: String) -> String { "\(program) [<options>] <command> [<arguments> …]" }

  /// The help that a command line asks for, if it asks for nothing else. Nil for any other command line.
  ///
  /// - Parameter name: `duct` or `con-duct`.
  init?(asked words: [String], of name: String) {
    switch (name, words) {
    case ("duct", ["--help"]), ("duct", ["-h"]): program = "duct"
    case ("con-duct", ["run", "--help"]), ("con-duct", ["run", "-h"]), ("con-duct", ["help", "run"]):
      program = "con-duct run"
    default: return nil
    }
  }

  init(_ program: String) { self.program = program }

  // MARK: The text

  private static let indent = 2
  /// The column of the texts beside the options.
  private static let textColumn = 26
  /// Columns. Longer lines are hard to read.
  private static let widest = 100
  /// Columns. In a narrower terminal, the terminal breaks the lines.
  private static let narrowest = 60

  /// - Parameter width: columns of the terminal; nil: 80.
  func text(width: Int?) -> String {
    let width = min(max(width ?? 80, Self.narrowest), Self.widest)
    func list(_ title: String, _ entries: [(String, String)]) -> String {
      title + ":\n" + entries.map { Self.entry($0.0, $0.1, width) }.joined()
    }
    let groups = RunOption.groups.map { group in
      list(group.title.uppercased(), group.options.map { (Self.synopsis(of: $0), $0.helpText) })
    }
    let parts =
      [
        Self.wrapped("OVERVIEW: " + Self.abstract, width, indent: 0),
        Self.discussion.split(separator: "\n\n").map { Self.wrapped(String($0), width, indent: 0) }
          .joined(separator: "\n"),
        "USAGE: \(Self.usage(program))\n",
        list("ARGUMENTS", [("<command>", "The command to run, with its arguments.")]),
      ] + groups + [
        list("OTHER OPTIONS", [("--version", "Show the version."), ("-h, --help", "Show this help.")])
      ]
    return parts.joined(separator: "\n")
  }

  private static func synopsis(of option: RunOption) -> String {
    let names = [option.short, option.name, option.alias].compactMap { $0 }.joined(separator: ", ")
    return names + option.valueSynopsis
  }

  private static func entry(_ label: String, _ text: String, _ width: Int) -> String {
    let start = String(repeating: " ", count: indent) + label
    let lines = wrapped(text, width, indent: textColumn)
    // A label that reaches into the column of the texts has a line of its own.
    if start.count >= textColumn { return start + "\n" + lines }
    return start + lines.dropFirst(start.count)
  }

  /// Breaks text at spaces into lines of at most `width` columns, each behind `indent` spaces.
  private static func wrapped(_ text: String, _ width: Int, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return (lines + [margin + line]).joined(separator: "\n") + "\n"
  }
}
