import SystemCalls
import Testing

@Suite struct MonitorTests {
  @Test func aWaiterSeesAnUpdateOfAnotherThread() throws {
    let monitor = Monitor(0)
    let thread = try OwnThread("updater") {
      for _ in 0..<1000 { monitor.update { $0 += 1 } }
    }
    let seen = monitor.wait(until: .now + 20) { $0 == 1000 ? $0 : nil }
    #expect(seen == 1000)
    #expect(thread.join(until: .now + 20))
  }

  @Test func aDeadlineEndsAWait() {
    let monitor = Monitor(false)
    let start = MonotonicInstant.now
    #expect(monitor.wait(until: start + 0.05) { $0 ? true : nil } == nil)
    #expect(MonotonicInstant.now.seconds(since: start) >= 0.05)
  }

  /// `join` returns at its deadline if the thread still runs.
  @Test func aThreadThatGoesOnIsNotWaitedForForEver() throws {
    let gate = Monitor(false)
    let thread = try OwnThread("waits") { _ = gate.wait { $0 ? true : nil } }
    #expect(!thread.join(until: .now + 0.02))
    gate.update { $0 = true }
    #expect(thread.join(until: .now + 20))
  }
}
