import Glibc
import RecordText
import TestSupport
import Testing

extension OnFaults {
  /// Tasks that start at once deliver to a file server one after another.
  @Suite struct TaskTurnTests {
    private let fixture: FaultFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try FaultFixture() }

    private func task(
      _ rank: Int, _ script: String, while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
    ) async throws -> Finished {
      try await run(
        Programs.duct, FaultFixture.quick + ["-q", "-p", "remote/\(rank)_", "bash", "-c", script],
        in: sandbox,
        environment: ["SLURM_PROCID": "\(rank)", "SLURM_STEP_NUM_TASKS": "10000"], while: body)
    }

    /// The last of many tasks keeps its records on the local disk for seconds. At its end it delivers at once.
    @Test func theLastTaskIsLate() async throws {
      let first = try await task(0, "until [ -e remote/0_info.json ]; do sleep 0.1; done")
      #expect(first.code == 0, "\(first)")
      let last = try await task(9999, "sleep 0.5; ls remote | grep -c ^9999_; exit 3")
      #expect(last.code == 3 && last.stdout == "0\n", "\(last)")
      #expect(try sandbox.text("remote/9999_stdout") == "0\n")
      #expect(try sandbox.info("remote/9999_info.json")["run_state"] == "finished")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// duct is killed while its records wait. They still arrive.
    @Test func ductIsKilledBefore() async throws {
      let sandbox = sandbox
      let last = try await task(9999, "echo out; touch begun; until [ -e go ]; do sleep 0.1; done") { pid in
        try await eventually { sandbox.exists("begun") }
        kill(pid, SIGKILL)
        try sandbox.write("", to: "go")
      }
      #expect(last.signal == SIGKILL, "\(last)")
      try await eventually(30) { sandbox.spooledRunsAreOver() && sandbox.processes().isEmpty }
      #expect(try sandbox.text("remote/9999_stdout") == "out\n")
      #expect(["interrupted", "finished"].contains(try sandbox.info("remote/9999_info.json")["run_state"]))
    }
  }
}
