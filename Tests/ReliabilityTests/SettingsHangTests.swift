import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnFaults {
  /// Settings files on a file system that hangs.
  @Suite struct SettingsHangTests {
    private let sandbox: Sandbox
    private let remote: FaultFileSystem
    init() throws {
      sandbox = try Sandbox()
      remote = try FaultFileSystem(in: sandbox)
      try sandbox.makeDirectory("remote-backing/duct")
      try sandbox.write("DUCT_MESSAGE=remote\n", to: "remote-backing/duct/.env")
      try sandbox.makeDirectory(".duct")
      try sandbox.write("DUCT_CAMPAIGN=local\n", to: ".duct/.env")
    }

    private func runDuct() async throws -> Finished {
      try await TestSupport.run(
        Programs.duct, ["-p", "log_", "--slurm", "off", "sh", "-c", "ps -o pid,ppid,args --ppid 1,$PPID"],
        in: sandbox,
        environment: [
          "DUCT_CONFIG_PATHS": nil, "HOME": "/nonexistent", "XDG_CONFIG_HOME": remote.mount.string,
        ], limit: 30)
    }

    @Test func theyAreReadWhereItAnswers() async throws {
      let result = try await runDuct()
      #expect(result.code == 0)
      #expect(!result.stderr.contains("WARNING"))
      let info = try sandbox.info()
      #expect(info["message"] == "remote" && info["campaign"] == "local")
    }

    /// The process that reads them ends too: it does not hang there.
    @Test(arguments: ["hang any", "hang lookup", "hang open", "hang read"])
    func theCommandRunsWhereItHangs(_ rule: String) async throws {
      try remote.tell(rule)
      let result = try await runDuct()
      #expect(result.code == 0)
      let place = "\(remote.mount.string)/duct/.env"
      #expect(
        result.stderr.contains(
          "Leaving out .env file \(place): its file system does not answer within 0.2 s\n"))
      let info = try sandbox.info()
      #expect(info["message"] == "" && info["campaign"] == "local")
      #expect(info["processes_left"] == [] && info["processes_escaped"] == 0)
      try remote.tell("clear")
      let sandbox = sandbox
      try await eventually { sandbox.processes().allSatisfy { $0.name == "fault-fs" } }
    }
  }
}
