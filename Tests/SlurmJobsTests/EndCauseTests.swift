import Testing

@testable import SlurmJobs

@Suite struct EndCauseTests {
  private static func job(_ state: JobState, _ change: (inout JobRecord) -> Void = { _ in }) -> JobRecord {
    var job = JobRecord(state: state)
    job.startTime = 100
    change(&job)
    return job
  }

  private func check(_ job: JobRecord, _ cause: EndCause, _ text: String) {
    #expect(EndCause(job) == cause)
    #expect(EndCause(job).text == text)
  }

  @Test(
    arguments: [
      (.completed, .completed, "completed"),
      (.timeout, .timeLimit, "time limit reached"),
      (.outOfMemory, .outOfMemory, "out of memory"),
      (.nodeFail, .nodeFailure, "one of its nodes failed"),
      (.bootFail, .bootFailure, "one of its nodes did not boot"),
      (.deadline, .deadline, "could not end before its deadline"),
      (.preempted, .preempted, "stopped to make room for another job (preempted)"),
      (.cancelled, .cancelled(by: nil), "cancelled"),
      (.failed, .failed(reason: nil), "failed"),
      (.pending, .waiting(reason: nil), "waiting"),
      (.running, .running, "running"),
      (.suspended, .suspended, "suspended"),
    ] as [(JobState, EndCause, String)])
  func states(_ state: JobState, _ cause: EndCause, _ text: String) {
    check(Self.job(state), cause, text)
  }

  @Test func statesOfLaterReleases() {
    let state = JobState(number: 14)
    check(Self.job(state), .unknown(state), "in the state UNKNOWN_14, which duct does not know")
  }

  /// A shell makes 128 plus its number of a signal that ended its command. 255 is 128 and no signal.
  @Test(
    arguments: [
      (1, "exit code 1"), (127, "exit code 127"), (128, "exit code 128"),
      (130, "exit code 130: signal 2 (SIGINT)"), (137, "exit code 137: signal 9 (SIGKILL)"),
      (139, "exit code 139: signal 11 (SIGSEGV)"), (143, "exit code 143: signal 15 (SIGTERM)"),
      (168, "exit code 168"), (255, "exit code 255"),
    ])
  func exitCodes(_ code: Int, _ text: String) {
    let job = Self.job(.failed) { job in
      (job.exitCode, job.signal, job.stateReason) = (code, 0, "NonZeroExitCode")
    }
    check(job, .exitCode(code), text)
  }

  @Test(
    arguments: [
      (9, "signal 9 (SIGKILL)"), (11, "signal 11 (SIGSEGV)"), (6, "signal 6 (SIGABRT)"), (40, "signal 40"),
    ])
  func signals(_ signal: Int, _ text: String) {
    // 22.05 has this reason for it.
    let job = Self.job(.failed) { job in
      (job.exitCode, job.signal, job.stateReason) = (0, signal, "JobLaunchFailure")
    }
    check(job, .signal(signal), text)
  }

  /// Slurm ends these jobs with a signal of its own.
  @Test func slurmsOwnSignalsAreNotTheCause() {
    let timeout = Self.job(.timeout) { $0.signal = 15 }
    check(timeout, .timeLimit, "time limit reached")
    let deadline = Self.job(.deadline) { $0.signal = 1 }
    check(deadline, .deadline, "could not end before its deadline")
    let inactive = Self.job(.timeout) { $0.stateReason = "InactiveLimit" }
    check(
      inactive, .failed(reason: "InactiveLimit"),
      "failed: the srun or salloc that it belongs to did not answer for too long")
  }

  @Test func failuresWithoutAnExitCode() {
    let job = Self.job(.failed) { $0.stateReason = "SystemFailure" }
    check(job, .failed(reason: "SystemFailure"), "failed: Slurm or the system below it failed")
  }

  private static let killed =
    "probably out of memory: killed (SIGKILL) after it had used 95 % or more of its memory"

  /// The sum over all tasks counts, and the largest task only if there is no sum.
  @Test(
    arguments: [
      (9, 0, 950, nil, true), (0, 137, 950, nil, true), (9, 0, 949, nil, false), (9, 0, 1200, nil, true),
      (9, 0, nil, 950, true), (9, 0, 500, 990, false), (9, 0, nil, nil, false), (15, 0, 999, nil, false),
      (0, 1, 999, nil, false),
    ] as [(Int, Int, Int64?, Int64?, Bool)])
  func killedWithFullMemory(_ signal: Int, _ code: Int, _ sum: Int64?, _ largest: Int64?, _ isFull: Bool) {
    var job = Self.job(.failed) { job in
      (job.signal, job.exitCode) = (signal, code)
      (job.memoryRequestedBytes, job.maxRSSAllTasksBytes, job.maxRSSBytes) = (1000, sum, largest)
    }
    #expect((EndCause(job) == .probablyOutOfMemory) == isFull)
    if isFull { #expect(EndCause(job).text == Self.killed) }
    for requested in [nil, 0] as [Int64?] {
      job.memoryRequestedBytes = requested
      #expect(EndCause(job) == (signal != 0 ? .signal(signal) : .exitCode(code)))
    }
  }

  /// A step that cgroups ended for its memory explains the exit code of the script.
  @Test func failedBecauseAStepWasOutOfMemory() {
    let job = Self.job(.failed) { job in
      (job.exitCode, job.derivedState) = (1, .outOfMemory)
    }
    check(job, .outOfMemory, "out of memory")
  }

  @Test func failedSteps() {
    var job = Self.job(.completed) { $0.derivedExitCode = 3 }
    check(job, .stepFailed(.exitCode(3)), "completed, but a step ended with exit code 3")
    job.derivedExitCode = 137
    check(
      job, .stepFailed(.exitCode(137)),
      "completed, but a step ended with exit code 137: signal 9 (SIGKILL)")
    (job.memoryRequestedBytes, job.maxRSSBytes) = (1000, 1000)
    check(job, .stepFailed(.probablyOutOfMemory), "completed, but a step was \(Self.killed)")
    (job.derivedExitCode, job.derivedSignal) = (0, 11)
    check(job, .stepFailed(.signal(11)), "completed, but a step was ended by signal 11 (SIGSEGV)")
    (job.derivedSignal, job.derivedState) = (nil, .outOfMemory)
    check(job, .stepFailed(.outOfMemory), "completed, but a step was out of memory")
    (job.derivedExitCode, job.derivedSignal, job.derivedState) = (0, 0, nil)
    check(job, .completed, "completed")
  }

  @Test func cancelled() {
    var job = Self.job(.cancelled) { $0.cancelledBy = 1000 }
    check(job, .cancelled(by: 1000), "cancelled by the user with uid 1000")
    job.signal = 15
    check(job, .cancelled(by: 1000), "cancelled by the user with uid 1000")
    job.startTime = nil
    check(job, .cancelledWhileWaiting, "cancelled while it waited")
  }

  @Test func waiting() {
    var job = Self.job(.pending) { $0.startTime = nil }
    job.stateReason = "Priority"
    check(job, .waiting(reason: "Priority"), "waiting: jobs with a higher priority come first")
    job.stateReason = "DependencyNeverSatisfied"
    check(
      job, .neverStarts(reason: "DependencyNeverSatisfied"),
      "does not start: a job that it depends on did not end as required, so it never starts")
    (job.stateReason, job.partition) = ("PartitionTimeLimit", "short,long")
    check(
      job, .waiting(reason: "PartitionTimeLimit"),
      "waiting: its time limit is longer than its partition allows")
  }
}
