import RecordText
import Testing

@testable import SlurmJobs

@Suite struct JobLedgerTests {
  private var ledger = JobLedger()

  private func job(
    _ id: UInt32, _ state: JobState, submit: Int = 100, change: (inout JobRecord) -> Void = { _ in }
  )
    -> SubmittedJob
  {
    var record = JobRecord(state: state)
    record.jobID = id
    record.cluster = "one"
    record.submitTime = submit
    record.restarts = 0
    change(&record)
    return SubmittedJob(record: record)
  }

  private func answer(_ jobs: [SubmittedJob]) -> SlurmAnswer {
    var answer = SlurmAnswer()
    answer.jobs = jobs
    return answer
  }

  @discardableResult
  private mutating func apply(
    _ jobs: [SubmittedJob], _ source: JobSource = .slurmctld, at time: Double = 1,
    evidence: Set<JobEvidence> = [.tag]
  ) -> Bool {
    ledger.apply(answer(jobs), from: source, at: time, evidence: { _ in evidence })
  }

  @Test mutating func onlyJobsWithEvidenceAreTaken() {
    apply([job(1, .pending)], evidence: [])
    #expect(ledger.isEmpty)
    apply([job(2, .pending)], evidence: [.session, .output])
    #expect(ledger.jobs.map(\.detectedBy) == [[.output, .session]])
    // The ledger has this job, so it needs no evidence, and adds further evidence.
    apply([job(2, .running)], evidence: [.tag])
    #expect(ledger.jobs.map(\.state) == [.running])
    #expect(ledger.jobs[0].detectedBy == [.output, .session, .tag])
  }

  /// `apply` reports whether an answer changes anything but the elapsed time.
  @Test mutating func tellsWhetherSomethingHasChanged() {
    let first = apply([job(1, .running) { $0.elapsedSeconds = 1 }])
    #expect(first)
    let older = apply([job(1, .running) { $0.elapsedSeconds = 60 }], at: 60)
    #expect(!older)
    #expect(ledger.jobs[0].lastSeen == 60)
    #expect(ledger.jobs[0].elapsedSeconds == 60)
    let ended = apply([job(1, .completed) { $0.exitCode = 0 }])
    #expect(ended)
  }

  @Test mutating func aRequeuedJobIsTheSameJob() {
    apply([
      job(1, .running) {
        $0.startTime = 110
        $0.nodeList = "n1"
      }
    ])
    apply([job(1, .pending, submit: 200) { $0.restarts = 1 }], evidence: [])
    #expect(ledger.jobs.count == 1)
    #expect(ledger.jobs[0].submitTime == 200)
    #expect(ledger.jobs[0].restarts == 1)
    #expect(ledger.jobs[0].startTime == nil, "the start is that of the run before")
    #expect(ledger.jobs[0].detectedBy == [.tag])
  }

  /// An id with another submit time belongs to another job.
  @Test mutating func anIdThatIsUsedAgainIsAnotherJob() {
    apply([job(1, .completed) { $0.endTime = 120 }])
    apply([job(1, .pending, submit: 500_000)], evidence: [])
    #expect(ledger.jobs[0].state == .completed)
    #expect(ledger.jobs[0].submitTime == 100)
    // An older record of slurmdbd does not belong to our job either.
    apply([job(1, .failed, submit: 50)], .slurmdbd, evidence: [])
    #expect(ledger.jobs[0].state == .completed)
  }

  @Test mutating func tasksOfAnArrayKeepTheirIdentityWhenTheyGetIds() {
    func task(_ task: UInt32, id: UInt32?, _ state: JobState) -> SubmittedJob {
      job(0, state) {
        $0.jobID = id
        $0.arrayJobID = 7
        $0.arrayTaskID = task
      }
    }
    apply([task(0, id: nil, .pending), task(1, id: nil, .pending)])
    apply([task(0, id: 8, .running), task(1, id: 7, .pending)])
    #expect(ledger.jobs.map(\.displayID) == ["7_0", "7_1"])
    #expect(ledger.jobs.map(\.jobID) == [8, 7])
  }

  /// The entry of a whole array disappears when entries of its tasks appear.
  @Test mutating func anUndividedArrayGoesWhenItsTasksCome() {
    let whole = job(7, .pending) { $0.arrayJobID = 7 }
    apply([whole])
    apply([
      job(8, .running) {
        $0.arrayJobID = 7
        $0.arrayTaskID = 0
      }
    ])
    #expect(ledger.jobs.map(\.displayID) == ["7_0"])
    apply([whole], .slurmdbd)
    #expect(ledger.jobs.map(\.displayID) == ["7_0"])
  }

