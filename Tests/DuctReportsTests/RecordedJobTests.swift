import DuctSettings
import RecordText
import SlurmJobs
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctRecords

/// Jobs in records, also in those of another release of duct.
@Suite struct RecordedJobTests {
  @Test(
    arguments: [
      #"{"job_id": 1, "state": "RUNNING"}"#,
      #"{"job_id": 1, "state": "RUNNING", "state_flags": null, "stale": null, "detected_by": null}"#,
      #"{"array_job_id": 1, "array_task_id": 2, "state": "RUNNING", "source": "slurmrestd"}"#,
      #"{"job_id": 1, "state": "RUNNING", "detected_by": ["tag", "telepathy"]}"#,
    ])
  func aJobIsKnownByItsIdAndState(_ job: String) throws {
    let run = try run(record(jobs: "[\(job)]"))
    #expect(run.jobs.map(\.state) == [.running])
    #expect(run.jobs[0].detectedBy == (job.contains("tag") ? [.tag] : []))
    #expect(run.problem == nil)
  }

  /// An entry that is no valid job is counted, and the problem names the reason.
  @Test(
    arguments: [
      ("{\"state\": \"RUNNING\"}", "there is no job_id"), ("{\"job_id\": 1}", "there is no state"),
      ("7", "it is no object"), ("{\"job_id\": 1e300, \"state\": \"RUNNING\"}", "job_id has another type"),
      (
        "{\"job_id\": 1, \"state\": \"FAILED\", \"tres_requested\": {\"mem\": \"x\"}}",
        "tres_requested.mem has"
      ),
    ])
  func whatIsNoJobIsCountedAndTold(_ entry: String, _ reason: String) throws {
    let run = try run(record(jobs: "[\(entry), {\"job_id\": 5, \"state\": \"COMPLETED\"}, null]"))
    #expect(run.jobs.count == 1 && run.unreadableJobs == 2)
    let problem = try #require(run.problem?.description)
    #expect(problem.hasPrefix("r_info.json: 2 Slurm jobs in it cannot be read: \(reason)"), "\(problem)")
    let texts = try everything([run])
    #expect(texts.contains { $0.hasPrefix("r_: 1 submitted: 1 COMPLETED, and 2 that cannot be read\n") })
    #expect(texts.contains { $0.contains("\n2 of the jobs cannot be read from the records.\n") })
    #expect(texts.filter { $0.contains("\"unreadable_jobs\": 2") }.count == 2, "jobs and report as JSON")
  }

  /// A record that cannot be read at all can have failed jobs.
  @Test func aRecordThatCannotBeReadIsNoYes() throws {
    let sandbox = try Sandbox()
    try sandbox.write(record(jobs: "[{\"job_id\": 5, \"state\": \"COMPLETED\"}]"), to: "good_info.json")
    try sandbox.write("{\"run_id\": ", to: "half_info.json")
    let finder = RunFinder([sandbox.path.string], Surroundings())
    #expect(finder.runs.count == 1 && finder.unreadRecords.count == 1 && finder.problems.count == 1)
    let sources = finder.runs.map { ReportSource($0, jobs: $0.jobs) }
    var contents = CampaignReport.Contents(lines: 0)
    contents.unreadRecords = finder.unreadRecords.map(\.description)
    let report = CampaignReport(sources, problem: nil, contents)
    #expect(report.head.verdict.hasPrefix("Not known: the only known job ended well; "))
    #expect(report.head.verdict.contains("1 record cannot be read"))
    for form in ReportForm.allCases where form != .csv && form != .tsv {
      let text = report.text(form)
      #expect(text.contains("half_info.json") || text.contains("half\\_info"), "\(form): \(text)")
    }
  }

  /// A list that cannot be read is not shown as "no Slurm jobs".
  @Test func noJobIsNotSaidOfWhatCannotBeRead() throws {
    for jobs in ["7", "[7]"] {
      let run = try run(record(jobs: jobs))
      #expect(try everything([run]).contains("r_: 1 that cannot be read\n"))
    }
    let none = try run(record(jobs: "[]"))
    #expect(none.problem == nil)
    #expect(try everything([none]).contains("r_: no Slurm jobs\n"))
  }
}

/// Names that others chose - of jobs, reasons, nodes, files - are shown as plain text everywhere.
@Suite struct ForeignTextTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func failed(_ text: String, output: String) throws -> RecordedRun {
    try sandbox.write(output, to: "out`put")
    var job = JobRecord(state: JobState(rawValue: "FAILED" + text))
    job.jobID = 7
    job.name = text
    job.stateReason = text
    job.nodeList = text
    job.startTime = 1
    job.stdoutPath = sandbox["out`put"].string
    var run = try run(record(members: ", \"run_state\": \(json(text)), \"campaign\": \(json(text))"))
    run.jobs = [job]
    run.prefix = text
    return run
  }

  private func json(_ text: String) -> String {
    String(decoding: JSONWriter.bytes(of: .string(text)), as: UTF8.self)
  }

  @Test func nothingMovesTheCursor() throws {
    let run = try failed("\u{1B}]0;x\u{07}\r\n\u{9B}2J\u{2028}", output: "\u{1B}[2J\n")
    let allowed: Set<Unicode.Scalar> = ["\n", "\t"]
    for text in try everything([run]) {
      let plain = ["\u{1B}[1;31m", "\u{1B}[1;32m", "\u{1B}[0m"].reduce(text) { $0.replacing($1, with: "") }
      let moving = plain.unicodeScalars.filter {
        !allowed.contains($0)
          && [.control, .lineSeparator].contains($0.properties.generalCategory)
      }
      #expect(moving.isEmpty, "\(text)")
    }
  }

  @Test func markdownShowsItAsItIs() throws {
    let run = try failed("<script>`a\\|b`", output: "before\n```\n# no heading\n")
    let report = CampaignReport([run], problem: "<b> & so on", lines: 9)
    let text = report.text(.markdown)
    for part in [
      // A backslash and a bar in a table cell: each is escaped with a backslash.
      #"| \<script\>\`a\\\|b\` |"#, #" (\<script\>\`a\\\|b\`): FAILED\<script\>"#,
      "from ``\(sandbox["out`put"].string)``:\n\n````\nbefore\n```\n# no heading\n````\n",
      #"Slurm did not answer everything: \<b\> \& so on"#,
    ] {
      #expect(text.contains(part), "\(part)\n\(text)")
    }
  }

  @Test(
    arguments: [
      ("OUT_OF_MEMORY", "OUT_OF_MEMORY"), ("log_", #"log\_"#), ("_x_ *y*", #"\_x\_ \*y\*"#),
      ("`\u{301}", "\\`\u{301}"), ("a#1 [b](c)", ##"a\#1 \[b\](c)"##), ("", ""),
    ])
  func escapes(_ text: String, _ expected: String) { #expect(text.markdownEscaped == expected) }

  @Test(arguments: [("plain", "`plain`"), ("a`b", "``a`b``"), ("`", "`` ` ``")])
  func code(_ text: String, _ expected: String) { #expect(text.markdownCode == expected) }
}
