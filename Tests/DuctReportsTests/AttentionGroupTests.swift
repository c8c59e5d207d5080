import RecordText
import SlurmJobs
import TestSupport
import Testing

@testable import DuctRecords
@testable import DuctReports

/// Jobs that need attention: alike ones are one entry.
@Suite struct AttentionGroupTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func task(_ id: UInt32, of array: UInt32, _ state: JobState) -> JobRecord {
    var job = JobRecord(state: state)
    (job.arrayJobID, job.arrayTaskID, job.name) = (array, id, "prep")
    return job
  }

  private func report(_ jobs: [JobRecord], width: Int? = nil) throws -> CampaignReport {
    let contents = CampaignReport.Contents(lines: 6, width: width)
    return CampaignReport([ReportSource(try run(record()), jobs: jobs)], problem: nil, contents)
  }

  private func attention(_ jobs: [JobRecord]) throws -> String {
    let text = try report(jobs).text(.text)
    let start = try #require(text.firstRange(of: "need attention\n\n")).upperBound
    let end = try #require(text.firstRange(of: "\nRuns\n")).lowerBound
    return String(text[start..<end])
  }

  @Test func tasksThatNeverRanAreOneEntry() throws {
    let tasks = (0..<1988).map { task($0, of: 41, .cancelled) }
    #expect(
      try attention(tasks) == """
        1,988 tasks of 41 (prep): CANCELLED while it waited
          41_0, 41_1, 41_2, 41_3, 41_4, 41_5, 41_6, 41_7 and 1,980 more

        """)
    // All of them are in JSON.
    let json = try JSONParser.parse(Array(try report(tasks).text(.json).utf8))
    #expect(json["jobs"]?.array?.count == 1988)
    #expect(json["jobs"]?.array?.first?["cause"] == "cancelled while it waited")
    #expect(json["attention"]?.array?.first?["job_ids"]?.array?.count == 1988)
  }

  /// The waiting tasks of a large array are one record.
  @Test func oneRecordOfManyTasks() throws {
    var rest = task(0, of: 41, .pending)
    (rest.arrayTaskID, rest.arrayTasks, rest.stateReason) = (nil, "0-99999", "DependencyNeverSatisfied")
    #expect(
      try attention([rest]).hasPrefix(
        "job 41_[0-99999] (prep): PENDING, does not start: a job that it depends on did not end as required"))
  }

  @Test func whatDiffersIsTold() throws {
    var jobs: [JobRecord] = []
    for (id, code) in [(1, 3), (2, 3), (3, 137), (4, 3), (5, 3)] {
      var job = task(UInt32(id), of: 7, .failed)
      (job.exitCode, job.startTime, job.elapsedSeconds, job.nodeList) = (code, 100, 65, "n\(id % 2 + 1)")
      try sandbox.write(
        "begin\nError: task \(id) is wrong\n" + String(repeating: "x\n", count: 40), to: "o\(id)")
      job.stdoutPath = sandbox["o\(id)"].string
      jobs.append(job)
    }
    let text = try attention(jobs)
    #expect(
      text == """
        4 tasks of 7 (prep): FAILED, exit code 3
          7_1, 7_2, 7_4, 7_5
          on n1, n2
          job 7_1: from \(sandbox["o1"].string):
            | begin
            | Error: task 1 is wrong
            | x
            | … (the same line 40 times)

        job 7_3 (prep): FAILED, exit code 137: signal 9 (SIGKILL), on n2, after 01:05
          from \(sandbox["o3"].string):
            | begin
            | Error: task 3 is wrong
            | x
            | … (the same line 40 times)

        """, "\(text)")
    let markdown = try report(jobs).text(.markdown)
    #expect(
      markdown.contains("### 4 tasks of 7 (prep): FAILED, exit code 3\n\n- 7_1, 7_2, 7_4"), "\(markdown)")
  }

  @Test func jobsOfTwoClustersAreTwoEntries() throws {
    let tasks = (0..<20).map { (id: UInt32) -> JobRecord in
      var one = task(id, of: 41, .cancelled)
      one.cluster = id % 2 == 0 ? "c1" : "c2"
      return one
    }
    let entries = try report(tasks).attention
    #expect(
      entries.map(\.title) == [
        "10 tasks of 41 (prep) of cluster c1: CANCELLED while it waited",
        "10 tasks of 41 (prep) of cluster c2: CANCELLED while it waited",
      ])
    #expect(try report([tasks[0]]).attention.map(\.title) == ["job 41_0 (prep): CANCELLED while it waited"])
  }

  /// Not even one that does not exist.
  @Test func withoutLinesNoFileIsRead() throws {
    var job = task(1, of: 7, .failed)
    (job.exitCode, job.startTime, job.stdoutPath) = (1, 100, sandbox["gone"].string)
    var contents = CampaignReport.Contents(lines: 0)
    contents.allOutputs = true
    let report = CampaignReport([ReportSource(try run(record()), jobs: [job])], problem: nil, contents)
    #expect(report.attention.count == 1 && report.attention[0].outputs.isEmpty)
  }

  /// They are read side by side, and stand in the order of the jobs.
  @Test func theOutputsOfManyJobs() throws {
    let jobs = try (0..<300).map { (id: UInt32) -> JobRecord in
      var job = task(id, of: id % 2, .failed)
      (job.exitCode, job.startTime, job.stdoutPath) = (Int(id % 3) + 1, 100, sandbox["o\(id)"].string)
      try sandbox.write("task \(id)\n", to: "o\(id)")
      return job
    }
    for all in [true, false] {
      var contents = CampaignReport.Contents(lines: 1)
      contents.allOutputs = all
      let report = CampaignReport([ReportSource(try run(record()), jobs: jobs)], problem: nil, contents)
      #expect(report.attention.count == 6)
      for entry in report.attention {
        let rows = all ? entry.rows[...] : entry.rows.prefix(1)
        #expect(entry.outputs.flatMap(\.lines) == rows.map { "task \($0)" })
      }
    }
  }

  /// Before, a progress bar of one line with 16,384 columns was all that was shown.
  @Test func anErrorBeforeAProgressBar() throws {
    var job = task(1, of: 7, .failed)
    (job.exitCode, job.startTime) = (1, 100)
    let bar = (0...2000).map { "\r\($0 / 20)%|████      | \($0)/2000 [00:12<00:40, 33.1it/s]" }.joined()
    try sandbox.write(
      "Traceback (most recent call last):\n  File \"a.py\"\nValueError: bad mesh\n" + bar, to: "o")
    job.stdoutPath = sandbox["o"].string
    let lines = try #require(try report([job], width: 40).attention.first?.outputs.first?.lines)
    #expect(lines.prefix(3).last == "ValueError: bad mesh")
    #expect(lines.allSatisfy { $0.displayWidth <= 40 }, "\(lines)")
    #expect(lines.count == 4 && lines[3].hasPrefix("100%|████"))
  }
}
