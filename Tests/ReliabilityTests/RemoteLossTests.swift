import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnFaults {
  /// All processes of a run, including the carrier, are killed together. The log directory is remote.
  @Suite struct RemoteLossTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    @Test func theRecordThereIsNotOlderThanItMayBe() async throws {
      let (fixture, sandbox) = (fixture, fixture.sandbox)
      let result = try await TestSupport.run(
        Programs.duct, ["-q", "--slurm", "off", "-p", "remote/log_", "sleep", "600"], in: sandbox
      ) { duct in
        try await eventually {
          try fixture.info()["execution_summary"]?["wall_clock_time"]?.double ?? 0 > 1
        }
        Proc.killTree(duct)
      }
      #expect(result.signal == SIGKILL)
      try await eventually { sandbox.processes().allSatisfy { $0.name == "fault-fs" } }
      let info = try fixture.info()
      #expect(info["run_state"] == "running")
      let start = try #require(info["execution_summary"]?["start_time"]?.double)
      #expect(try #require(info["last_update_time"]?.double) - start > 1)
      let listing = try await TestSupport.run(Programs.conDuct, ["ls", "remote/log_"], in: sandbox)
      #expect(listing.stdout.contains("interrupted"))
      // `recover` finishes the record from the last state in the spool, and keeps its last_update_time.
      #expect(try await fixture.recover().code == 0)
      let recovered = try fixture.info()
      #expect(recovered["run_state"] == "interrupted")
      #expect(recovered["duct_process"] == info["duct_process"])
      let update = try #require(recovered["last_update_time"]?.double)
      #expect(update >= (info["last_update_time"]?.double ?? .infinity))
    }
  }
}