  /// slurmdbd adds the usage, but slurmctld's exit code stays.
  @Test mutating func accountingAddsUseAndDoesNotTakeTheExitCode() {
    apply([
      job(1, .cancelled) {
        $0.exitCode = 0
        $0.signal = 15
        $0.startTime = 100
        $0.stdoutPath = "/out"
        $0.stateReason = "TimeLimit"
      }
    ])
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: true) == [1])
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: false) == [])
    apply(
      [
        job(1, .cancelled) {
          $0.exitCode = 0
          $0.restarts = 0
          $0.maxRSSBytes = 1000
          $0.cpuSeconds = 2.5
          $0.cancelledBy = 0
          $0.tresRequested = TresText.parse("cpu=1")
          $0.submitLine = "sbatch x"
        }
      ], .slurmdbd, at: 9)
    let merged = ledger.jobs[0]
    #expect(merged.signal == 15)
    #expect(merged.stateReason == "TimeLimit")
    #expect(merged.maxRSSBytes == 1000 && merged.cancelledBy == 0)
    #expect(merged.cpuSeconds == 2.5)
    #expect(merged.submitLine == "sbatch x")
    #expect(merged.stdoutPath == "/out")
    #expect(merged.source == .slurmctld)
    #expect(merged.lastSeen == 9)
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: true) == [])
  }

  /// If slurmdbd has only the end of a job, the ledger asks again until it has the start.
  @Test mutating func accountingThatHasNotHeardOfTheStartIsAskedAgain() {
    apply([
      job(1, .completed) {
        $0.startTime = 100
        $0.endTime = 120
      }
    ])
    // slurmdbd has only the end: slurmctld reports the start of jobs every five seconds.
    apply([job(1, .completed) { $0.cpuSeconds = 1 }], .slurmdbd)
    #expect(ledger.lacksAccounting(ofJobsEndedSince: 110) && !ledger.lacksAccounting(ofJobsEndedSince: 121))
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: true) == [1])
    apply(
      [
        job(1, .completed) {
          $0.submitLine = "sbatch x"
          $0.tresRequested = TresText.parse("cpu=1")
        }
      ], .slurmdbd)
    #expect(!ledger.lacksAccounting(ofJobsEndedSince: 110))
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: true) == [])
  }

  /// slurmctld can report the end of a job at its time limit before it knows how the script ended.
  @Test mutating func theEndOfAScriptAtTheTimeLimitIsAskedFor() {
    let known: (inout JobRecord) -> Void = {
      $0.startTime = 100
      $0.endTime = 160
      $0.exitCode = 0
      $0.cpuSeconds = 1
      $0.submitLine = "sbatch x"
      $0.tresRequested = TresText.parse("cpu=1")
    }
    apply([job(1, .timeout) { known(&$0) }, job(2, .completed) { known(&$0) }])
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "one", withUsage: true) == [1])
    #expect(ledger.lacksAccounting(ofJobsEndedSince: 150))
    apply([job(1, .timeout) { $0.signal = 15 }], .slurmdbd)
    #expect(ledger.jobs[0].signal == 15 && !ledger.lacksAccounting(ofJobsEndedSince: 150))
  }

  /// A job that slurmctld has forgotten gets its state from slurmdbd.
  @Test mutating func accountingTellsTheStateOfWhatTheControllerForgot() {
    apply([job(1, .running) { $0.startTime = 100 }, job(2, .running)])
    let later = answer([job(2, .running)])
    #expect(ledger.idsToLookUp(notIn: later, cluster: "one", withUsage: false) == [1])
    apply([job(2, .running)])
    apply([job(1, .failed) { $0.exitCode = 2 }], .slurmdbd)
    #expect(ledger.jobs[0].state == .failed)
    #expect(ledger.jobs[0].source == .slurmdbd)
    #expect(ledger.jobs[0].startTime == 100)
  }

  /// If Slurm does not answer, states of active jobs become stale, and final states do not.
  @Test mutating func silenceMakesStatesOldButNotFinalOnes() {
    apply([job(1, .running), job(2, .completed)], at: 10)
    let isNews = ledger.markStale(notSeenSince: 11)
    #expect(isNews)
    #expect(ledger.jobs.map(\.stale) == [true, false])
    let isNewsAgain = ledger.markStale(notSeenSince: 12)
    #expect(!isNewsAgain)
    apply([job(1, .running)], at: 20)
    #expect(ledger.jobs[0].stale == false)
  }

  @Test mutating func doubtsAreKeptOnce() {
    ledger.apply(
      answer([job(1, .pending)]), from: .slurmctld, at: 1, evidence: { _ in [] }, doubt: { _ in "first" })
    ledger.apply(
      answer([job(1, .pending)]), from: .slurmctld, at: 2, evidence: { _ in [] }, doubt: { _ in "second" })
    #expect(ledger.doubts[1] == "first")
  }

  @Test mutating func jobsOfTwoClustersMayHaveOneId() {
    apply([job(1, .running), job(1, .pending) { $0.cluster = "two" }])
    #expect(ledger.jobs.map(\.cluster) == ["one", "two"])
    #expect(ledger.idsToLookUp(notIn: nil, cluster: "two", withUsage: false) == [1])
  }

  // MARK: Requeued jobs

  @Test mutating func anOlderRecordOfAccountingDoesNotReplaceTheControllers() {
    apply([job(1, .running, submit: 100)])
    apply([job(1, .running, submit: 200) { $0.restarts = 1 }])
    // slurmdbd does not know the second run yet. The first run's record has the tag too.
    let isNews = apply([job(1, .pending, submit: 100) { $0.stateFlags = ["REQUEUE"] }], .slurmdbd, at: 9)
    #expect(!isNews)
    #expect(ledger.jobs.map(\.submitTime) == [200])
    #expect(ledger.jobs.map(\.state) == [.running])
    #expect(ledger.jobs.map(\.lastSeen) == [1])
  }

  @Test mutating func restartsDoNotGoDown() {
    apply([job(1, .running, submit: 200) { $0.restarts = 2 }])
    apply([])
    apply([job(1, .completed, submit: 200) { $0.restarts = 1 }], .slurmdbd)
    #expect(ledger.jobs.map(\.restarts) == [2])
    #expect(ledger.jobs.map(\.state) == [.completed])
  }

  /// slurmctld's last state is not final for a requeued job.
  @Test mutating func theLastWordOfTheControllerIsNoneForAJobThatRunsAgain() {
    // Seen at the moment when slurmctld put it back into the queue.
    apply([job(1, .nodeFail) { $0.stateFlags = ["REQUEUE"] }])
    #expect(!ledger.jobs[0].hasEnded && ledger.hasActiveJobs)
    ledger.noteSilence()
    apply([job(1, .completed)], .slurmdbd)
    #expect(ledger.jobs.map(\.state) == [.completed])
    // slurmctld had reported the end, and a user requeued the job before the next query.
    apply([job(2, .failed)])
    apply([job(2, .completed, submit: 300) { $0.restarts = 1 }], .slurmdbd)
    #expect(ledger.jobs[1].state == .completed && ledger.jobs[1].submitTime == 300)
  }

  // MARK: Doubts

  private mutating func doubt(_ jobs: [SubmittedJob], _ source: JobSource = .slurmctld) {
    ledger.apply(answer(jobs), from: source, at: 1, evidence: { _ in [] }, doubt: { _ in "odd" })
  }

  @Test mutating func aJobThatIsClaimedIsNotDoubted() {
    doubt([job(1, .pending)])
    #expect(ledger.doubts.count == 1)
    apply([job(1, .running)], evidence: [.session])
    #expect(ledger.doubts.isEmpty && ledger.jobs.count == 1, "it is in one list, not in both")
    apply([job(3, .running) { $0.hetJobID = 2 }])
    doubt([job(2, .running)])
    #expect(ledger.doubts.isEmpty, "a component of it is the command's")
    // The id belonged to another job before.
    doubt([job(1, .completed, submit: 5)], .slurmdbd)
    #expect(ledger.doubts.isEmpty)
  }

  /// slurmctld's doubt about a printed id stays, even if slurmdbd has nothing against it.
  @Test mutating func whatTheControllerSpokeAgainstIsNotClaimedForWhatAccountingDoesNotKnow() {
    doubt([job(1, .pending), job(2, .pending)])
    // slurmdbd knows no sessions, so it has nothing against the printed id.
    apply([job(1, .completed)], .slurmdbd, evidence: [.output])
    #expect(ledger.isEmpty && ledger.doubts[1] == "odd")
    apply([job(1, .completed)], .slurmdbd, evidence: [.tag])
    #expect(ledger.jobs.map(\.jobID) == [1])
    // The id is the same, but it is another job.
    apply([job(2, .completed, submit: 300)], .slurmdbd, evidence: [.output])
    #expect(ledger.jobs.map(\.jobID) == [1, 2])
  }

  // MARK: Jobs that Slurm has lost

  /// A job that neither slurmctld nor slurmdbd reports counts as lost after ten seconds.
  @Test mutating func aJobThatNobodyTellsOfIsLostAfterSomeTime() {
    apply([job(1, .running), job(2, .running), job(3, .completed)])
    let listed = answer([job(2, .running)])
    for time in [10.0, 14, 19] {
      apply([job(2, .running)], at: time)
      ledger.noteAbsences(from: listed, cluster: "one", askedAt: time, at: time)
      #expect(ledger.jobs.allSatisfy { !ledger.isLost($0) }, "not within ten seconds")
    }
    ledger.noteAbsences(from: listed, cluster: "one", askedAt: 21, at: 21)
    #expect(ledger.jobs.map { ledger.isLost($0) } == [true, false, false])
    // slurmdbd answers again.
    apply([job(1, .running)], .slurmdbd, at: 30)
    ledger.noteAbsences(from: listed, cluster: "one", askedAt: 30, at: 31)
    #expect(ledger.jobs.allSatisfy { !ledger.isLost($0) })
  }

  /// slurmctld does not know jobs of other clusters, so they do not count as lost.
  @Test mutating func jobsOfOtherClustersAreNotTheControllersToLose() {
    apply([job(1, .running) { $0.cluster = "two" }])
    for time in [10.0, 20, 30, 40] {
      ledger.noteAbsences(from: answer([]), cluster: "one", askedAt: time, at: time)
    }
    #expect(!ledger.isLost(ledger.jobs[0]))
  }
}
