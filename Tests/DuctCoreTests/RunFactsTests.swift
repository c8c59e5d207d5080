import SystemCalls
import Testing

@testable import DuctCore

@Suite struct RunFactsTests {
  @Test func theDurationDoesNotFollowTheWallClock() {
    let start = MonotonicInstant(nanoseconds: 5_000_000_000)
    var facts = RunFacts(
      runID: "r", command: "c", startTime: 1_000_000, startInstant: start, workingDirectory: "/", message: "",
      campaign: nil, parentRunID: nil)
    // The clock was set back by an hour while the command ran for two seconds.
    facts.endTime = 1_000_000 - 3600
    facts.endInstant = start + 2
    #expect(facts.summary(LogPaths(prefix: "p_")).wallClockTime == 2)
  }

  @Test func whatCannotBeReadHidesEverything() {
    #expect(Redaction(recorded: ["pass=[a-z]+"]).applied(to: "a pass=b") == "a [redacted]")
    #expect(Redaction(recorded: ["("]).applied(to: "a pass=b") == "[redacted]")
    #expect(Redaction(recorded: nil).applied(to: "a pass=b") == "a pass=b")
  }
}
