import DuctSettings

/// docs/options.md.
struct OptionsPage {
  let program: ProgramDescription

  var text: String {
    var lines = [
      "<!-- Made by `make generate` from the declarations of the options. -->", "", "# Options", "",
      "`duct` and `con-duct run` have the same options. They end at the command: everything after it belongs to the",
      "command, also `--`.", "",
      "A value on the command line wins over the environment variable of the option, the variable over `.env` files",
      "(`/etc/duct/.env`, `${XDG_CONFIG_HOME:-~/.config}/duct/.env` and `.duct/.env`, or those that `DUCT_CONFIG_PATHS`",
      "names), later files over earlier ones, and all of them over the default. The man page duct(1) says more about",
      "these files.", "",
    ]
    lines += overview
    for group in RunOption.groups {
      lines += ["", "## \(group.title)"]
      for option in group.options { lines += ["", "### \(option.term)", "", wrapped(option.text)] }
    }
    for subcommand in program.subcommands {
      lines += ["", "## con-duct \(subcommand.name)", "", subcommand.abstract]
      for option in subcommand.options + subcommand.arguments {
        lines += ["", "- \(option.term)", wrapped(option.text, indent: "  ")]
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var overview: [String] {
    ["| option | environment variable | default |", "|---|---|---|"]
      + RunOption.all.map { option in
        let standing = option.facts.first { $0.name == "default" }?.text ?? ""
        let names = [option.short, option.name, option.alias].compactMap { $0 }.map { "`\($0)`" }
        return
          "| \(names.joined(separator: ", ")) | \(option.variable.map { "`\($0)`" } ?? "") | \(standing) |"
      }
  }

  /// Breaks lines of prose.
  private func wrapped(_ text: String, indent: String = "") -> String {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count + 1 + word.count > 115, line != indent {
        lines.append(line)
        line = indent
      }
      line += (line == indent ? "" : " ") + word
    }
    return (lines + [line]).joined(separator: "\n")
  }
}
