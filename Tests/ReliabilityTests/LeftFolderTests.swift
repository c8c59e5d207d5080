import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Run folders of finished runs in the spool: duct removes those that hold nothing, and reports the others as one
/// number.
@Suite(.serialized) struct LeftFolderTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func sh(_ script: String) async throws -> Finished {
    try await run("bash", ["-c", script, Programs.duct, Programs.conDuct], in: sandbox)
  }

  private static let options = "--slurm off --s-i 0.05 --r-i 0.1"

  /// duct is the first process of the pid namespace, so the kernel kills all others when duct ends.
  private func inANamespace(_ options: String, _ command: String) async throws {
    let result = try await sh(
      "unshare -pf --mount-proc \"$0\" \(Self.options) \(options) sh -c 'setsid sleep 300 & \(command)'")
    #expect(result.code == 0 || result.code == 1, "\(result)")
    try await eventually { sandbox.spooledRunsAreOver() }
  }

  /// The folder by which the tasks of a step found each other is removed if nobody watches the step any more.
  @Test func foldersOfSteps() async throws {
    let spool = try #require(sandbox.environment["DUCT_SPOOL_DIR"])
    let made = try await sh(
      """
      cd "\(spool)"; mkdir -p -m 700 duct-$(id -u); cd duct-$(id -u)
      for name in old held new; do mkdir -m 700 .step-1.0-$name; (umask 077; echo x >.step-1.0-$name/tasks; : >.step-1.0-$name/watch); done
      touch -d '2 minutes ago' .step-1.0-old .step-1.0-held
      exec 9>>.step-1.0-held/watch; flock 9
      "$1" recover >&2
      ls -A
      """)
    #expect(made.code == 0 && made.stdout == ".step-1.0-held\n.step-1.0-new\n", "\(made)")
  }

  /// The kernel kills the relay together with duct. No run folder and no incomplete record is left.
  @Test(.needs(.root))
  func aContainerThatEndsWithDuctLeavesNothing() async throws {
    try await inANamespace("--fail-time 0 -p kept_", "echo hi")
    try await inANamespace("-p removed_", "exit 1")
    let later = try await sh("\"$0\" \(Self.options) --fail-time 0 -p later_ sleep 0.1")
    #expect(!later.stderr.contains("earlier"), "\(later.stderr)")
    #expect(sandbox.spooledRuns().isEmpty)
    #expect(try sandbox.text("kept_stdout") == "hi\n")
    #expect(try sandbox.info("kept_info.json")["run_state"] == "finished")
    #expect(!sandbox.names().contains { $0.hasPrefix("removed_") })
  }

  /// `recover` does not recreate records that duct removed.
  @Test(.needs(.root))
  func whatWasRemovedIsNotMadeAgain() async throws {
    try await inANamespace("-p removed_", "exit 1")
    let run = try #require(sandbox.spooledRuns().first)
    let recovered = try await self.sh("\"$1\" recover \(run)")
    #expect(recovered.code == 0 && recovered.stderr == "")
    #expect(sandbox.spooledRuns().isEmpty && !sandbox.names().contains { $0.hasPrefix("removed_") })
  }

  @Test("Of a few descriptors", arguments: Array(4...20))
  func aRunThatCannotBeginLeavesNothing(_ limit: Int) async throws {
    let result = try await sh(
      "ulimit -n \(limit); exec \"$0\" \(Self.options) --fail-time 0 -p log_ sh -c 'echo out; exit 3'")
    #expect(result.code == 3)
    try await eventually { sandbox.spooledRunsAreOver() }
    let base = FilePath(sandbox.spool.string + "/duct-\(geteuid())")
    let left = try await sh("ls -A \(base)")
    #expect(left.stdout == "", "\(result.stderr)")
    // If duct printed a summary, the run's record exists.
    if result.stderr.contains("Summary:") {
      #expect(try sandbox.info("log_info.json")["run_state"] == "finished", "\(result.stderr)")
    }
  }

  @Test func aRunThatIsRefusedLeavesNothing() async throws {
    try sandbox.write("", to: "log_info.json")
    for options in ["", "--local-first always"] {
      let result = try await sh(
        "\"$0\" \(Self.options) \(options) -p log_ true; ls -A \(sandbox.spool)/duct-*")
      #expect(result.stderr.contains("records exist already") && result.stdout == "", "\(result)")
    }
  }

  /// The number of waiting runs that duct reports equals what `recover --list` shows.
  @Test(.needs(.root))
  func whatIsToldIsWhatIsListed() async throws {
    let user = try UserFixture(61_331, in: sandbox)
    let damaged = try await user.leaveARunWaiting(in: "a")
    _ = try await user.leaveARunWaiting(in: "b")
    let empty = "\(damaged.removingLastComponent())/20261128t054249-11e8540437"
    let script = """
      rm \(damaged)/manifest.json; mkdir \(empty); : > \(empty)/stdout; mkdir c
      duct \(Self.options) --fail-time 0 -p c/x_ sh -c '
        until con-duct recover --list | grep -q running; do sleep 0.02; done
        con-duct recover --list 2>/dev/null'
      """
    let result = try await user.sh(script)
    let states = result.stdout.split(separator: "\n").dropFirst()
      .map { $0.split(separator: " ")[1] }.sorted()
    #expect(states == ["damaged", "running", "waiting"], "\(result)")
    #expect(result.stderr.contains("2 earlier runs have left something on this host"))
    #expect(user.spooledRuns().count == 2, "one held nothing")
  }
}
