import RecordText
import SlurmJobs
import Testing

@testable import DuctRecords
@testable import DuctReports

/// CSV and TSV: one line per job.
@Suite struct SeparatedFormatTests {
  private func lines(_ form: ReportForm, name: String) throws -> [[String]] {
    var one = job(5, .failed, name: name, elapsed: 60, cpus: 2, cpu: 30)
    one.exitCode = 3
    let text = CampaignReport([ReportSource(try run(record()), jobs: [one])], problem: nil, .init(lines: 1))
      .text(form)
    #expect(text.last == "\n")
    return text.split(separator: "\n").map {
      $0.split(separator: form == .csv ? "," : "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test(arguments: [ReportForm.csv, .tsv])
  func aLineHasAllColumns(_ form: ReportForm) throws {
    let lines = try lines(form, name: "plain")
    #expect(lines.count == 2 && lines[0].count == lines[1].count)
    let cells = Dictionary(uniqueKeysWithValues: zip(lines[0], lines[1]))
    #expect(cells["run_prefix"] == "r_" && cells["id"] == "5" && cells["name"] == "plain")
    #expect(cells["state"] == "FAILED" && cells["standing"] == "attention" && cells["cause"] == "exit code 3")
    #expect(cells["cpu_seconds"] == "30.0" && cells["cpu_use"] == "0.25" && cells["elapsed_seconds"] == "60")
    // What is not known is empty, and no 0.
    #expect(cells["memory_used_bytes"] == "" && cells["memory_use"] == "" && cells["gpus"] == "")
  }

  @Test func namesCannotBreakATable() throws {
    func cell(_ form: ReportForm, _ name: String) throws -> String {
      let text = try lines(form, name: name)[1].joined(separator: form == .csv ? "," : "\t")
      let before = form == .csv ? ",,,1," : "\t\t\t1\t"
      let after = form == .csv ? ",,,," : "\t\t\t\t"
      let start = try #require(text.firstRange(of: before)).upperBound
      let end = try #require(text[start...].firstRange(of: after)).lowerBound
      return String(text[start..<end])
    }
    #expect(try cell(.csv, "a,\"b\"") == "\"a,\"\"b\"\"\"")
    #expect(try cell(.tsv, "a,\"b\"") == "a,\"b\"")
    let bytes = String(escaping: [0x61, 0x0A, 0x09, 0x1B, 0xFF])
    for form in [ReportForm.csv, .tsv] {
      #expect(try cell(form, bytes) == #"a\n\t\x1b\xff"#)
      #expect(try cell(form, "=HYPERLINK()") == "'=HYPERLINK()")
      #expect(try cell(form, "-x") == "'-x")
    }
  }

  @Test func aNameTellsTheForm() {
    #expect(
      ReportForm(fileName: "a.b/night.JSON") == .json && ReportForm(fileName: "x.markdown") == .markdown)
    #expect(ReportForm(fileName: "a.csv/night") == nil && ReportForm(fileName: "night") == nil)
    #expect(ReportForm(fileName: "night.pdf") == nil)
    #expect(ReportForm(word: "markdown") == .markdown && ReportForm(word: "md") == .markdown)
  }
}
