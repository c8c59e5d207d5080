import Glibc
import SystemCalls
import Testing

@testable import DuctRun
@testable import DuctRecords
@testable import ProcessSampling

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

  @Test func theKernelKilledForLackOfMemory() {
    func reason(_ cause: ChildExit.Cause, kills: Int?) -> EndReason? {
      var facts = RunFacts(
        runID: "r", command: "c", startTime: 1, startInstant: .now, workingDirectory: "/", message: "",
        campaign: nil, parentRunID: nil)
      facts.endReason = EndReason(cause)
      var group = ControlGroup(level: "step", path: "/a", version: 2)
      group.oomKills = kills
      facts.cgroups = [group]
      facts.noteOutOfMemory(ChildExit(pid: 1, cause: cause, usage: rusage()))
      return facts.endReason
    }
    #expect(reason(.killed(signal: SIGKILL, coreDumped: false), kills: 1) == .outOfMemory)
    #expect(reason(.killed(signal: SIGKILL, coreDumped: false), kills: 0) == .signaled)
    #expect(reason(.killed(signal: SIGKILL, coreDumped: false), kills: nil) == .signaled)
    #expect(reason(.killed(signal: SIGTERM, coreDumped: false), kills: 1) == .signaled)
    #expect(reason(.exited(1), kills: 1) == .exited)
    // A shell tells so that SIGKILL ended its last child.
    #expect(reason(.exited(137), kills: 1) == .outOfMemory)
    #expect(reason(.exited(137), kills: 0) == .exited)
  }

  /// The CPU time of the other processes is the total minus the command's own time. It must be right although ticks
  /// are rounded.
  @Test func processorTimeOfOthers() {
    func seconds(all: Double, root: Double, kernel: Double) -> Double? {
      var facts = RunFacts(
        runID: "r", command: "c", startTime: 1, startInstant: .now, workingDirectory: "/", message: "",
        campaign: nil, parentRunID: nil)
      var usage = rusage()
      usage.ru_utime = timeval(tv_sec: Int(kernel), tv_usec: Int((kernel - kernel.rounded(.down)) * 1e6))
      facts.rootUsage = RootUsage(usage, ownPeakResident: nil)
      facts.usage.counters = RunCounters(
        processorTime: Int64(all * 1e9), processorTimeOfRoot: Int64(root * 1e9))
      return facts.summary(LogPaths(prefix: "p_")).cpuSeconds.map { ($0 * 1000).rounded() / 1000 }
    }
    // The samples have the time of the children in nanoseconds. When the command has reaped them, its `cutime`
    // repeats that time in ticks.
    #expect(seconds(all: 1.250, root: 1.235, kernel: 1.250) == 1.250)
    #expect(seconds(all: 1.750, root: 1.235, kernel: 1.250) == 1.750)
    // The command continued after the last sample.
    #expect(seconds(all: 0.900, root: 0.400, kernel: 1.250) == 1.730)
    #expect(seconds(all: 0.400, root: 0.400, kernel: 1.250) == 1.250)
  }

  /// A redaction pattern that cannot be parsed hides the whole text.
  @Test func whatCannotBeReadHidesEverything() {
    #expect(Redaction(recorded: ["pass=[a-z]+"]).applied(to: "a pass=b") == "a [redacted]")
    #expect(Redaction(recorded: ["("]).applied(to: "a pass=b") == "[redacted]")
    #expect(Redaction(recorded: nil).applied(to: "a pass=b") == "a pass=b")
  }
}
