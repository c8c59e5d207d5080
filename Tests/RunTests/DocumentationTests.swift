import DuctSettings
import Glibc
import RecordText
import TestSupport
import Testing

@testable import duct

/// The documentation names every option, variable and member that exists.
@Suite struct DocumentationTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  // MARK: Options

  /// `make generate` writes the man pages and docs/options.md.
  @Test func generatedDocumentsAreUpToDate() async throws {
    let help = try await run(Programs.conDuct, ["--experimental-dump-help"], in: sandbox)
    let check = try await run(
      Programs.folder.appending("generate-documents").string,
      [Documentation.project.string, "--check"], in: sandbox, input: help.stdout)
    #expect(check.code == 0, "\(check.stdout)\(check.stderr)")
  }

  @Test func everyOptionOfARunIsInHelpManPageAndList() async throws {
    let help = try await run(Programs.duct, ["--help"], in: sandbox).stdout
    let page = try Documentation.text("docs/man/duct.1")
    let list = try Documentation.text("docs/options.md")
    #expect(RunOption.all.count > 25)
    for option in RunOption.all {
      let names = [option.short, option.name, option.alias].compactMap { $0 }
      #expect(help.contains(names.joined(separator: ", ") + option.valueSynopsis), "\(option.name)")
      for name in names {
        // The mdoc source has `Fl q`, `Fl -quiet`.
        #expect(page.contains("Fl \(name.dropFirst())"), "\(name)")
        #expect(list.contains("`\(name)`"), "\(name)")
      }
      if let variable = option.variable {
        #expect(help.contains(variable), "\(variable)")
        #expect(page.contains(".It Ev \(variable)\n.Fl \(option.name.dropFirst())\n"), "\(variable)")
        #expect(list.contains("`\(variable)`"), "\(variable)")
      }
    }
  }

  /// The other direction: help shows no option that is declared elsewhere.
  @Test func helpHasNoOptionsOfItsOwn() async throws {
    let help = try await run(Programs.duct, ["--help"], in: sandbox).stdout
    let start = try #require(help.split(separator: "ARGUMENTS:\n").last)
    let shown = start.matches(of: /(?m)^  (-[a-z], )?(--[a-z-]+)/).map { String($0.output.2) }
    #expect(shown == RunOption.all.map(\.name) + ["--version", "--help"])
  }

  @Test(arguments: [["--help"], ["-h"], ["-q", "--help"], ["--help", "x"]])
  func helpIsTheSameUnderBothNames(_ words: [String]) async throws {
    let duct = try await run(Programs.duct, words, in: sandbox)
    let conDuct = try await run(Programs.conDuct, ["run"] + words, in: sandbox)
    #expect(duct.code == 0 && conDuct.code == 0)
    #expect(conDuct.stdout == duct.stdout.replacing("USAGE: duct", with: "USAGE: con-duct run"))
    #expect(try await run(Programs.conDuct, ["help", "run"], in: sandbox).stdout == conDuct.stdout)
  }

  @Test(arguments: [1, 60, 80, 100, 500])
  func helpFitsIntoTheTerminal(_ width: Int) {
    let text = RunHelp("duct").text(width: width)
    let lines = text.split(separator: "\n")
    // The usage line is never broken, and some lines are longer than half of the width.
    let longest = lines.filter { !$0.hasPrefix("USAGE:") }.map(\.count).max() ?? 0
    #expect((min(max(width, 60), 100) - 25...min(max(width, 60), 100)).contains(longest), "\(longest)")
    // No word is lost or broken.
    let words = text.split { $0 == " " || $0 == "\n" }
    #expect(words == RunHelp("duct").text(width: 80).split { $0 == " " || $0 == "\n" })
    #expect(!lines.contains { $0.hasSuffix(" ") })
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionsKnowEveryOptionAndChoice(_ shell: String) async throws {
    func script(_ program: String) async throws -> String {
      try await run(program, ["--generate-completion-script", shell], in: sandbox).stdout
    }
    let (duct, conDuct) = (try await script(Programs.duct), try await script(Programs.conDuct))
    for option in RunOption.all {
      for name in [option.short, option.name, option.alias] {
        guard let name else { continue }
        // fish has `-s q -l quiet`.
        let word =
          shell == "fish" ? "-\(name.hasPrefix("--") ? "l" : "s") '?\(name.drop { $0 == "-" })" : name
        let pattern = try Regex(word)
        #expect(duct.contains(pattern) && conDuct.contains(pattern), "\(name)")
      }
      // A shell would complete the word behind an option that may stand alone, and that is the command.
      guard option.value.alone == nil else { continue }
      for choice in option.value.choices { #expect(duct.contains(choice), "\(choice)") }
    }
    for subcommand in ["run", "ls", "jobs", "report", "recover"] { #expect(conDuct.contains(subcommand)) }
  }

  @Test(arguments: ["ls", "jobs", "report", "recover"])
  func everyOptionOfASubcommandIsInManPageAndList(_ subcommand: String) async throws {
    let help = try await run(Programs.conDuct, [subcommand, "--help"], in: sandbox).stdout
    let page = try Documentation.text("docs/man/con-duct.1")
    let list = try Documentation.text("docs/options.md")
    let start = try #require(help.split(separator: "OPTIONS:\n").last)
    let options = Set(start.matches(of: /(?:^|[ \/])(--[a-z-]+)/).map { String($0.output.1) })
      .subtracting(["--help", "--version"])
    #expect(options.count > 3)
    for option in options {
      #expect(page.contains("Fl \(option.dropFirst())"), "\(option)")
      #expect(list.contains("`\(option)`"), "\(option)")
    }
  }

  @Test(.needs(.programs("groff")), arguments: ["duct", "con-duct"])
  func manPagesAreFormattedWithoutWarnings(_ name: String) async throws {
    let page = Documentation.project.appending("docs/man/\(name).1").string
    let result = try await run("groff", ["-mdoc", "-Tutf8", "-ww", "-rCHECKSTYLE=1", page], in: sandbox)
    #expect(result.code == 0)
    #expect(result.stderr == "")
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
      #expect(try Documentation.text("docs/man/\(name).1").contains(".Sh \(section)\n"), "\(section)")
    }
  }

  // MARK: Records

  @Test func everyMemberOfTheRecordsIsExplained() async throws {
    let result = try await duct(["-q", "--campaign", "c", "sleep", "0.3"], in: sandbox)
    #expect(result.code == 0)
    #expect(try Documentation.unexplained(in: try sandbox.info()) == [])
    for line in try sandbox.usage() { #expect(try Documentation.unexplained(in: line) == []) }
  }
}
