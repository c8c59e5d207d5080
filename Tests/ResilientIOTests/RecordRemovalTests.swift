import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// The removal of a run's own files.
@Suite struct RecordRemovalTests {
  private let sandbox: Sandbox
  private static let away = "logs/.file.run.99.tmp"

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeDirectory("logs")
  }

  private func note(_ name: String = "logs/file") throws -> TargetNote {
    TargetNote(identity: try FileIdentity.asked(at: sandbox[name], followingLinks: false), name: 0)
  }

  private func remove(_ note: TargetNote) throws {
    try RecordFile.remove(sandbox["logs/file"], [note], runID: "run")
  }

  /// If the directory is missing, the removal fails instead of counting the file as removed.
  @Test func aDirectoryThatIsAwayIsNoRemoval() throws {
    try sandbox.write("ours", to: "logs/file")
    let note = try note()
    rename(sandbox["logs"].string, sandbox["elsewhere"].string)
    let failure = #expect(throws: IOFailure.self) { try remove(note) }
    #expect(failure?.errno == .noSuchFileOrDirectory)
    rename(sandbox["elsewhere"].string, sandbox["logs"].string)
    try remove(note)
    #expect(sandbox.names("logs") == [])
    // If only the file is missing, the removal succeeds. It does not matter who removed the file.
    try remove(note)
  }

  /// A missing file on another device proves nothing, since another file system may be mounted over the directory.
  @Test func whereAnotherFileSystemIsMountedNothingIsGone() throws {
    try sandbox.write("ours", to: "logs/file")
    var note = try note()
    unlink(sandbox["logs/file"].string)
    note.identity.device += 1
    #expect(throws: IOFailure.self) { try remove(note) }
  }

  /// A delivery exchanged the new file for the old one, and failed before it could look at what came out. So the old one,
  /// which is noted too, has the second name.
  @Test func theOldFileUnderTheSecondNameIsRemoved() throws {
    try sandbox.write("new", to: "logs/file")
    try sandbox.write("old", to: "logs/.file.run.0.tmp")
    var new = try note()
    new.link = 0
    let old = try note("logs/.file.run.0.tmp")
    try RecordFile.remove(sandbox["logs/file"], [new, old], runID: "run")
    #expect(sandbox.names("logs") == [])
  }

  /// A rename by link(2) and unlink(2) has failed in between, and the user has moved the file. Its second name goes.
  @Test func aMovedFileLosesItsSecondName() throws {
    try sandbox.write("ours", to: "logs/mine")
    let note = try note("logs/mine")
    link(sandbox["logs/mine"].string, sandbox["logs/.file.run.0.tmp"].string)
    try remove(note)
    #expect(sandbox.names("logs") == ["mine"])
  }

  /// Where link(2) and unlink(2) replace a rename, a process may be killed between them. Then the file has both
  /// names.
  @Test func aFileWithBothNamesIsRemoved() throws {
    try sandbox.write("ours", to: "logs/file")
    link(sandbox["logs/file"].string, sandbox[Self.away].string)
    try remove(note())
    #expect(sandbox.names("logs") == [])
  }

  /// Another's file that an earlier removal linked aside loses that name, and keeps its own.
  @Test func anothersFileWithBothNamesKeepsItsOwn() throws {
    try sandbox.write("ours", to: "logs/ours")
    let note = try note("logs/ours")
    unlink(sandbox["logs/ours"].string)
    try sandbox.write("another's", to: "logs/file")
    link(sandbox["logs/file"].string, sandbox[Self.away].string)
    try remove(note)
    #expect(sandbox.names("logs") == ["file"])
    #expect(try sandbox.text("logs/file") == "another's")
  }

  /// An earlier removal moved another's file aside in place of ours. Since then our file has taken its name.
  @Test func anothersFileInTheWayIsKept() throws {
    try sandbox.write("ours", to: "logs/file")
    try sandbox.write("another's", to: Self.away)
    try remove(note())
    #expect(sandbox.names("logs") == ["file.run"])
    #expect(try sandbox.text("logs/file.run") == "another's")
  }
}
