import Testing

@testable import SlurmJobs

/// Array tasks that are cancelled while they wait: slurmctld removes them from the array's record without any
/// report.
@Suite struct WaitingTasksTests {
  private var ledger = JobLedger()

  private func waiting(_ tasks: String?, _ state: JobState = .pending) -> SubmittedJob {
    var record = JobRecord(state: state)
    (record.jobID, record.arrayJobID, record.arrayTasks, record.submitTime) = (7, 7, tasks, 100)
    if !state.isActive { (record.endTime, record.cancelledBy) = (130, 5) }
    return SubmittedJob(record: record)
  }

  private func task(_ task: UInt32, id: UInt32, _ state: JobState = .running) -> SubmittedJob {
    var record = JobRecord(state: state)
    (record.jobID, record.arrayJobID, record.arrayTaskID, record.submitTime) = (id, 7, task, 100)
    record.startTime = 110
    return SubmittedJob(record: record)
  }

  private mutating func apply(
    _ jobs: [SubmittedJob], _ source: JobSource = .slurmctld, at time: Double = 1,
    evidence: Set<JobEvidence> = [.tag]
  ) {
    var answer = SlurmAnswer()
    answer.jobs = jobs
    ledger.apply(answer, from: source, at: time, evidence: { _ in evidence })
  }

  private var states: [String] { ledger.jobs.map { "\($0.displayID) \($0.state)" } }

  /// A task that is gone before MinJobAge has passed cannot have run, so it was cancelled.
  @Test mutating func aTaskThatCannotHaveRunWasCancelled() {
    ledger.minJobAge = 300
    apply([waiting("0-3%1")])
    apply([task(0, id: 8), waiting("1,3%1")], at: 60)
    #expect(states == ["7_0 RUNNING", "7_1 PENDING", "7_2 CANCELLED", "7_3 PENDING"])
    let cancelled = ledger.jobs[2]
    #expect(cancelled.hasEnded && cancelled.exitCode == nil && cancelled.elapsedSeconds == 0)
    #expect(cancelled.source == .slurmctld && cancelled.startTime == nil)
  }

  /// A task that may have run and been forgotten is looked up in slurmdbd.
  @Test mutating func aTaskThatMayHaveRunIsLookedUp() {
    ledger.minJobAge = 10
    apply([waiting("0-3")])
    apply([waiting("3")], at: 60)
    #expect(states == ["7_0 PENDING", "7_1 PENDING", "7_2 PENDING", "7_3 PENDING"])
    var answer = SlurmAnswer()
    answer.jobs = [waiting("3")]
    #expect(ledger.idsToLookUp(notIn: answer, cluster: nil, withUsage: false) == [7])
    // slurmdbd has the tasks that ran.
    apply([task(0, id: 8, .completed), waiting(nil)], .slurmdbd, at: 61)
    #expect(states == ["7_0 COMPLETED", "7_1 CANCELLED", "7_2 CANCELLED", "7_3 PENDING"])
  }

  /// If MinJobAge is not known, only slurmdbd decides.
  @Test mutating func withoutTheLimitOfTheControllerAccountingDecides() {
    apply([waiting("0-1")])
    apply([waiting("1")], at: 2)
    #expect(states == ["7_0 PENDING", "7_1 PENDING"])
    apply([waiting(nil)], .slurmdbd, at: 3)
    #expect(states == ["7_0 CANCELLED", "7_1 PENDING"])
  }

  @Test mutating func aWholeArray() {
    apply([waiting("0-1")])
    apply([waiting("0-1", .cancelled)], at: 2)
    #expect(states == ["7_0 CANCELLED", "7_1 CANCELLED"])
    #expect(ledger.jobs[0].cancelledBy == 5 && ledger.jobs[0].endTime == 130)
  }

  /// squeue shows a cancelled array like a plain job, without its tasks.
  @Test mutating func aWholeArrayAsSqueueShowsIt() {
    apply([waiting("0-1")])
    var whole = waiting(nil, .cancelled)
    whole.record.arrayJobID = nil
    apply([whole], at: 2)
    #expect(states == ["7_0 CANCELLED", "7_1 CANCELLED"])
  }

