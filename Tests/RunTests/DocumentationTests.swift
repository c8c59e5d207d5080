import RecordText
import TestSupport
import Testing

/// The documentation names every option, variable and member that exists.
@Suite struct DocumentationTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// The words of a help text that `isWanted` accepts: `--options`, long and short, and variables.
  private func words(_ help: String, where isWanted: (Substring) -> Bool) -> Set<String> {
    let separators: (Character) -> Bool = { !($0.isLetter || $0.isNumber || "-_".contains($0)) }
    return Set(help.split(whereSeparator: separators).filter(isWanted).map(String.init))
  }

  @Test func everyOptionAndVariableStandsInTheManPage() async throws {
    let help = try await run(Programs.duct, ["--help"], in: sandbox)
    #expect(help.code == 0)
    let page = try Documentation.text("docs/man/duct.1")
    let options = words(help.stdout) { $0.hasPrefix("-") && $0.count > 1 && !$0.hasPrefix("---") }
      .subtracting(["-1"])
    #expect(options.count > 30)
    for option in options {
      // The mdoc source has `Fl q`, `Fl -quiet`.
      let name = option.dropFirst()
      let marks = ["Fl \(name) ", "Fl \(name)\n", ", \(name) ", ", \(name)\n", "Fl \(name) ,"]
      let isThere = marks.contains { page.contains($0) }
      #expect(isThere, "\(option)")
    }
    let variables = words(help.stdout) { $0.hasPrefix("DUCT_") }
    #expect(variables.count > 15)
    #expect(variables.filter { !page.contains($0) } == [])
  }

  @Test(arguments: ["ls", "jobs", "report"])
  func everyOptionOfASubcommandStandsInTheManPage(_ subcommand: String) async throws {
    let help = try await run(Programs.conDuct, [subcommand, "--help"], in: sandbox)
    #expect(help.code == 0)
    let page = try Documentation.text("docs/man/con-duct.1")
    let start = try #require(help.stdout.split(separator: "OPTIONS:\n").last)
    let options = words(String(start)) { $0.hasPrefix("--") && $0.count > 2 }
      .subtracting(["--help", "--version"])
    #expect(!options.isEmpty)
    for option in options where option != "--refresh" {
      let isThere = page.contains("Fl \(option.dropFirst())")
      #expect(isThere, "\(option)")
    }
  }

  @Test func everyMemberOfTheRecordsIsExplained() async throws {
    let result = try await duct(["-q", "--campaign", "c", "sleep", "0.3"], in: sandbox)
    #expect(result.code == 0)
    #expect(try Documentation.unexplained(in: try sandbox.info()) == [])
    for line in try sandbox.usage() { #expect(try Documentation.unexplained(in: line) == []) }
  }
}
