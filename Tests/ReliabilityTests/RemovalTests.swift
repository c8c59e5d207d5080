import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// What `--fail-time` removes if the log directory is missing at that moment.
@Suite(.serialized) struct RemovalTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func duct(_ script: String, _ mode: String) async throws -> Finished {
    try await run(
      Programs.duct,
      [
        "-q", "--slurm", "off", "--finalize-timeout", "2", "--local-first", mode, "-p", "logs/x_", "sh", "-c",
        script,
      ],
      in: sandbox)
  }

  /// The beginning of a script that waits until info.json exists.
  private static let begin = "echo out; until [ -e logs/x_info.json ]; do sleep 0.01; done; "

  @Test(arguments: ["never", "always"])
  func aDirectoryThatIsMovedAndComesBackIsCleaned(_ mode: String) async throws {
    let result = try await duct(Self.begin + "mv logs away; exit 1", mode)
    #expect(result.code == 1 && result.stderr.contains("not all log files could be removed"), "\(result)")
    let folder = try #require(sandbox.spooledRuns().first)
    try await eventually { sandbox.isOver(folder) }
    // The directory is still missing. `recover` fails and keeps the run folder.
    let early = try await run(Programs.conDuct, ["recover", "\(folder)"], in: sandbox)
    #expect(early.code == 1 && early.stderr.contains("(ENOENT)"), "\(early)")
    _ = rename(sandbox["away"].string, sandbox["logs"].string)
    #expect(sandbox.names("logs").contains("x_info.json"))
    let recovered = try await run(Programs.conDuct, ["recover", "\(folder)"], in: sandbox)
    #expect(recovered.code == 0, "\(recovered)")
    #expect(sandbox.names("logs") == [] && sandbox.spooledRuns().isEmpty)
  }

  @Test func aDirectoryThatTheCommandRemovedLeavesNothing() async throws {
    // The command repeats this, since duct may write a record while rm removes the directory.
    let result = try await duct(
      Self.begin + "while [ -e logs ]; do rm -rf logs 2> /dev/null; done; exit 1", "never")
    #expect(result.code == 1 && result.stderr == "", "\(result)")
    #expect(!sandbox.exists("logs") && sandbox.spooledRuns().isEmpty)
  }
}