  /// An array that slurmctld has forgotten stays pending until slurmdbd reports it.
  @Test mutating func aWholeArrayThatHasLeftTheController() {
    apply([waiting("0-1")])
    apply([], at: 2)
    #expect(states == ["7_0 PENDING", "7_1 PENDING"])
    apply([waiting(nil, .cancelled)], .slurmdbd, at: 3)
    #expect(states == ["7_0 CANCELLED", "7_1 CANCELLED"])
    #expect(ledger.jobs[1].cancelledBy == 5 && ledger.jobs[1].endTime == 130)
  }

  /// If slurmctld does not answer, no task counts as cancelled.
  @Test mutating func silenceCancelsNothing() {
    ledger.minJobAge = 300
    apply([waiting("0-1")])
    apply([], at: 2)
    apply([], .slurmdbd, at: 3)
    #expect(states == ["7_0 PENDING", "7_1 PENDING"])
  }

  /// The tasks of a very large array share one record.
  @Test mutating func anArrayThatIsTooLargeForARecordATask() {
    ledger.minJobAge = 300
    apply([waiting("0-199999%2")])
    apply([task(0, id: 8), waiting("1-199999%2")], at: 2)
    #expect(states == ["7_[1-199999%2] PENDING", "7_0 RUNNING"])
    apply([task(0, id: 8), waiting("1,3-99999,100005-199999%2")], at: 3, evidence: [])
    #expect(states.count == 3)
    let cancelled = ledger.jobs.first { $0.state == .cancelled }
    #expect(cancelled?.arrayTasks == "2,100000-100004" && cancelled?.hasEnded == true)
    apply(
      [task(0, id: 8, .completed), waiting("1,3-99999,100005-199999%2", .cancelled)], at: 4, evidence: [])
    #expect(ledger.jobs.filter { !$0.hasEnded } == [])
    #expect(ledger.jobs.first { $0.state == .cancelled }?.arrayTasks == "1-199999")
  }

  @Test mutating func aTaskOfALargeArrayThatMayHaveRunIsLookedUp() {
    apply([waiting("0-199999")])
    let left = [waiting("2-199999")]
    apply(left, at: 60)
    #expect(states == ["7_[2-199999] PENDING"], "0 and 1 may have run")
    var answer = SlurmAnswer()
    answer.jobs = left
    #expect(ledger.idsToLookUp(notIn: answer, cluster: nil, withUsage: false) == [7])
    apply([task(0, id: 8, .completed), waiting(nil)], .slurmdbd, at: 61)
    #expect(states.sorted() == ["7_0 COMPLETED", "7_[1] CANCELLED", "7_[2-199999] PENDING"])
    #expect(ledger.jobs.map(\.source).contains(.slurmdbd))
    #expect(ledger.idsToLookUp(notIn: answer, cluster: nil, withUsage: false) == [])
  }

  @Test mutating func aLargeArrayThatHasLeftTheController() {
    apply([waiting("0-199999")])
    apply([task(0, id: 8, .completed), waiting("1-199999")], at: 2)
    apply([], at: 60)
    apply([waiting(nil, .cancelled)], .slurmdbd, at: 61)
    #expect(states.sorted() == ["7_0 COMPLETED", "7_[1-199999] CANCELLED"])
    #expect(JobSummary.count(ledger.jobs) == 200_000)
  }

  // MARK: Accounting alone

  private func accounted(
    _ id: UInt32, _ state: JobState, task: UInt32? = nil, left: String? = nil
  ) -> AccountedJob {
    var fields = SlurmJobFields(jobID: id, state: state)
    (fields.arrayJobID, fields.arrayTaskID, fields.tasksLeft, fields.submitTime) = (7, task, left, 100)
    if task != nil { (fields.startTime, fields.nodes) = (110, "n1") }
    if !state.isActive { (fields.endTime, fields.cancelledBy) = (130, 5) }
    fields.outputPaths = OutputPaths(stdout: "/d/%A_%a.out", stderr: nil)
    return AccountedJob(fields, steps: [])
  }

