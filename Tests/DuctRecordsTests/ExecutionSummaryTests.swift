import RecordText
import Testing

@testable import DuctRecords

@Suite struct ExecutionSummaryTests {
  /// The default template is made without a check of its fields.
  @Test func theDefaultTemplateShowsFieldsThatExist() throws {
    let template = try #require(ExecutionSummary.defaultTemplate)
    var problems: [String] = []
    let text = template.render(
      ExecutionSummary().templateValues, colors: false, isDisplayed: true, warn: { problems.append("\($0)") })
    #expect(problems == [])
    #expect(text.hasPrefix("Summary:\nExit Code: ") && text.contains("CPU Peak Usage: "))
    #expect(ExecutionSummary.fieldNames.count > 30)
  }

  @Test func whatWasWrittenIsReadBack() throws {
    var summary = ExecutionSummary()
    (summary.exitCode, summary.peakRSS, summary.averagePcpu) = (3, 7, 1.5)
    summary.memoryLimitSource = .slurm
    let read = try ExecutionSummary(json: summary.json())
    #expect(read.json() == summary.json())
  }
}
