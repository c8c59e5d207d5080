import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnFaults {
  /// `con-duct doctor` on a log directory that hangs or fails.
  @Suite struct DoctorTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    private func doctor(_ arguments: String...) async throws -> Finished {
      try await run(
        Programs.conDuct, ["doctor", "remote/log_"] + arguments, in: fixture.sandbox,
        environment: ["DUCT_SLURM": "off"], limit: 40)
    }

    @Test func itWorks() async throws {
      let result = try await doctor()
      #expect(result.code == 0, "\(result.stdout)")
      #expect(
        result.stdout.contains("a remote file system") && result.stdout.contains("a file can be written"))
      #expect(fixture.sandbox.names("remote-backing") == [])
    }

    @Test(arguments: ["hang any", "hang create", "hang write", "hang fsync"])
    func itHangs(_ rule: String) async throws {
      let start = MonotonicInstant.now
      try fixture.remote.tell(rule)
      let result = try await doctor()
      #expect(MonotonicInstant.now.seconds(since: start) < 20)
      #expect(result.code == 2, "\(result.stdout)")
      #expect(result.stdout.contains("it does not answer: ") && result.stdout.contains("longer than 5.0 s"))
      try fixture.remote.tell("clear")
      let sandbox = fixture.sandbox
      try await eventually { sandbox.processes().allSatisfy { $0.name == "fault-fs" } }
      try await eventually { sandbox.names("remote-backing") == [] }
    }

    @Test(arguments: ["EACCES", "EKEYEXPIRED", "EIO", "ENOSPC", "EDQUOT", "ESTALE", "EROFS"])
    func itFails(_ errno: String) async throws {
      for operation in ["create", "write", "fsync"] {
        try fixture.remote.tell("fail \(operation) \(errno)")
        let result = try await doctor()
        #expect(result.code == 2 && result.stdout.contains("(\(errno))"), "\(operation): \(result.stdout)")
        try fixture.remote.tell("clear")
        #expect(fixture.sandbox.names("remote-backing") == [], "\(operation)")
      }
    }

    /// The configuration of Slurm is on a file system that hangs.
    @Test func slurmsConfigurationHangs() async throws {
      try fixture.remote.tell("hang any")
      let result = try await run(
        Programs.conDuct, ["doctor", "log_"], in: fixture.sandbox,
        environment: ["SLURM_CONF": "\(fixture.remote.mount)/slurm.conf"], limit: 40)
      #expect(result.code == 1 && result.stdout.contains("slurm.conf cannot be read in time"), "\(result)")
    }

    @Test func anFsyncThatTakesLong() async throws {
      try fixture.remote.tell("slow fsync 1500")
      let result = try await doctor()
      #expect(result.code == 1 && result.stdout.contains("warning  log directory  an fsync takes 1"))
    }
  }
}
