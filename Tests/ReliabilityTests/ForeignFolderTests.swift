import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Folders that no run has made, where recover and later runs come by: nothing in them is touched.
@Suite(.serialized) struct ForeignFolderTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private var spool: String { "\(sandbox.spool)/duct-\(geteuid())" }

  private func sh(_ script: String) async throws -> Finished {
    try await run("bash", ["-c", script, Programs.duct, Programs.conDuct], in: sandbox)
  }

  /// What `find` says of a folder.
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
    // It looks as if it were one, and is none.
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

  @Test(.enabled(if: geteuid() == 0, "chmod stops no root, and tests have no user but it"))
  func aFileOfTheUserInTheFolderOfARunOutlivesIt() async throws {
    let user = try UserFixture(61_332, in: sandbox)
    let folder = try await user.leaveARunWaiting(in: "logs")
    _ = try await user.sh("echo precious > \(folder)/notes; mkdir \(folder)/stdout.d")
    let recovered = try await user.sh("con-duct recover")
    #expect(recovered.code == 0 && user.isWhole("logs"), "\(recovered)")
    #expect(sandbox.names(of: folder) == ["notes", "stdout.d"])
  }
}
