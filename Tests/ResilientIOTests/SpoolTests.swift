import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

@Suite struct SpoolTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func reasons() -> [String] {
    var reasons: [String] = []
    _ = Spool.find(in: [sandbox.path], reject: { reasons.append($1) })
    return reasons
  }

  private var base: String { "duct-\(geteuid())" }

  @Test func isMadeForItsOwnerAlone() throws {
    let spool = try #require(Spool.find(in: [sandbox.path]))
    #expect(spool.base == sandbox[base])
    var information = stat()
    #expect(lstat(spool.base.string, &information) == 0 && information.st_mode & 0o777 == 0o700)
    #expect(Spool.find(in: [sandbox.path]) != nil)
  }

  @Test func aLinkAForeignOrAnOpenFolderIsRefused() throws {
    try sandbox.makeDirectory("real")
    chmod(sandbox["real"].string, 0o700)
    symlink(sandbox["real"].string, sandbox[base].string)
    #expect(reasons() == ["it is no directory"])
    unlink(sandbox[base].string)

    try sandbox.makeDirectory(base)
    chmod(sandbox[base].string, 0o755)
    #expect(reasons() == ["others may look into it"])
    chmod(sandbox[base].string, 0o700)
    if geteuid() == 0 {
      chown(sandbox[base].string, 12345, 12345)
      #expect(reasons() == ["it belongs to user 12345"])
    }
    #expect(Spool.existing(in: [sandbox.path]).isEmpty == (geteuid() == 0))
  }

  @Test func theNextPlaceIsTaken() throws {
    try sandbox.write("", to: "file")
    try sandbox.makeDirectory("good")
    let spool = Spool.find(in: [sandbox["file"], sandbox["missing"], sandbox["good"]])
    #expect(spool?.base == sandbox["good/\(base)"])
  }

  @Test func aFolderIsOnesOwnWhileItIsHeld() throws {
    let spool = try #require(Spool.find(in: [sandbox.path]))
    let folder = try SpoolFolder.create(spool, name: "run")
    #expect(try SpoolFolder.open(folder.path) == nil)
    #expect(throws: IOFailure.self) { try SpoolFolder.create(spool, name: "run") }
    folder.lock.closeQuietly()
    let again = try #require(try SpoolFolder.open(folder.path))
    #expect(spool.folders() == [folder.path])
    again.remove()
    #expect(spool.folders() == [])
  }

  @Test func whatAKilledDuctHadBegunToMakeIsRemoved() async throws {
    for name in [".empty", ".locked", ".held", ".new", "run"] { try sandbox.makeDirectory(name) }
    for name in [".locked", ".held"] { try sandbox.write("", to: "\(name)/lock") }
    let lock = try FileDescriptor.opening(sandbox[".held/lock"], .readWrite)
    #expect(flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0)
    for name in [".empty", ".locked", ".held", "run"] {
      let touched = try await run("touch", ["-d", "2 minutes ago", sandbox[name].string], in: sandbox)
      #expect(touched.code == 0)
    }
    #expect(Spool(base: sandbox.path).folders() == [sandbox["run"]])
    #expect(sandbox.names() == [".held", ".new", "run"])
    lock.closeQuietly()
  }

  @Test func aLockThatIsRemovedWhileItIsWaitedForIsNone() throws {
    try sandbox.makeDirectory("run")
    try sandbox.write("", to: "run/lock")
    let isDone = Monitor(false)
    let found = try FaultDriver.use({ call, _ in
      // Between open and lock: the first thing that is asked of the lock is whether it is still there.
      if call == "stat", !isDone.update({ done in (done, done = true).0 }) {
        unlink(sandbox["run/lock"].string)
      }
      return nil
    }) {
      try SpoolFolder.open(sandbox["run"])
    }
    #expect(found == nil && isDone.withLock { $0 })
    #expect(sandbox.names() == [])
  }
}
