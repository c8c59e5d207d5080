import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// duct starts in a working directory that has been removed.
@Suite(.serialized) struct RemovedDirectoryTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// The records are written at the path that the directory had.
  @Test(arguments: ["never", "always"]) func recordsGoWhereItWas(_ mode: String) async throws {
    // The prefix is unique, in case duct writes the files somewhere else.
    let prefix = "removed-\(sandbox.path.lastComponent?.string ?? "")_"
    let result = try await run(
      "bash",
      [
        "-c",
        "mkdir gone; cd gone; rmdir ../gone; exec \"$0\" -q --slurm off --fail-time 0 --local-first \(mode) -p \(prefix) sh -c 'echo out; exit 3'",
        Programs.duct,
      ], in: sandbox)
    #expect(result.code == 3, "\(result)")
    if let folder = sandbox.spooledRuns().first {
      try await eventually { sandbox.isOver(folder) }
      let recovered = try await run(Programs.conDuct, ["recover", "\(folder)"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered)")
    }
    #expect(try sandbox.text("gone/\(prefix)stdout") == "out\n")
    #expect(try sandbox.info("gone/\(prefix)info.json")["execution_summary"]?["exit_code"] == 3)
    #expect(access("/\(prefix)stdout", F_OK) != 0)
  }

  /// Below /proc nothing can be made. duct tells that once, and neither its end nor `recover` waits for it.
  @Test(arguments: ["never", "always"]) func aDirectoryThatCanNeverBeMade(_ mode: String) async throws {
    let result = try await run(
      "sh",
      [
        "-c", "exec \"$@\" 2> messages", "sh", Programs.duct, "--slurm", "off", "--fail-time", "0",
        "--local-first", mode, "-p", "/proc/no/where/log_",
        "sh", "-c", "echo out; until grep -q ENOEN[T] messages; do sleep 0.05; done; exit 3",
      ], in: sandbox)
    #expect(result.code == 3 && result.stdout.contains("out\n"), "\(result)")
    let messages = try sandbox.text("messages")
    let warnings = messages.split(separator: "\n").filter { $0.contains("[WARNING") }
    #expect(warnings.count == 1 && warnings[0].contains("(ENOENT)"), "\(messages)")
    #expect(!messages.contains("does not answer"), "\(messages)")
    let folder = try #require(sandbox.spooledRuns().first)
    try await eventually { sandbox.isOver(folder) }
    let recovered = try await run(Programs.conDuct, ["recover", "\(folder)"], in: sandbox)
    #expect(recovered.code == 1 && recovered.stderr.contains("(ENOENT)"), "\(recovered)")
    #expect(!recovered.stderr.contains("answer"), "\(recovered)")
  }
}
