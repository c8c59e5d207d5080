import RecordText
import TestSupport
import Testing

extension OnFaults {
  /// The carrier and `recover` read a long command line from the run's manifest.
  @Suite(.serialized) struct LongCommands {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    private static let command =
      ["bash", "-c", "echo out"] + (0..<15).map { String(repeating: "\($0 % 10)", count: 120_000) }

    private func run(_ options: [String]) async throws -> Finished {
      try await TestSupport.run(
        Programs.duct, FaultFixture.quick + ["-q", "-p", "remote/log_"] + options + Self.command,
        in: fixture.sandbox, limit: 200)
    }

    @Test func areDelivered() async throws {
      let result = try await run([])
      #expect(result.code == 0 && result.stderr.isEmpty, "\(result.stderr.prefix(1000))")
      #expect(try fixture.logText("log_stdout") == "out\n")
      #expect(try fixture.info()["command"]?.string == Self.command.joined(separator: " "))
      #expect(fixture.sandbox.spooledRuns().isEmpty)
    }

    @Test func areRecovered() async throws {
      try fixture.remote.tell("fail any EACCES")
      #expect(try await run(["--finalize-timeout", "1"]).code == 0)
      try await eventually { fixture.sandbox.spooledRunsAreOver() }
      let list = try await fixture.recover("--list")
      #expect(list.code == 0 && list.stdout.contains("remote/log_") && list.stdout.utf8.count < 20_000)
      try fixture.remote.tell("clear")
      let recovered = try await fixture.recover()
      #expect(recovered.code == 0, "\(recovered)")
      #expect(try fixture.logText("log_stdout") == "out\n")
      #expect(try fixture.info()["command"]?.string == Self.command.joined(separator: " "))
    }
  }
}
