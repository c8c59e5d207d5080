import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import DuctReports

@Suite struct ReportTargetTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func forms(_ names: [String], _ form: ReportForm? = nil) throws -> [ReportForm] {
    try ReportTarget.targets(names, form: form).map(\.form)
  }

  private func path(_ name: String) -> String { sandbox[name].string }

  @Test func theNameTellsTheForm() throws {
    #expect(try forms([]) == [.text] && forms([], .csv) == [.csv])
    #expect(
      try forms([path("a.json"), path("b.CSV"), "-", path("c.md")]) == [.json, .csv, .text, .markdown])
    #expect(try forms([path("a.json"), path("b"), "-"], .tsv) == [.tsv, .tsv, .tsv])
  }

  @Test(
    arguments: [
      (["night.pdf"], "tells no form; give --format, or one of .txt, "), (["night"], "tells no form"),
      (["a.json", "a.json"], "two reports cannot go to one place"), ([""], "-o needs the name of a file"),
      (["-", "-"], "two reports"), (["/nonexistent/a.json"], "ENOENT"), (["/etc/passwd/a.json"], "ENOTDIR"),
    ])
  func whatCannotBeWritten(_ names: [String], _ message: String) {
    #expect {
      try ReportTarget.targets(names, form: nil)
    } throws: { "\($0)".contains(message) && !"\($0)".contains("\n") }
  }

  @Test func aDirectoryIsNoFile() throws {
    try sandbox.makeDirectory("d.json")
    #expect { try ReportTarget.targets([path("d.json")], form: nil) } throws: { "\($0)".contains("EISDIR") }
  }

  /// Output files are read for the forms that show them.
  @Test func tablesHaveNoOutputs() {
    #expect(ReportForm.allCases.filter { !$0.hasOutputs } == [.csv, .tsv])
  }
}
