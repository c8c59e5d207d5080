import RecordText
import SystemPackage
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctRecords

@Suite struct RunLifeTests {
  private func state(
    _ presence: DuctProcess.Presence?, here: Bool = false, age: Double?, boot: Double = 0, size: Int = 2000
  ) -> String {
    RunLife.state(
      presence, isThisHost: here, lastUpdate: age.map { 1e9 - $0 }, now: 1e9, bootTime: boot,
      size: size)
  }

  /// If the reader can see duct's process, its presence decides, whatever the age of the record.
  @Test func whatCanBeSeenDecides() {
    #expect(state(.alive, here: true, age: 1e6) == "running")
    #expect(state(.gone, here: true, age: 1) == "interrupted")
    // A container on this host has pids of its own.
    #expect(state(.elsewhere, here: true, age: 20) == "running")
  }

  /// A run on another host counts as running if its record is recent.
  @Test func otherHostsAreBelievedForAWhile() {
    #expect(state(.elsewhere, age: 40) == "running")
    #expect(state(.elsewhere, age: 599) == "running")
    #expect(state(.elsewhere, age: 601) == "running?")
    // duct writes a record of 100,000 jobs each quarter of an hour.
    #expect(state(.elsewhere, age: 900, size: 130 << 20) == "running")
    #expect(state(.elsewhere, age: 3600, size: 130 << 20) == "running?")
    #expect(state(.elsewhere, age: -3600) == "running", "the other host's clock is ahead")
    #expect(state(nil, here: true, age: 601) == "running?", "of an older duct")
    #expect(state(nil, age: nil) == "running")
  }

  /// A run from before the host's boot is interrupted.
  @Test func aHostThatWasStartedSinceHasNoneOfItsOldRuns() {
    #expect(state(.elsewhere, here: true, age: 120, boot: 1e9 - 60) == "interrupted")
    #expect(state(.elsewhere, here: false, age: 120, boot: 1e9 - 60) == "running")
  }

  private func run(_ members: String) throws -> RecordedRun {
    let text =
      "{\"schema_version\": \"0.2.3\", \"execution_summary\": {\"start_time\": 5, \"wall_clock_time\": 1}"
    return try RecordedRun(Array((text + members + "}").utf8), of: FilePath("x_info.json"))
  }

  /// Only a recorded state "running" is questioned.
  @Test func onlyRunningIsJudged() throws {
    #expect(try run("").presentState == nil)
    #expect(try run(", \"run_state\": \"finished\"").presentState == "finished")
    #expect(try run(", \"run_state\": \"interrupted\"").presentState == "interrupted")
    #expect(try run(", \"run_state\": \"running\"").presentState == "running?")
    #expect(try run(", \"run_state\": \"running\", \"duct_process\": 7").presentState == "running?")
    #expect(
      try run(", \"run_state\": \"running\", \"duct_process\": {\"duct_pid\": 1e300}").presentState
        == "running?")
  }
}
