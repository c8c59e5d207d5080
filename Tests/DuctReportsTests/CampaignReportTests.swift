import RecordText
import SlurmJobs
import TestSupport
import Testing

@testable import DuctRecords
@testable import DuctReports

/// A job that has ended, with the figures that tests need.
func job(
  _ id: UInt32, _ state: JobState = .completed, name: String? = nil, start: Int? = 1000, elapsed: Int = 3600,
  cpus: Int = 2, cpu: Double? = nil, asked: Int64? = nil, used: Int64? = nil
) -> JobRecord {
  var job = JobRecord(state: state)
  (job.jobID, job.name, job.cpus) = (id, name, cpus)
  (job.submitTime, job.eligibleTime, job.startTime) = (100, 400, start)
  job.elapsedSeconds = elapsed
  job.endTime = start.map { $0 + elapsed }
  (job.cpuSeconds, job.memoryRequestedBytes, job.maxRSSAllTasksBytes) = (cpu, asked, used)
  return job
}

@Suite struct CampaignReportTests {
  private let gibibyte: Int64 = 1 << 30

  private func report(_ jobs: [JobRecord], _ text: String = record()) throws -> CampaignReport {
    CampaignReport([ReportSource(try run(text), jobs: jobs)], problem: nil, .init(lines: 3))
  }

  /// Two jobs of an hour and of half an hour, and one that has not started.
  @Test func totalsAreSums() throws {
    var first = job(1, cpus: 4, cpu: 7200, asked: 8 * gibibyte, used: 2 * gibibyte)
    first.tresAllocated = OrderedFields(["billing": 5, "gres/gpu": 2])
    (first.readBytes, first.writtenBytes, first.energyJoules) = (1000, 50, 3_600_000)
    let second = job(2, .failed, start: 2200, elapsed: 1800, cpus: 2, asked: 4 * gibibyte)
    let totals = try report([first, second, job(3, .pending, start: nil, elapsed: 0)]).head.totals
    #expect(totals.elapsedHours == 1.5 && totals.waitHours == Double(600 + 1800) / 3600)
    #expect(totals.cpuHoursAllocated == 5 && totals.cpuHoursUsed == 2)
    #expect(totals.cpuHoursAllocatedOfMeasured == 4 && totals.jobsWithCPU == 1)
    #expect(totals.memoryHoursAsked == 10 && totals.memoryHoursUsed == 2)
    #expect(totals.memoryHoursAskedOfMeasured == 8 && totals.jobsWithMemory == 1)
    #expect(totals.gpuHoursAllocated == 2 && totals.billingHours == 5 && totals.energyJoules == 3.6e6)
    #expect(totals.readBytes == 1000 && totals.writtenBytes == 50)
    #expect(totals.hoursLostToFailures == 0.5 && totals.cpuHoursLostToFailures == 1)
    #expect(totals.hoursLostToRequeues == nil)
    // A share is that of the jobs whose use is known, so both are told.
    let lines = CostWords(totals).lines
    #expect(
      lines.contains("CPU: 5.0 h allocated, 2.0 h used: 50 % of the 4.0 h of the 1 measured job"),
      "\(lines)")
    #expect(
      lines.contains(
        "memory: 10 GiB·h asked for, at most 2.0 GiB·h used: 25 % of the 8.0 GiB·h of the 1 measured job"))
  }

  /// So little memory that it would be shown as 0.
  @Test func nextToNothingIsNotNothing() throws {
    let totals = try report([job(1, elapsed: 1, asked: 1 << 20, used: 4096)]).head.totals
    let lines = CostWords(totals).lines
    #expect(lines.contains { $0.contains("next to nothing used: 0.4 % of the ") }, "\(lines)")
  }

  @Test func nothingIsKnownOfNothing() throws {
    let report = try report([])
    let totals = report.head.totals
    #expect(totals.elapsedHours == nil && totals.waitHours == nil && totals.cpuHoursUsed == nil)
    #expect(totals.memoryHoursUsed == nil && totals.energyJoules == nil)
    #expect(report.head.verdict == "No Slurm jobs are known.")
    #expect(report.groups.isEmpty && report.jobs.isEmpty)
  }

  @Test func whatARequeueCostIsToldApart() throws {
    var again = job(1, cpus: 3)
    var before = JobRun()
    (before.submitTime, before.startTime, before.elapsedSeconds) = (50, 500, 7200)
    (again.runs, again.restarts) = ([before], 1)
    let head = try report([again, job(2, start: nil, elapsed: 0)]).head
    // A requeue sets a new submit time.
    #expect(head.firstSubmission == 50)
    let totals = head.totals
    #expect(totals.elapsedHours == 1 && totals.hoursLostToRequeues == 2 && totals.cpuHoursLostToRequeues == 6)
    #expect(totals.hoursLostToFailures == nil)
  }

  /// A job that a run and a run within it both name is there once, as it was last seen.
  @Test func eachJobIsThereOnce() throws {
    var (old, new) = (job(1, .running), job(1))
    (old.lastSeen, new.lastSeen) = (10, 20)
    let sources = [[old, job(2)], [new]].map { ReportSource($0, outputOwners: []) }
    let report = CampaignReport(sources, problem: nil, .init(lines: 3))
    #expect(report.jobs.map(\.state) == [.completed, .completed] && report.head.jobCount == 2)
  }

  @Test(
    arguments: [
      ([JobState.completed, .completed], "Yes: all 2 jobs ended well."),
      ([.completed], "Yes: the job ended well."),
      ([.completed, .failed, .timeout, .failed], "No: 3 of 4 jobs did not end well (2 FAILED, 1 TIMEOUT)."),
      ([.completed, .running, .pending], "Not yet: 1 of 3 jobs has ended; 1 runs, 1 waits."),
      ([.failed, .running], "Not yet: 1 of 2 jobs has ended, 1 of them not well (1 FAILED); 1 runs."),
    ])
  func didAllRun(_ states: [JobState], _ verdict: String) throws {
    let jobs = states.enumerated().map { job(UInt32($0) + 1, $1) }
    #expect(try report(jobs).head.verdict == verdict)
  }

  @Test func whatNeverStartsDidNotRun() throws {
    var stuck = job(1, .pending, start: nil)
    stuck.stateReason = "DependencyNeverSatisfied"
    #expect(try report([stuck, job(2)]).head.verdict == "No: 1 job of 2 does not start.")
    #expect(
      try report([stuck, job(2, .failed)]).head.verdict
        == "No: 1 of 2 jobs did not end well (1 FAILED), and 1 does not start.")
    var unknown = job(3, .running)
    unknown.stale = true
    #expect(
      try report([unknown, job(2)]).head.verdict
        == "Not known: of 2 jobs, 1 had not ended when last seen.")
    let failedRun = record(summary: ", \"exit_code\": 3", members: ", \"run_state\": \"finished\"")
    #expect(
      try report([job(1)], failedRun).head.verdict
        == "No: the job ended well, but the command of the run ended with exit code 3.")
  }
}

