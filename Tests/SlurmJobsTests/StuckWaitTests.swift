import SystemCalls
import Testing

@testable import SlurmJobs

@Suite struct StuckWaitTests {
  private func job(_ state: JobState, _ reason: String? = nil) -> JobRecord {
    var job = JobRecord(state: state)
    job.stateReason = reason
    return job
  }

  @Test func whatHasEndedIsNotWaitedFor() {
    var wait = StuckWait()
    #expect(wait.isOver([], asked: .now) { _ in false })
    #expect(wait.isOver([job(.completed), job(.failed)], asked: .now) { _ in false })
    #expect(wait.isOver([job(.running)], asked: .now) { _ in true }, "lost")
  }

  /// A job that another one released at its end looks held for a moment.
  @Test func theClockStartsWhenNothingElseGoesOn() {
    let held = job(.pending, "JobHeldUser")
    var wait = StuckWait()
    let start = MonotonicInstant.now
    #expect(!wait.isOver([held, job(.running)], asked: start) { _ in false })
    #expect(!wait.isOver([held, job(.completed)], asked: start + 3600.0) { _ in false })
    #expect(!wait.isOver([held], asked: start + (3599 + StuckWait.delay)) { _ in false })
    #expect(
      !wait.isOver([job(.pending, "Priority")], asked: start + 3700.0) { _ in false }, "it was released")
    #expect(!wait.isOver([held], asked: start + 3800.0) { _ in false })
    #expect(wait.isOver([held], asked: start + (3800 + StuckWait.delay)) { _ in false })
  }
}
