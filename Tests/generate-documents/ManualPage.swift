import DuctSettings

/// A manual page made of its hand-written source, the options of a run, and the subcommands.
struct ManualPage {
  let source: PageSource
  let program: ProgramDescription
  private var lines: [String] = []

  init(_ source: PageSource, _ program: ProgramDescription) {
    self.source = source
    self.program = program
    lines = [
      ".\\\" Made by `make generate` from docs/man/\(source.name).md and the declarations of the options.",
      ".Dd \(source.date)", ".Dt \(source.name.uppercased()) 1", ".Os", ".Sh NAME", ".Nm \(source.name)",
      ".Nd \(source.abstract)",
    ]
    for (index, block) in source.blocks.enumerated() { add(block, at: index) }
  }

  var text: String { lines.joined(separator: "\n") + "\n" }

  private mutating func add(_ block: PageSource.Block, at index: Int) {
    switch block {
    case .section(let title): lines.append(".Sh \(title)")
    case .subsection(let title): lines.append(".Ss \(title)")
    case .paragraph(let text):
      if follows(index, { $0.isText }) { lines.append(".Pp") }
      lines += Mdoc.lines(text)
    case .example(let examples): lines += examples.map { ".Dl \(Mdoc.escaped($0))" }
    case .definition(let term, let text):
      if !follows(index, { $0.isDefinition }) { lines.append(".Bl -tag -width Ds") }
      lines.append(".It \(Mdoc.arguments(term))")
      lines += Mdoc.lines(text)
      if index + 1 == source.blocks.count || !source.blocks[index + 1].isDefinition { lines.append(".El") }
    case .generated(let what, let argument): generate(what, argument)
    }
  }

  /// Whether the block before this one is of a kind.
  private func follows(_ index: Int, _ isOfKind: (PageSource.Block) -> Bool) -> Bool {
    index > 0 && isOfKind(source.blocks[index - 1])
  }

  // MARK: Generated parts

  private mutating func generate(_ what: String, _ name: String?) {
    if let name {
      guard let subcommand = program.subcommands.first(where: { $0.name == name }) else {
        fail("docs/man/\(source.name).md: there is no subcommand \(name)")
      }
      switch what {
      case "synopsis": synopsis(subcommand)
      case "options": list(subcommand.options.map { ($0.term, $0.text) })
      default: fail("docs/man/\(source.name).md: nothing is made for @\(what)")
      }
      return
    }
    switch what {
    case "usage":
      lines += [".Nm"] + (source.name == "duct" ? [] : [".Cm run"])
      lines += [".Op Ar options", ".Ar command", ".Op Ar arguments ..."]
    case "options":
      for group in RunOption.groups {
        lines.append(".Ss \(group.title)")
        list(group.options.map { ($0.term, $0.text) })
      }
    case "variables":
      list(RunOption.all.compactMap { option in option.variable.map { ("`\($0)`", "`\(option.name)`") } })
    default: fail("docs/man/\(source.name).md: nothing is made for @\(what)")
    }
  }

  private mutating func list(_ items: [(term: String, text: String)]) {
    lines.append(".Bl -tag -width Ds")
    for item in items {
      lines.append(".It \(Mdoc.arguments(item.term))")
      lines += Mdoc.lines(item.text)
    }
    lines.append(".El")
  }

  private mutating func synopsis(_ subcommand: Subcommand) {
    lines += [".Nm", ".Cm \(subcommand.name)"]
    for option in subcommand.options {
      let value = option.valueName.map { " Ar \($0)" + (option.isRepeating ? " ..." : "") } ?? ""
      lines.append(".Op \(option.shortestName.map { "Fl \($0.dropFirst())" } ?? "")\(value)")
    }
    for argument in subcommand.arguments { lines.append(".Op Ar \(argument.valueName ?? "") ...") }
  }
}

extension PageSource.Block {
  fileprivate var isDefinition: Bool { if case .definition = self { true } else { false } }
  fileprivate var isText: Bool {
    switch self {
    case .paragraph, .example, .definition, .generated: true
    case .section, .subsection: false
    }
  }
}
