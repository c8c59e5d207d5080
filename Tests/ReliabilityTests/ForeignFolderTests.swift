import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// `recover` and later runs touch nothing in folders that no run has made.
@Suite(.serialized) struct ForeignFolderTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private var spool: String { "\(sandbox.spool)/duct-\(geteuid())" }

  private func sh(_ script: String) async throws -> Finished {
    try await run("bash", ["-c", script, Programs.duct, Programs.conDuct], in: sandbox)
  }

  /// Paths, types and sizes that `find` prints for a folder.
  private func contents(_ folder: String) async throws -> String {
    try await sh("find \(folder) -printf '%p %y %s\\n' | sort").stdout
  }

  @Test(arguments: [
    "duct-x/logs", "duct-0/logs", "duct-0/20261128t054249-11e8540437", "plain/logs",
  ])
  func aFolderOfTheUserIsNotTakenForARun(_ folder: String) async throws {
    _ = try await sh("mkdir -p \(folder)/sub; echo precious > \(folder)/data; : > \(folder)/stdout")
    let before = try await contents(folder)
    for word in [folder, folder + "/", "./" + folder, "$PWD/" + folder] {
      let result = try await sh("\"$1\" recover \(word)")
      #expect(result.code == 1 && result.stderr.split(separator: "\n").count == 1, "\(word): \(result)")
      #expect(try await contents(folder) == before, "\(word)")
    }
    // The manifest makes it look like a run folder, but it is none.
    _ = try await sh("echo {} > \(folder)/manifest.json")
    let marked = try await contents(folder)
    let result = try await sh("\"$1\" recover \(folder)")
    #expect(result.code == 1 && result.stderr.contains("it is no manifest of a run"), "\(result)")
    #expect(try await contents(folder) == marked && marked.contains("/data f 9"))
  }

  @Test func whatAUserKeepsInTheSpoolStays() async throws {
    _ = try await sh(
      """
      umask 077; mkdir -p \(spool)/mine/sub \(spool)/.hidden \(spool)/20261128t054249-11e8540437
      for f in mine .hidden 20261128t054249-11e8540437; do echo precious > \(spool)/$f/data; done
      touch -d '1 hour ago' \(spool)/.hidden
      """)
    let before = try await contents(spool)
    let list = try await sh("\"$1\" recover --list; \"$0\" -q --slurm off -p log_ true")
    #expect(list.stdout.contains("20261128t054249-11e8540437") && !list.stdout.contains("mine"), "\(list)")
    #expect(try await contents(spool) == before)
  }

  /// What `recover FOLDER` reports about a run at each stage of its life.
  @Test func whatIsSaidOfAFolderIsTrue() async throws {
    let (sandbox, spool) = (self.sandbox, self.spool)
    async let run = sh(
      "\"$0\" -q --slurm off --fail-time 0 -p log_ sh -c 'touch a; until [ -e b ]; do sleep 0.02; done'")
    try await eventually { sandbox.exists("a") }
    let folder = try #require(sandbox.spooledRuns().first)
    for word in ["\(folder)", "\(folder)/", "log_", folder.lastComponent?.string ?? ""] {
      let busy = try await sh("\"$1\" recover \(word)")
      #expect(busy.code == 1 && busy.stderr.contains("is in use"), "\(word): \(busy)")
    }
    try sandbox.write("", to: "b")
    #expect(try await run.code == 0)
    let gone = try await sh("\"$1\" recover \(folder)")
    #expect(gone.code == 1 && gone.stderr.contains("is not there: either all of its run has been delivered"))
    let complete = try await sh("\"$1\" recover log_")
    #expect(complete.code == 0 && complete.stdout.contains("its record is complete"))

    // A plain file among the run folders belongs to no run. `recover` reports a link and does not follow it.
    let id = "20261128t054249-11e8540437"
    _ = try await sh("echo x > \(spool)/\(id)")
    let later = try await sh("\"$1\" recover --list; \"$0\" --slurm off --fail-time 0 -p later_ true")
    #expect(!later.stdout.contains(id) && !later.stderr.contains("earlier"), "\(later)")
    _ = try await sh("rm \(spool)/\(id); ln -s /nowhere \(spool)/\(id)")
    let link = try await sh("\"$1\" recover \(spool)/\(id)")
    #expect(link.code == 1 && link.stderr.contains("(ENOTDIR)"), "\(link)")
    #expect(try await contents(spool).contains("\(id) l"))
  }

  @Test(.needs(.root))
  func aFileOfTheUserInTheFolderOfARunOutlivesIt() async throws {
    let user = try UserFixture(61_332, in: sandbox)
    let folder = try await user.leaveARunWaiting(in: "logs")
    _ = try await user.sh("echo precious > \(folder)/notes; mkdir \(folder)/stdout.d")
    let recovered = try await user.sh("con-duct recover")
    #expect(recovered.code == 0 && user.isWhole("logs"), "\(recovered)")
    #expect(sandbox.names(of: folder) == ["notes", "stdout.d"])
  }
}
