import RecordText
import SlurmJobs
import TestSupport
import Testing

@testable import DuctRecords
@testable import DuctReports

/// docs/report.md explains all that programs read.
@Suite struct ReportDocumentTests {
  /// A report in which every list has an entry.
  private func full() throws -> CampaignReport {
    var failed = job(1, .failed, name: "prep", cpu: 10, asked: 8 << 30, used: 1 << 30)
    (failed.exitCode, failed.stdoutPath) = (3, "/nonexistent/out")
    let text = record(
      summary: ", \"start_time\": 900, \"end_time\": 20000",
      members: ", \"run_state\": \"finished\", \"campaign\": \"c2\", \"system\": {\"uid\": 77}")
    var own = job(2, .cancelled, name: "worker")
    own.cancelledBy = 77
    let well = (3...5).map { job($0, name: "prep", cpu: 10, asked: 8 << 30, used: 1 << 30) }
    let run = try run(text)
    var report = CampaignReport(
      [ReportSource(run, jobs: [failed, own] + well)], problem: nil, .init(lines: 3))
    report.compare(with: report, named: "c1")
    return report
  }

  private func names(_ value: JSONValue) -> Set<String> {
    switch value {
    case .object(let members): members.reduce(into: Set(members.keys)) { $0.formUnion(names($1.value)) }
    case .array(let elements): elements.reduce(into: []) { $0.formUnion(names($1)) }
    default: []
    }
  }

  @Test func everyMemberIsExplained() throws {
    let report = try full()
    #expect(
      !report.cancelledByRun.isEmpty && !report.advice.isEmpty && report.attention[0].outputs.count == 1)
    let page = try Documentation.text("docs/report.md")
    let json = try JSONParser.parse(Array(report.text(.json).utf8))
    let unexplained = names(json).filter { !page.contains("`\($0)`") }
    #expect(unexplained == [])
    #expect(names(json).count > 100)
    #expect(json["schema_version"]?.string == "1.0" && page.contains("| `schema_version` | string | `1.0` |"))
    for rule in ReportAdvice.Rule.allCases { #expect(page.contains("| `\(rule.rawValue)` |"), "\(rule)") }
  }

  /// CSV has the members of a job in their order.
  @Test func columnsAreTheMembersOfAJob() throws {
    let report = try full()
    let line = try #require(report.text(.csv).split(separator: "\n").first)
    let columns = line.split(separator: ",").map(String.init)
    guard case .object(let job)? = try JSONParser.parse(Array(report.text(.json).utf8))["jobs"]?.array?.first
    else {
      Issue.record("no job in JSON")
      return
    }
    #expect(columns == ["run_prefix", "run_id", "campaign"] + job.keys.dropFirst())
  }
}
