import Testing

@testable import SlurmJobs

/// One job in the records of slurmctld and slurmdbd, where the two differ: docs/records.md, "When the two differ".
@Suite struct JobMergingTests {
  private var ledger = JobLedger()

  private func record(_ state: JobState, _ change: (inout JobRecord) -> Void = { _ in }) -> JobRecord {
    var record = JobRecord(state: state)
    (record.jobID, record.submitTime, record.restarts) = (1, 100, 0)
    change(&record)
    return record
  }

  private mutating func apply(_ record: JobRecord?, _ source: JobSource) {
    var answer = SlurmAnswer()
    answer.jobs = record.map { [SubmittedJob(record: $0)] } ?? []
    ledger.apply(answer, from: source, at: 5, evidence: { _ in [.tag] })
  }

  private var job: JobRecord { ledger.jobs[0] }

  /// slurmctld's state counts as long as it has the job.
  @Test mutating func theControllerSpeaksAsLongAsItHasTheJob() {
    apply(
      record(.pending) {
        $0.stateFlags = ["REQUEUE_HOLD"]
        $0.stateReason = "JobHeldUser"
      }, .slurmctld)
    apply(record(.pending) { $0.stateFlags = ["REQUEUE"] }, .slurmdbd)
    #expect(
      job.source == .slurmctld && job.stateFlags == ["REQUEUE_HOLD"] && job.stateReason == "JobHeldUser")
    // The job has left slurmctld, or slurmctld does not answer.
    ledger.noteSilence()
    apply(record(.running), .slurmdbd)
    #expect(job.source == .slurmdbd && job.state == .running)
  }

  /// Only slurmdbd knows the exit codes of steps that a step manager runs.
  @Test mutating func stepsOfAStepManagerAreAccountingsToTell() {
    apply(
      record(.completed) {
        ($0.exitCode, $0.derivedExitCode) = (0, 0)
      }, .slurmctld)
    apply(record(.completed) { ($0.exitCode, $0.derivedExitCode, $0.derivedSignal) = (0, 7, 9) }, .slurmdbd)
    #expect(job.source == .slurmctld && job.derivedExitCode == 7 && job.derivedSignal == 9)
    apply(record(.completed) { ($0.exitCode, $0.derivedExitCode) = (0, 0) }, .slurmctld)
    #expect(job.derivedExitCode == 7, "it is not forgotten at the next look")
  }

  /// The record has a dependency until slurmctld drops it or the job starts.
  @Test mutating func aDependencyIsOverWhenTheJobStarts() {
    apply(record(.pending) { $0.dependency = "afterok:3(unfulfilled)" }, .slurmctld)
    #expect(job.dependency == "afterok:3(unfulfilled)")
    apply(record(.pending), .slurmdbd)
    #expect(job.dependency == "afterok:3(unfulfilled)", "slurmdbd knows of none")
    apply(record(.pending), .slurmctld)
    #expect(job.dependency == nil)
    apply(record(.pending) { $0.dependency = "afterok:3(unfulfilled)" }, .slurmctld)
    ledger.noteSilence()
    apply(record(.completed) { ($0.startTime, $0.endTime) = (110, 120) }, .slurmdbd)
    #expect(job.dependency == nil)
  }

  /// slurmdbd replaces a quote in a name. slurmctld's name stays.
  @Test mutating func aQuoteInANameStays() {
    apply(record(.completed) { $0.name = "a\"b" }, .slurmctld)
    ledger.noteSilence()
    apply(record(.completed) { $0.name = "a`b" }, .slurmdbd)
    #expect(job.name == "a\"b")
    apply(record(.completed) { $0.name = "other" }, .slurmctld)
    #expect(job.name == "other")
  }

  /// Start and end come from the same source.
  @Test mutating func theTimesOfARunAreOfTheOneWhoToldItsEnd() {
    apply(record(.running) { $0.startTime = 110 }, .slurmctld)
    apply(nil, .slurmctld)
    apply(record(.completed) { ($0.startTime, $0.endTime, $0.elapsedSeconds) = (111, 121, 10) }, .slurmdbd)
    #expect(job.startTime == 111 && job.endTime == 121 && job.elapsedSeconds == 10)
  }

  @Test mutating func earlierRunsAreKept() {
    apply(record(.running) { $0.restarts = 1 }, .slurmctld)
    apply(
      record(.running) {
        $0.restarts = 1
        $0.runs = [JobRun(state: "REQUEUED")]
      }, .slurmdbd)
    apply(record(.completed) { $0.restarts = 1 }, .slurmctld)
    #expect(job.runs?.map(\.state) == ["REQUEUED"] && job.source == .slurmctld)
  }

  // MARK: What statuses and steps mean

  private func fields(_ state: JobState, exit: UInt32 = 0, derived: UInt32? = nil) -> SlurmJobFields {
    var job = SlurmJobFields(jobID: 1, state: state)
    (job.submitTime, job.startTime, job.endTime, job.nodes) = (100, 110, 120, "n1")
    (job.exitStatus, job.derivedExitStatus, job.reason) = (exit, derived, "Priority")
    return job
  }

  private func converted(_ job: SlurmJobFields) -> JobRecord {
    JobConversion(cluster: nil, now: 200).submittedJob(job).record
  }

  /// Slurm marks a job that ran out of memory with exit status 125, which is not a signal.
  @Test func marksOfSlurmAreNoSignals() {
    #expect(converted(fields(.outOfMemory, exit: 125)).signal == nil)
    #expect(converted(fields(.failed, exit: 9)).signal == 9)
    // As Slurm 22.05 has it for a job whose output file cannot be opened. scontrol shows 0:53.
    let unopened = converted(fields(.failed, exit: 15 << 8 | 53, derived: 15 << 8 | 53))
    #expect(unopened.exitCode == 0 && unopened.signal == 53)
    #expect(unopened.derivedExitCode == 0 && unopened.derivedSignal == 53)
    let killed = converted(fields(.completed, derived: 9))
    #expect(killed.derivedSignal == 9 && killed.derivedExitCode == 0 && killed.exitCode == 0)
  }

  @Test func whatWasCancelledWhileItWaitedHasNoExitCode() {
    var job = fields(.cancelled)
    (job.startTime, job.nodes, job.cancelledBy) = (120, nil, 1000)
    let record = converted(job)
    #expect(record.exitCode == nil && record.derivedExitCode == nil && record.stateReason == nil)
    #expect(record.cancelledBy == 1000 && record.endTime == 120 && record.startTime == nil)
    #expect(converted(fields(.cancelled, exit: 15)).signal == 15)
  }

  private func step(
    _ start: Int?, _ end: Int?, max: Int64?, total: Int64?, isBatch: Bool = false
  ) -> SlurmStepFields {
    var step = SlurmStepFields(isBatch: isBatch, cpuSeconds: 1)
    (step.startTime, step.endTime, step.maxRSSBytes, step.totalRSSBytes) = (start, end, max, total)
    return step
  }

  private func used(_ steps: [SlurmStepFields]) -> JobRecord {
    JobConversion(cluster: nil, now: 200).submittedJobs([AccountedJob(fields(.completed), steps: steps)])[0]
      .record
  }

  /// slurmdbd 22.05 may say 0:0 of a job one of whose steps failed.
  @Test(
    arguments: [
      (5 << 8, 5, nil, nil), (9, 0, 9, nil), (125, 0, nil, .outOfMemory),
    ] as [(UInt32, Int, Int?, JobState?)])
  func aStepThatFailedIsAFailedStep(_ status: UInt32, _ code: Int, _ signal: Int?, _ state: JobState?) {
    var failed = step(110, 115, max: 1, total: 1)
    failed.exitStatus = status
    let record = used([step(110, 120, max: 1, total: 1, isBatch: true), failed])
    #expect(record.derivedExitCode == code && record.derivedSignal == signal && record.derivedState == state)
    #expect(record.state == .completed && record.exitCode == 0 && record.needsAttention)
    // The script is no step of srun: its exit code is that of the job.
    failed.isBatch = true
    #expect(used([failed]).derivedExitCode ?? 0 == 0)
  }

  /// max_rss_all_tasks_bytes adds up the tasks of steps that ran at the same time.
  @Test func memoryIsTheSumOverTasksOfStepsThatRanTogether() {
    let batch = step(110, 120, max: 5, total: 5, isBatch: true)
    // All of the step is in the last second of its script.
    #expect(used([batch, step(120, 120, max: 250, total: 1000)]).maxRSSAllTasksBytes == 1005)
    #expect(used([batch, step(111, 115, max: 250, total: 1000)]).maxRSSAllTasksBytes == 1005)
    #expect(used([batch, step(111, 115, max: 250, total: 1000)]).maxRSSBytes == 250)
    // One after the other: the second begins in the second in which the first ends.
    let turns = [step(110, 115, max: 100, total: 300), step(115, 120, max: 100, total: 200)]
    #expect(used(turns).maxRSSAllTasksBytes == 300)
    let together = [step(110, 115, max: 100, total: 300), step(114, nil, max: 100, total: 200)]
    #expect(used(together).maxRSSAllTasksBytes == 500)
    #expect(used([step(nil, nil, max: 1, total: 70), batch]).maxRSSAllTasksBytes == 70)
    #expect(used([step(110, 111, max: nil, total: nil)]).maxRSSAllTasksBytes == nil)
  }

  @Test func runsOfARequeuedJob() {
    func run(_ submit: Int, _ state: JobState, _ flags: [String] = [], end: Int) -> AccountedJob {
      var job = fields(state)
      (job.submitTime, job.startTime, job.endTime, job.stateFlags) = (submit, submit + 1, end, flags)
      return AccountedJob(job, steps: [step(submit + 1, end, max: 7, total: 9)])
    }
    let all = [
      // Another job that had the id before.
      run(5, .nodeFail, end: 20), run(1000, .pending, ["REQUEUE"], end: 1050),
      run(1050, .nodeFail, end: 1080),
      run(1082, .completed, end: 1100),
    ]
    let job = JobConversion(cluster: nil, now: 2000).submittedJobs(all)[0].record
    #expect(job.submitTime == 1082 && job.restarts == 2)
    #expect(job.runs?.map(\.state) == ["REQUEUED", "NODE_FAIL"])
    #expect(
      job.runs?[0].endTime == 1050 && job.runs?[0].elapsedSeconds == 49 && job.runs?[0].maxRSSBytes == 7)
  }
}
