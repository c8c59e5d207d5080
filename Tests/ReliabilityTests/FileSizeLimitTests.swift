import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// A file size limit (`ulimit -f`): duct and its helpers get EFBIG instead of a signal, and the command finds the
/// limit and the signal's disposition as without duct.
@Suite(.serialized) struct FileSizeLimitTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func sh(_ script: String) async throws -> Finished {
    try await run("bash", ["-c", script, Programs.duct, Programs.conDuct], in: sandbox)
  }

  /// At the limit dd dies of SIGXFSZ or gets an error, depending on how the caller of duct set the signal.
  private static let command = "sh -c 'dd if=/dev/zero of=big bs=200k count=1 2>errors; exit $?'"

  /// With 1 KB duct cannot make the page for its relay, and executes the command in its own place.
  @Test(arguments: [1, 100]) func theCommandFindsItAsWithoutDuct(_ limit: Int) async throws {
    for (ignored, code) in [("", 153 as Int32), ("trap '' XFSZ;", 1)] {
      for mode in ["never", "always"] {
        let options = "-q --slurm off --fail-time 0 --local-first \(mode) -p \(mode)\(code)_"
        let result = try await sh("\(ignored) ulimit -f \(limit); exec \"$0\" \(options) \(Self.command)")
        #expect(result.code == code && result.signal == nil, "\(ignored) \(mode): \(result)")
        #expect(try sandbox.bytes("big").count == limit << 10)
      }
    }
  }

  @Test(.needs(.root))
  func recoverIsToldAndNotKilled() async throws {
    let user = try UserFixture(61_333, in: sandbox)
    let waiting = try await user.sh(
      """
      mkdir logs; chmod 0 logs
      duct -q --slurm off --finalize-timeout 0.5 --fail-time 0 -p logs/x_ seq 10000 >/dev/null; chmod 755 logs
      """)
    let folder = try #require(user.spooledRuns().first, "\(waiting)")
    try await eventually { sandbox.isOver(folder) }
    // `recover` raises the soft limit. With a hard limit, the rest waits for a shell without such a limit.
    let told = try await user.sh("ulimit -f 20; con-duct recover \(folder)")
    #expect(told.code == 1 && told.stderr.contains("(EFBIG)"), "\(told)")
    let soft = try await user.sh("ulimit -S -f 20; con-duct recover \(folder)")
    #expect(soft.code == 0, "\(soft)")
    #expect(try sandbox.text("logs/x_stdout") == (1...10_000).map { "\($0)\n" }.joined())
    #expect(user.spooledRuns().isEmpty)
    #expect(!sandbox.names("logs").contains { $0.hasPrefix(".") })
  }
}

extension OnFaults {
  /// The carrier of a remote log directory.
  @Suite struct CarrierLimitTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    @Test(arguments: ["-S", "-H"]) func theCarrierIsToldAndNotKilled(_ kind: String) async throws {
      let result = try await TestSupport.run(
        "bash",
        [
          "-c",
          "ulimit \(kind) -f 100; exec \"$0\" \(FaultFixture.quick.joined(separator: " ")) --finalize-timeout 2 -p remote/log_ seq 30000",
          Programs.duct,
        ], in: fixture.sandbox)
      #expect(result.code == 0)
      #expect(!result.stderr.contains("The process that delivers files"), "\(result.stderr)")
      if kind == "-S" {
        #expect(try fixture.logText("log_stdout") == (1...30_000).map { "\($0)\n" }.joined())
      }
      #expect(try fixture.info()["execution_summary"]?["exit_code"] == 0)
    }
  }
}
