import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// `recover --to` that has to be repeated: the former directory has the beginning of the output, and a delivery
  /// elsewhere has failed half-way.
  @Suite(.needs(.root)) struct RepeatedRecoverTests {
    private let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    /// Fills the disk of the log directory with output, which ends in the spool.
    private func fill(_ localFirst: String) async throws -> String {
      let result = try await run(
        Programs.duct,
        [
          "--slurm", "off", "--fail-time", "0", "-p", "logs/x_", "--finalize-timeout", "1", "--local-first",
          localFirst, "seq", "100000",
        ], in: sandbox)
      #expect(try sandbox.bytes("logs/x_stdout").count > 100_000)
      return result.stdout
    }

    private func recover(_ words: String..., fails: Bool = false) async throws {
      let result = try await run(
        Programs.conDuct, ["recover", "logs/x_", "--timeout", "2"] + words, in: sandbox)
      #expect(result.code == (fails ? 1 : 0), "\(words) \(result.stderr)")
      #expect(!result.stderr.contains("missing"), "\(words) \(result.stderr)")
      #expect(!result.stderr.contains("another's"), "\(words) \(result.stderr)")
    }

    private func isWhole(_ folder: String, _ output: String) throws {
      #expect(try sandbox.text("\(folder)/x_stdout") == output)
      #expect(sandbox.names(folder) == ["x_info.json", "x_stderr", "x_stdout", "x_usage.jsonl"])
      #expect(try sandbox.info("\(folder)/x_info.json")["run_state"] == "finished")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// The other disk is full as well, twice, and then has room.
    @Test(arguments: ["never", "always"]) func toTheSameDirectory(_ localFirst: String) async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let other = try SmallDisk(sandbox, "other", bytes: 128 << 10)
      let output = try await fill(localFirst)
      try await recover("--to", "other", fails: true)
      try await recover("--to", "other", fails: true)
      try other.resize(16 << 20)
      try await recover("--to", "other")
      try isWhole("other", output)
      _ = consume logs
      _ = consume other
    }

    /// The other disk is full as well, and a third one is not.
    @Test(arguments: ["never", "always"]) func toAThirdDirectory(_ localFirst: String) async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let other = try SmallDisk(sandbox, "other", bytes: 128 << 10)
      let output = try await fill(localFirst)
      try await recover("--to", "other", fails: true)
      try await recover("--to", "third")
      try isWhole("third", output)
      _ = consume logs
      _ = consume other
    }

    /// The other disk is full as well, and the first one has room again.
    @Test(arguments: ["never", "always"]) func backToTheLogDirectory(_ localFirst: String) async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let other = try SmallDisk(sandbox, "other", bytes: 128 << 10)
      let output = try await fill(localFirst)
      try await recover("--to", "other", fails: true)
      try logs.resize(16 << 20)
      try await recover()
      try isWhole("logs", output)
      _ = consume logs
      _ = consume other
    }
  }
}
