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
    private func fill(_ localFirst: String, _ options: String...) async throws -> String {
      let result = try await run(
        Programs.duct,
        [
          "--slurm", "off", "--fail-time", "0", "-p", "logs/x_", "--finalize-timeout", "1", "--local-first",
          localFirst,
        ] + options + ["seq", "100000"], in: sandbox)
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

    /// The other disk is full as well. A third one is not, or the first has room again.
    @Test(arguments: ["never", "always"], ["third", "logs"])
    func toAnotherDirectory(_ localFirst: String, _ folder: String) async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let other = try SmallDisk(sandbox, "other", bytes: 128 << 10)
      let output = try await fill(localFirst)
      try await recover("--to", "other", fails: true)
      if folder == "logs" {
        try logs.resize(16 << 20)
        try await recover()
      } else {
        try await recover("--to", folder)
      }
      try isWhole(folder, output)
      _ = consume logs
      _ = consume other
    }

    /// The disk of the spool has no room to note what is delivered elsewhere. That is told, and no byte is lost.
    @Test func whileTheSpoolHasNoRoom() async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let other = try SmallDisk(sandbox, "other", bytes: 128 << 10)
      let spool = try SmallDisk(sandbox, "small", bytes: 4 << 20)
      let output = try await fill("always", "--spool-dir", "small")
      _ = try await run("dd", ["if=/dev/zero", "of=small/fill", "bs=4k"], in: sandbox)
      let words = ["recover", "--spool-dir", "small", "--timeout", "2", "--to", "other"]
      let first = try await run(Programs.conDuct, words, in: sandbox)
      #expect(
        first.code == 1 && first.stderr.contains("has no room to note the files at "), "\(first.stderr)")
      try other.resize(16 << 20)
      let second = try await run(Programs.conDuct, words, in: sandbox)
      #expect(second.code == 0, "\(second.stderr)")
      let whole = try sandbox.names("other").filter { try sandbox.text("other/\($0)") == output }
      #expect(whole.count == 1 && whole[0].hasPrefix("x_stdout"), "\(sandbox.names("other"))")
      _ = consume logs
      _ = consume other
      _ = consume spool
    }
  }
}
