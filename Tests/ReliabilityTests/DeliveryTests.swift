import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// What duct may deliver, drop and remove, with real runs.
@Suite struct DeliveryTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func duct(_ prefix: String, _ options: [String], _ script: String) async throws -> Finished {
    try await run(
      Programs.duct, FaultFixture.quick + ["-q", "-p", prefix] + options + ["bash", "-c", script], in: sandbox
    )
  }

  /// Fault 0: two runs of one script print the same beginning, and all empty streams are equal.
  @Test func recoverTouchesNoFileOfAnotherRun() async throws {
    try sandbox.makeDirectory("L")
    // root may write everywhere, so a file in place of the directory makes delivery fail.
    rename(sandbox["L"].string, sandbox["away"].string)
    try sandbox.write("", to: "L")
    let first = try await duct("L/x_", ["--finalize-timeout", "1"], "echo 'Solver v3 starting'")
    #expect(first.code == 0 && first.stderr.contains("con-duct recover"))
    unlink(sandbox["L"].string)
    rename(sandbox["away"].string, sandbox["L"].string)
    let second = try await duct("L/x_", [], "echo 'Solver v3 starting'; seq 1000; echo err >&2")
    #expect(second.code == 0)
    let before = try ["stdout", "stderr", "info.json", "usage.jsonl"].map { try sandbox.bytes("L/x_\($0)") }
    let recovered = try await run(Programs.conDuct, ["recover"], in: sandbox)
    #expect(recovered.code == 0)
    let after = try ["stdout", "stderr", "info.json", "usage.jsonl"].map { try sandbox.bytes("L/x_\($0)") }
    #expect(before == after)
    let beside = sandbox.names("L").filter { $0.hasPrefix("x_stdout.") }
    #expect(beside.count == 1)
    #expect(try sandbox.text("L/\(beside.first ?? "")") == "Solver v3 starting\n")
    #expect(recovered.stdout.contains("is another's") || recovered.stderr.contains("is another's"))
  }

  /// Fault 1: delivered bytes do not count against the spool limit.
  @Test func nothingIsDroppedWhileTheDirectoryIsHealthy() async throws {
    let result = try await duct(
      "d/log_", ["--local-first", "always", "--spool-limit", "1M"],
      "for i in $(seq 60); do head -c 100000 /dev/zero | tr '\\0' x; until [ $(stat -c %s d/log_stdout 2>/dev/null || echo 0) -ge $((i * 100000)) ]; do sleep 0.01; done; done"
    )
    #expect(result.code == 0)
    #expect(try sandbox.bytes("d/log_stdout") == [UInt8](repeating: UInt8(ascii: "x"), count: 6_000_000))
  }

  /// Fault 2: somebody removes a log file late in the run. duct recreates it and records an ENOENT event.
  @Test func aLogFileThatIsRemovedLateIsMadeAgainAndTold() async throws {
    let result = try await duct(
      "d/log_", ["--r-i", "600"],
      "echo hi; until [ -e d/log_stdout ]; do sleep 0.01; done; sleep 0.2; rm d/log_stdout")
    #expect(result.code == 0)
    #expect(try sandbox.text("d/log_stdout") == "hi\n")
    let events = try sandbox.info("d/log_info.json")["io_events"]?.array ?? []
    #expect(
      events.contains { $0["path"]?.string?.hasSuffix("log_stdout") == true && $0["errno"] == "ENOENT" })
  }

  /// Fault 3: a daemon prints after its command failed immediately and duct removed the records.
  @Test func removedRecordsDoNotComeBack() async throws {
    let result = try await run(
      Programs.duct,
      [
        "--slurm", "off", "-q", "-p", "d/log_", "bash", "-c",
        "(until [ -e on ]; do sleep 0.02; done; echo late) & exit 1",
      ],
      in: sandbox)
    #expect(result.code == 1)
    #expect(sandbox.names("d") == [])
    try sandbox.write("", to: "on")
    try await eventually { sandbox.spooledRuns().isEmpty && sandbox.processes().isEmpty }
    #expect(sandbox.names("d") == [])
  }

  /// The command truncates the page in the spool, and duct survives that.
  @Test func theCommandCannotEndDuctByTheSpool() async throws {
    let result = try await duct(
      "d/log_", ["--local-first", "always"],
      "echo before; for f in \"$DUCT_SPOOL_DIR\"/duct-*/*/status; do : > \"$f\"; done; echo after; sleep 0.3; echo end"
    )
    #expect(result.code == 0)
    #expect(try sandbox.text("d/log_stdout") == "before\nafter\nend\n")
    #expect(sandbox.spooledRuns().isEmpty)
  }
}
