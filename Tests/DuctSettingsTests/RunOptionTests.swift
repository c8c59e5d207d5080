import DuctRecords
import Testing

@testable import DuctSettings

/// The declarations of options agree with each other.
@Suite struct RunOptionTests {
  private let options = RunOption.all

  @Test func namesAreUniqueAndWellFormed() {
    #expect(Set(RunOption.words).count == RunOption.words.count)
    for (index, option) in options.enumerated() {
      #expect(option.name.wholeMatch(of: /--[a-z]+(-[a-z]+)*/) != nil, "\(option.name)")
      if let short = option.short { #expect(short.wholeMatch(of: /-[a-z]/) != nil, "\(short)") }
      if let alias = option.alias { #expect(alias.hasPrefix("--"), "\(alias)") }
      for name in [option.name, option.short, option.alias] {
        if let name { #expect(RunOption.index(of: name) == index, "\(name)") }
      }
      #expect(option.isFlag == option.valueName.isEmpty, "\(option.name)")
    }
    #expect(RunOption.index(of: "--nope") == nil)
  }

  /// Users derive the name of a variable from that of the option.
  @Test func aVariableHasTheNameOfItsOption() {
    for option in options {
      guard let variable = option.variable else { continue }
      let expected = option.name.dropFirst(2).uppercased().replacing("-", with: "_")
      #expect(variable == "DUCT_" + expected)
    }
  }

  @Test func textsAreWholeSentencesWithPairedBackquotes() {
    for option in options {
      for text in [option.help, option.details] where !text.isEmpty {
        #expect(
          text.hasSuffix(".") && text.first?.isLowercase != true || text.hasPrefix("`"), "\(option.name)")
        #expect(text.count(where: { $0 == "`" }).isMultiple(of: 2), "\(option.name)")
        #expect(!text.contains("\n"), "\(option.name)")
      }
    }
  }

  /// Each value reaches the settings, and the command line and the variable set the same member.
  @Test func everyOptionSetsSomething() throws {
    let surroundings = Surroundings(entries: [Array("DUCT_CONFIG_PATHS=/nonexistent".utf8)])
    let standard = "\(RunSettings())"
    for option in options {
      let text =
        switch option.value.form {
        case .flag: ""
        case .number: "45.5"
        case .size: "5M"
        case .text, .directory: ["--slurm-detect", "--redact"].contains(option.name) ? "tag" : "{pid}"
        case .choice: option.value.choices.last ?? ""
        }
      var settings = RunSettings()
      if option.name == "--summary-format" {
        #expect(throws: UsageError.self) {
          try option.value.set(text, of: option.name, in: &settings, surroundings)
        }
        continue
      }
      try option.value.set(text, of: option.name, in: &settings, surroundings)
      #expect("\(settings)" != standard, "\(option.name)")
    }
  }

  @Test func factsShowDefaultChoicesAndVariable() throws {
    func facts(_ name: String) throws -> [String: String] {
      let option = options[try #require(RunOption.index(of: name))]
      return Dictionary(uniqueKeysWithValues: option.facts.map { ($0.name, $0.text) })
    }
    #expect(try facts("--sample-interval") == ["default": "`1.0`", "environment": "`DUCT_SAMPLE_INTERVAL`"])
    #expect(
      try facts("--slurm") == [
        "default": "`auto`", "values": "`auto`, `on`, `off`", "environment": "`DUCT_SLURM`",
      ])
    #expect(try facts("--quiet") == [:])
    for option in options where option.value.form == .number {
      #expect(try facts(option.name)["default"] != nil)
    }
  }

  @Test func theLastTextWinsUnlessTheOptionIsAList() throws {
    let (message, redact) = (
      try #require(RunOption.index(of: "--message")), try #require(RunOption.index(of: "--redact"))
    )
    var given = RunOptions()
    for text in ["a", "b"] {
      given.add(text, to: redact)
      given.add(text, to: message)
    }
    #expect(given["--message"] == "b")
    #expect(given.given.filter { $0.option == redact }.map(\.text) == ["a", "b"])
    var other = RunOptions()
    other.add("b", to: message)
    for text in ["a", "b"] { other.add(text, to: redact) }
    #expect(given == other)
  }
}
