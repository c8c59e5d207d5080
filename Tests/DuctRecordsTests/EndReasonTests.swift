import SlurmJobs
import Testing

@testable import DuctRecords

/// What a run inside of a job records of its end.
@Suite struct EndReasonTests {
  private func reason(
    _ state: JobState, _ flags: [String] = [JobStateFlag.completing], restarts: Int? = 0, of earlier: Int = 0,
    stateReason: String? = nil
  ) -> EndReason? {
    var job = JobRecord(state: state)
    job.stateFlags = flags
    job.restarts = restarts
    job.stateReason = stateReason
    job.startTime = 1
    return EndReason(job, restarts: earlier)
  }

  @Test func slurmEndsTheJob() {
    #expect(reason(.timeout) == .timeLimit)
    #expect(reason(.cancelled) == .cancelled)
    #expect(reason(.preempted) == .preempted)
    #expect(reason(.nodeFail) == .nodeFailed)
    #expect(reason(.bootFail) == .nodeFailed)
    #expect(reason(.outOfMemory) == .outOfMemory)
    #expect(reason(.deadline) == .deadline)
    // squeue prints COMPLETING in place of the state.
    #expect(reason(.running, stateReason: "TimeLimit") == .timeLimit)
  }

  @Test func theJobGoesOn() {
    #expect(reason(.running, []) == nil)
    #expect(reason(.suspended, []) == nil)
    // The script has ended.
    #expect(reason(.running) == nil)
    #expect(reason(.completed) == nil)
    #expect(reason(.failed) == nil)
    #expect(reason(JobState(rawValue: "UNKNOWN_14")) == nil)
    // Not the time limit, although Slurm has the same state for it.
    #expect(reason(.timeout, stateReason: "InactiveLimit") == nil)
  }

  @Test func theJobIsRequeued() {
    #expect(reason(.pending) == .requeued)
    #expect(reason(.cancelled, ["REQUEUE_HOLD"]) == .requeued)
    #expect(reason(.preempted, ["REQUEUE"]) == .preempted)
    // It runs again already, or squeue shows no more than COMPLETING.
    #expect(reason(.running, [], restarts: 1) == .requeued)
    #expect(reason(.running, restarts: 3, of: 2) == .requeued)
    // It was requeued before this run.
    #expect(reason(.running, [], restarts: 2, of: 2) == nil)
    #expect(reason(.timeout, restarts: 2, of: 2) == .timeLimit)
    #expect(reason(.timeout, restarts: nil) == .timeLimit)
  }
}
