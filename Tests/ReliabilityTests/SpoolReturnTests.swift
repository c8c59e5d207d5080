import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnFaults {
  /// The disk of the spool is full for a while, and the log directory takes nothing.
  @Suite(.needs(.root)) struct SpoolReturnTests {
    private let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    /// - Parameter returns: at which moment the disk has room again: `during` the output, or at its `end`.
    @Test(arguments: ["during", "end"]) func whatWentToMemoryReturns(_ returns: String) async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 64 << 10)
      let spool = try SmallDisk(sandbox, "small", bytes: 96 << 20)
      let (path, sandbox) = (spool.path, self.sandbox)
      let script = """
        wait_for() { touch $1.there; until [ -e $1 ]; do sleep 0.02; done; }
        seq 100000; wait_for full; seq 100001 500000; wait_for room
        [ \(returns) = end ] || while ! [ -e back ]; do echo line; sleep 0.1; done
        seq 500001 600000
        """
      let result = try await run(
        Programs.duct,
        FaultFixture.quick + [
          "-p", "logs/x_", "--finalize-timeout", "1", "--spool-dir", path.string, "bash", "-c", script,
        ], in: sandbox
      ) { _ in
        try await eventually { sandbox.exists("full.there") }
        _ = try await run("dd", ["if=/dev/zero", "of=\(path)/fill", "bs=64k"], in: sandbox)
        try sandbox.write("", to: "full")
        try await eventually { sandbox.exists("room.there") }
        _ = try await run("rm", ["\(path)/fill"], in: sandbox)
        try sandbox.write("", to: "room")
        guard returns == "during" else { return }
        try await eventually {
          try await run("find", [path.string, "-name", "stdout", "-size", "+3000k"], in: sandbox).stdout != ""
        }
        try sandbox.write("", to: "back")
      }
      #expect(result.code == 0 && result.stdout.hasSuffix("\n600000\n"))
      try logs.resize(64 << 20)
      let recovered = try await run(
        Programs.conDuct, ["recover", "--spool-dir", path.string], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout, "no byte is missing")
      _ = consume logs
      _ = consume spool
    }

    /// A disk that has no room for a run folder is no place for the spool.
    @Test func aFullDiskIsNoPlaceForTheSpool() async throws {
      let full = try SmallDisk(sandbox, "full", bytes: 64 << 10)
      _ = try await run("dd", ["if=/dev/zero", "of=full/fill", "bs=4k"], in: sandbox)
      try sandbox.makeDirectory("good")
      let logs = try SmallDisk(sandbox, "logs", bytes: 64 << 10)
      let result = try await run(
        Programs.duct,
        [
          "--slurm", "off", "--finalize-timeout", "1", "-p", "logs/x_", "--spool-dir", "full", "seq", "50000",
        ],
        in: sandbox, environment: ["TMPDIR": sandbox["good"].string])
      #expect(result.code == 0)
      #expect(result.stderr.contains("Cannot use the spool directory full/duct-0: "), "\(result.stderr)")
      #expect(result.stderr.contains("looking for another"))
      #expect(sandbox.names("full/duct-0") == [], "nothing is left there")
      try logs.resize(1 << 20)
      let recovered = try await run(
        Programs.conDuct, ["recover", "--spool-dir", "good"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      #expect(try sandbox.info("logs/x_info.json")["run_state"] == "finished")
      _ = consume logs
      _ = consume full
    }

    /// duct says what the disk of the spool could not hold, and so does `recover`.
    @Test func whatNoDiskCouldHoldIsTold() async throws {
      let logs = try SmallDisk(sandbox, "logs", bytes: 4 << 10)
      _ = try await run("dd", ["if=/dev/zero", "of=logs/fill", "bs=4k"], in: sandbox)
      let spool = try SmallDisk(sandbox, "small", bytes: 64 << 10)
      let result = try await run(
        Programs.duct,
        [
          "--slurm", "off", "--finalize-timeout", "1", "-p", "logs/x_", "--spool-dir", "small", "seq",
          "20000",
        ],
        in: sandbox)
      let words = result.stderr.split(separator: " ")
      let mark = try #require(words.firstIndex(of: "of"), "\(result.stderr)")
      let lost = try #require(Int(words[mark - 1]))
      #expect(words[mark...].starts(with: ["of", "them", "lost:"]), "\(result.stderr)")
      try logs.resize(1 << 20)
      let recovered = try await run(
        Programs.conDuct, ["recover", "--spool-dir", "small"], in: sandbox)
      #expect(recovered.code == 0)
      #expect(recovered.stderr.contains("\(lost) bytes of "), "\(recovered.stderr)")
      #expect(recovered.stderr.contains("info.json is missing: the disk had no room for it"))
      let text = try sandbox.text("logs/x_stdout")
      #expect(
        text.hasPrefix("1\n2\n3\n") && text.contains("[duct: \(lost) bytes of output are missing here]"))
      #expect(try sandbox.info("logs/x_info.json")["command"] == "seq 20000")
      _ = consume logs
      _ = consume spool
    }
  }
}