/// A job that the run itself cancelled is no failure.
@Suite struct OwnCancellationTests {
  private func cancelled(by user: UInt32?, end: Int) -> JobRecord {
    let start = min(end, 1000)
    var one = job(5, .cancelled, start: start, elapsed: end - start)
    one.cancelledBy = user
    return one
  }

  private func report(_ jobs: [JobRecord], code: Int = 0, state: String = "finished") throws -> CampaignReport
  {
    let text = record(
      summary: ", \"exit_code\": \(code), \"start_time\": 900.5, \"end_time\": 2000.25",
      members: ", \"run_state\": \"\(state)\", \"system\": {\"uid\": 77}")
    return CampaignReport([ReportSource(try run(text), jobs: jobs)], problem: nil, .init(lines: 3))
  }

  @Test func aWorkerThatIsNotNeededAnyMoreIsNoFailure() throws {
    // Slurm's times are whole seconds: 900 is the second in which the run began.
    for end in [841, 900, 1500, 2000, 2060] {
      let report = try report([cancelled(by: 77, end: end), job(6)])
      #expect(report.jobs.map(\.standing) == [.cancelledByRun, .well])
      #expect(report.attention.isEmpty && report.cancelledByRun.map(\.count) == [1])
      #expect(report.head.verdict == "Yes: the job ended well; the run itself cancelled 1.")
      #expect(report.head.totals.hoursLostToFailures == nil)
      let text = report.text(.text)
      #expect(text.contains("Cancelled by the run itself, which ended well\n\njob 5: CANCELLED"), "\(text)")
    }
  }

  @Test func whoeverElseCancelledItIsToldOf() throws {
    let others = [
      cancelled(by: 78, end: 1500), cancelled(by: nil, end: 1500), cancelled(by: 77, end: 2061),
      cancelled(by: 77, end: 840),
    ]
    for one in others { #expect(try report([one]).jobs.map(\.standing) == [.attention]) }
    let own = cancelled(by: 77, end: 1500)
    #expect(try report([own], code: 1).jobs.map(\.standing) == [.attention])
    #expect(try report([own], state: "interrupted").jobs.map(\.standing) == [.attention])
    var timeout = own
    timeout.state = .timeout
    #expect(try report([timeout]).jobs.map(\.standing) == [.attention])
  }
}