  private func converted(_ jobs: [AccountedJob]) -> [SubmittedJob] {
    JobConversion(cluster: nil, now: 200).submittedJobs(jobs)
  }

  /// slurmdbd has one record for the tasks that were cancelled while they waited. It had not heard that task 6 started.
  @Test(arguments: ["0x3C0", "6-9%1"])
  mutating func tasksThatNeverStartedAreInOneRecord(_ left: String) {
    apply(
      converted([accounted(13, .completed, task: 6), accounted(7, .cancelled, left: left)]), .slurmdbd)
    #expect(states == ["7_6 COMPLETED", "7_7 CANCELLED", "7_8 CANCELLED", "7_9 CANCELLED"])
    let cancelled = ledger.jobs[3]
    #expect(cancelled.jobID == nil && cancelled.endTime == 130 && cancelled.cancelledBy == 5)
    #expect(cancelled.startTime == nil && cancelled.exitCode == nil && cancelled.elapsedSeconds == 0)
    #expect(cancelled.stdoutPath == "/d/7_9.out" && cancelled.hasEnded)
  }

  /// Until the array has ended, slurmdbd does not say which tasks wait.
  @Test mutating func tasksThatMayStartStayOneRecord() {
    apply(converted([accounted(7, .pending, left: "0x3C0")]), .slurmdbd)
    #expect(states == ["7 PENDING"])
    apply(converted([accounted(7, .cancelled, left: "0x3C0")]), .slurmdbd, at: 2)
    #expect(states == ["7 CANCELLED"])
  }

  /// What slurmctld said of a task is more than what slurmdbd says of all.
  @Test mutating func tasksThatAreKnownKeepWhatIsKnown() {
    ledger.minJobAge = 300
    apply([task(0, id: 8, .failed), waiting("1-3")])
    apply([waiting("2-3")], at: 2)
    apply(converted([accounted(7, .cancelled, left: "0xF")]), .slurmdbd, at: 3)
    #expect(states == ["7_0 FAILED", "7_1 CANCELLED", "7_2 CANCELLED", "7_3 CANCELLED"])
    #expect(ledger.jobs.map(\.cancelledBy) == [nil, nil, 5, 5])
    #expect(ledger.jobs[1].source == .slurmctld)
  }

  /// slurmctld does not say who cancelled an array, nor how it was submitted.
  @Test mutating func whoCancelledAWholeArrayIsInAccounting() {
    ledger.minJobAge = 300
    apply([waiting("0-2")])
    apply([waiting("1-2")], at: 2)
    var whole = waiting("1-2", .cancelled)
    whole.record.cancelledBy = nil
    apply([whole], at: 3)
    #expect(ledger.jobs.map(\.cancelledBy) == [nil, nil, nil])
    #expect(ledger.idsToLookUp(notIn: SlurmAnswer(), cluster: nil, withUsage: true) == [7])
    var left = accounted(7, .cancelled, left: "0x7")
    left.job.submitLine = "sbatch -a 0-2 job"
    apply(converted([left]), .slurmdbd, at: 4)
    #expect(ledger.jobs.map(\.cancelledBy) == [nil, 5, 5], "0 was cancelled alone, before the others")
    #expect(ledger.jobs.map(\.submitLine) == [nil, "sbatch -a 0-2 job", "sbatch -a 0-2 job"])
    #expect(ledger.jobs.map(\.endTime) == [nil, 130, 130])
    #expect(ledger.idsToLookUp(notIn: SlurmAnswer(), cluster: nil, withUsage: true) == [])
  }

  @Test mutating func veryManyTasksThatNeverStartedAreOneRecord() {
    apply(converted([accounted(9, .failed, task: 3), accounted(7, .cancelled, left: "0-199999")]), .slurmdbd)
    #expect(states == ["7_[0-2,4-199999] CANCELLED", "7_3 FAILED"])
    #expect(JobSummary.count(ledger.jobs) == 200_000)
  }

  /// The ledger does not expand arrays of other runs.
  @Test mutating func othersAreNotUnfolded() {
    apply([waiting("0-99999")], evidence: [])
    #expect(ledger.isEmpty)
  }
}
