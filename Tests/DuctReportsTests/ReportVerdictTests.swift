import RecordText
import SlurmJobs
import Testing

@testable import DuctRecords
@testable import DuctReports

/// The answer to "did all run?" tells what is known, and what is open.
@Suite struct ReportVerdictTests {
  private let running = record(
    summary: ", \"exit_code\": null, \"start_time\": 900",
    members: ", \"run_state\": \"running\", \"last_update_time\": 9e9")
  private let interrupted = record(
    summary: ", \"exit_code\": null", members: ", \"run_state\": \"interrupted\"")

  private func report(
    _ jobs: [JobRecord], _ texts: [String] = [record()], problem: String? = nil, only: [String]? = nil
  ) throws -> CampaignReport {
    var contents = CampaignReport.Contents(lines: 0)
    contents.onlyStates = only
    let sources = try texts.enumerated().map { ReportSource(try run($1), jobs: $0 == 0 ? jobs : []) }
    return CampaignReport(sources, problem: problem, contents)
  }

  private func expect(
    _ report: CampaignReport, _ text: String, _ kind: String, _ place: SourceLocation = #_sourceLocation
  ) {
    #expect(report.head.verdict == text, sourceLocation: place)
    let values = HTMLValues(report).values
    #expect(
      values["verdict"]?.string == text && values["verdict_class"]?.string == kind, sourceLocation: place)
  }

  @Test func whatIsOverAndWell() throws {
    expect(try report([job(1), job(2)]), "Yes: all 2 jobs ended well.", "good")
    expect(try report([job(1, .failed)]), "No: 1 of 1 job did not end well (1 FAILED).", "bad")
    expect(try report([job(1, .running)]), "Not yet: 0 of 1 job has ended; 1 runs.", "open")
    expect(
      try report([job(1, .running), job(2, .failed)]),
      "Not yet: 1 of 2 jobs has ended, 1 of them not well (1 FAILED); 1 runs.", "bad")
  }

  @Test func aRunThatGoesOnCanSubmitMore() throws {
    expect(try report([job(1)], [running]), "Not yet: 1 of 1 job has ended; the run goes on.", "open")
    expect(
      try report([job(1), job(2, .failed)], [running, record()]),
      "Not yet: 2 of 2 jobs have ended, 1 of them not well (1 FAILED); 1 of 2 runs goes on.", "bad")
    expect(
      try report([job(1, .pending)], [running]),
      "Not yet: 0 of 1 job has ended; 1 waits, the run goes on.", "open")
    var stuck = job(1, .pending, start: nil)
    stuck.stateReason = "DependencyNeverSatisfied"
    expect(
      try report([stuck], [running]), "Not yet: 0 of 1 job has ended; 1 does not start, the run goes on.",
      "bad")
    expect(try report([], [running]), "Not yet: no Slurm jobs are known; the run goes on.", "open")
    expect(
      try report([job(1, .failed)], [running], only: ["FAILED"]),
      "1 job is in the states FAILED; the run goes on.",
      "bad")
  }

  @Test func howARunEndedIsNotAlwaysKnown() throws {
    expect(
      try report([job(1)], [interrupted]),
      "Not known: the only known job ended well; whether the command of the run ended well is not known.",
      "open")
    expect(
      try report([job(1, .failed)], [interrupted, interrupted, record()]),
      "No: 1 of 1 job did not end well (1 FAILED); whether the commands of 2 of 3 runs ended well is not known.",
      "bad")
    let failed = record(summary: ", \"exit_code\": 3", members: ", \"run_state\": \"finished\"")
    expect(
      try report([job(1)], [failed]),
      "No: the job ended well, but the command of the run ended with exit code 3.", "bad")
    expect(
      try report([job(1), job(2)], [failed, failed, record()]),
      "No: all 2 jobs ended well, but the commands of 2 of 3 runs ended with other exit codes than 0.", "bad")
    expect(
      try report([job(1, .failed)], [failed]),
      "No: 1 of 1 job did not end well (1 FAILED). The command of the run ended with exit code 3.", "bad")
  }

  @Test func onlyJobsThatTheRunCancelled() throws {
    let text = record(
      summary: ", \"exit_code\": 0, \"start_time\": 900, \"end_time\": 20000",
      members: ", \"run_state\": \"finished\", \"system\": {\"uid\": 77}")
    let own = (1...3).map { (id: UInt32) -> JobRecord in
      var one = job(id, .cancelled)
      one.cancelledBy = 77
      return one
    }
    expect(
      try report(own, [text]), "Not known: the run itself cancelled all 3 jobs, and no other is known.",
      "open")
    expect(
      try report(Array(own.prefix(1)), [text]),
      "Not known: the run itself cancelled the only job that is known.", "open")
    expect(
      try report(own + [job(9)], [text]), "Yes: the job ended well; the run itself cancelled 3.", "good")
  }

  @Test func whatCannotBeRead() throws {
    let unreadable = record(jobs: "[{\"job_id\": 1, \"state\": \"COMPLETED\"}, 17, \"x\"]")
    #expect(try run(unreadable).unreadableJobs == 2)
    expect(
      try report([job(1)], [unreadable]),
      "Not known: the only known job ended well; 2 jobs cannot be read from the records.", "open")
    expect(
      try report([job(1, .failed)], [unreadable]),
      "No: 1 of 1 job did not end well (1 FAILED); 2 jobs cannot be read from the records.", "bad")
    expect(
      try report([], [unreadable]),
      "Not known: no Slurm jobs are known; 2 jobs cannot be read from the records.", "open")
  }

  @Test func slurmDidNotAnswer() throws {
    expect(
      try report([job(1), job(2)], problem: "no route"),
      "Not known: all 2 known jobs ended well; Slurm did not answer everything.", "open")
    expect(
      try report([], problem: "no route"),
      "Not known: no Slurm jobs are known; Slurm did not answer everything.", "open")
    var unknown = job(3, .running)
    unknown.stale = true
    expect(
      try report([unknown, job(2)], problem: "no route"),
      "Not known: of 2 jobs, 1 had not ended when last seen; Slurm did not answer everything.", "open")
    expect(
      try report([job(2)], [running], problem: "no route"),
      "Not yet: 1 of 1 job has ended; the run goes on, Slurm did not answer everything.", "open")
  }
}
