import RecordText
import TestSupport
import Testing

extension OnSlurm {
  /// Names of jobs are untrusted: every form of a report shows them, and none is broken by them.
  @Suite struct OddNameTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    /// As Slurm has them: an empty name becomes that of the batch script.
    private static let names = [
      "</script>", "<img src=x onerror=alert(1)>", "two\nlines", "=1+1,\"q\" | a", "\u{1B}[31mred",
      "naïve 模型",
      String(repeating: "x", count: 300),
    ]

    private static let script = #"""
      fails() { sbatch -o "${#1}.out" -J "$1" --wrap 'printf "%b" "<b>\\033[31m|\\351\\n"; exit 1'; }
      fails '</script>'; fails '<img src=x onerror=alert(1)>'; fails $'two\nlines'; fails '=1+1,"q" | a'
      fails $'\e[31mred'; fails 'naïve 模型'; fails "$(printf 'x%.0s' {1..300})"; fails $'caf\xe9'; fails ''
      """#

    private func made(_ run: SlurmRun) async throws -> (String) throws -> String {
      let forms = ["json", "md", "txt", "html", "csv", "tsv"]
      let made = try await TestSupport.run(
        Programs.conDuct, ["report", "log_"] + forms.flatMap { ["-o", "all.\($0)"] }, in: fixture.sandbox,
        environment: fixture.testbed.environment)
      #expect(made.code == 0 && made.stderr == "", "\(made.stderr)")
      let sandbox = fixture.sandbox
      return { form in
        let bytes = try sandbox.bytes("all.\(form)")
        let text = try #require(String(validating: bytes, as: UTF8.self), "\(form) is no UTF-8")
        for scalar in text.unicodeScalars where scalar.value < 32 || scalar.value == 127 {
          if scalar != "\n", scalar != "\t" { Issue.record("\(scalar.value) in \(form)") }
        }
        return text
      }
    }

    @Test func everyFormShowsThem() async throws {
      let run = try await fixture.run(Self.script)
      let text = try await made(run)
      let report = try JSONParser.parse(Array(try text("json").utf8))
      let names = report["jobs"]?.array?.compactMap { $0["name"]?.string } ?? []
      #expect(names.count == 9 && Set(Self.names).isSubset(of: names), "\(names)")
      // A byte that is no UTF-8 keeps its value.
      #expect(names.contains { $0.originalBytes == Array("caf".utf8) + [0xE9] })
      let shown = try text("txt")
      for title in [
        "(</script>): FAILED", "(two lines): FAILED", "(caf\u{FFFD}): FAILED", "(naïve 模型): FAILED",
      ] {
        #expect(shown.contains(title), "\(title)")
      }
      #expect(try text("md").contains(#"(\<img src=x onerror=alert(1)\>): FAILED"#))
      let page = try text("html")
      #expect(page.contains("(&lt;img src=x onerror=alert(1)&gt;): FAILED"))
      #expect(!page.contains("<img") && !page.contains("<b>"))
      #expect(page.components(of: "<script").count == page.components(of: "</script>").count)
      // The names are no scripts.
      #expect(report["groups"]?.array?.contains { $0["kind"] == "script" } == false)
      let rows = try text("tsv").split(separator: "\n").map {
        $0.split(separator: "\t", omittingEmptySubsequences: false)
      }
      #expect(rows.count == 10 && Set(rows.map(\.count)).count == 1)
      let place = try #require(rows[0].firstIndex(of: "name"))
      let cells = rows.map { $0[place] }
      #expect(
        cells.contains(#"'=1+1,"q" | a"#) && cells.contains(#"two\nlines"#) && cells.contains(#"caf\xe9"#))
      #expect(try text("csv").contains(#""'=1+1,""q"" | a""#))
    }
  }
}

extension String {
  /// What stands between the occurrences of a text.
  fileprivate func components(of text: String) -> [Substring] {
    split(separator: text, omittingEmptySubsequences: false)
  }
}
