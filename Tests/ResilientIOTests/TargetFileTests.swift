import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// A file in the log directory that another touches while it grows.
@Suite struct TargetFileTests {
  private let sandbox: Sandbox
  private let source = MemorySource()

  init() throws { sandbox = try Sandbox() }

  private func target() -> TargetFile { TargetFile(sandbox["log"], label: "run") }

  private func grow(_ file: inout TargetFile, _ text: String) throws {
    source.add(text)
    while try file.publish(source) {}
  }

  @Test func aRemovedFileIsMadeWholeAgain() throws {
    var file = target()
    try grow(&file, "one\n")
    unlink(sandbox["log"].string)
    try grow(&file, "two\n")
    #expect(file.discovery == .restored(missing: 0))
    #expect(try sandbox.text("log") == "one\ntwo\n")
    try grow(&file, "three\n")
    #expect(file.discovery == nil)
    #expect(try sandbox.text("log") == source.text)
  }

  @Test func aFileThatWasReplacedIsLeftAndOursIsBesideIt() throws {
    var file = target()
    try grow(&file, "one\n")
    try sandbox.write("another's\n", to: "new")
    rename(sandbox["new"].string, sandbox["log"].string)
    try grow(&file, "two\n")
    #expect(file.discovery == .displaced)
    #expect(try sandbox.text("log") == "another's\n")
    #expect(try sandbox.text("log.run") == "one\ntwo\n")
    try grow(&file, "three\n")
    #expect(try sandbox.text("log.run") == source.text)
  }

  @Test(arguments: [0, 1, 5, 7])
  func aShortenedFileIsMadeWholeAgain(_ length: Int) throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    truncate(sandbox["log"].string, length)
    try grow(&file, "three\n")
    #expect(file.discovery == .restored(missing: 0))
    #expect(try sandbox.text("log") == source.text)
  }

  @Test func whatAnotherAddedGoesAtTheEnd() throws {
    var file = target()
    try grow(&file, "one\n")
    let other = try FileDescriptor.opening(sandbox["log"], .writeOnly, options: .append)
    try other.writeAll(Array("a note of somebody, which is long\n".utf8))
    try grow(&file, "two\n")
    source.complete()
    _ = try file.publish(source)
    #expect(try sandbox.text("log") == source.text)
  }

  @Test func aDirectoryThatComesBack() throws {
    try sandbox.makeDirectory("dir")
    var file = TargetFile(sandbox["dir/log"], label: "run")
    try grow(&file, "one\n")
    rename(sandbox["dir"].string, sandbox["away"].string)
    #expect(throws: IOFailure.self) { try grow(&file, "two\n") }
    rename(sandbox["away"].string, sandbox["dir"].string)
    try grow(&file, "three\n")
    #expect(try sandbox.text("dir/log") == source.text)
    #expect(sandbox.names("dir") == ["log"])
  }

  @Test func aSuccessorTakesOnlyWhatIsOurs() throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    // It was killed behind an unproven write.
    let torn = try FileDescriptor.opening(sandbox["log"], .writeOnly, options: .append)
    try torn.writeAll(Array("thr".utf8))
    var successor = TargetFile(sandbox["log"], label: "run", proven: 8, start: .adopt)
    try grow(&successor, "three\n")
    #expect(try sandbox.text("log") == source.text)

    try sandbox.write("this is the log of another run\n", to: "log")
    var third = TargetFile(sandbox["log"], label: "run", proven: 8, start: .adopt)
    try grow(&third, "four\n")
    #expect(third.discovery == .displaced)
    #expect(try sandbox.text("log") == "this is the log of another run\n")
    #expect(try sandbox.text("log.run") == source.text)
  }

  @Test func lostRangesThatReadAsNulAreWrittenAgain() throws {
    try sandbox.write([UInt8](repeating: 0, count: 12), to: "log")
    source.add("one\ntwo\nthree\n")
    var successor = TargetFile(sandbox["log"], label: "run", proven: 0, start: .adopt)
    _ = try successor.publish(source)
    #expect(try sandbox.text("log") == source.text)
  }
}

@Suite struct FilesystemTests {
  private let table = MountTable(
    Array(
      """
      22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      23 22 0:21 / /proc rw - proc proc rw
      24 22 0:30 / /home rw - nfs4 server:/home rw,sec=krb5
      25 24 0:31 / /home/fast rw - xfs /dev/sdb rw
      26 22 0:32 / /mnt/with\\040space rw - lustre mgs:/x rw
      27 22 0:33 / /scratch rw - autofs /etc/auto rw
      28 22 0:34 / /tmp rw - tmpfs tmpfs rw
      29 22 0:35 / /odd rw - somethingnew x rw
      """.utf8))

  // What lies below a remote mount is reached by way of it, whatever it is itself.
  @Test(arguments: [
    ("/", Filesystem.local), ("/home", .remote), ("/home/me/logs", .remote), ("/homestead", .local),
    ("/home/fast/x", .remote), ("/home/fast/../me", .remote), ("/mnt/with space/x", .remote),
    ("/mnt", .local),
    ("/scratch/a", .remote), ("/tmp/a/b", .local), ("/odd/a", .remote), ("/tmp/../home/x", .remote),
  ])
  func byMount(_ path: String, _ kind: Filesystem) { #expect(table.kind(of: FilePath(path)) == kind) }

  @Test func linksAreFollowed() throws {
    let sandbox = try Sandbox()
    symlink("/home/me", sandbox["there"].string)
    symlink("there/deeper", sandbox["chain"].string)
    symlink("loop", sandbox["loop"].string)
    #expect(table.kind(of: sandbox["there/logs"]) == .remote)
    #expect(table.kind(of: sandbox["chain"]) == .remote)
    #expect(table.kind(of: sandbox["loop"]) == .remote)
    #expect(table.kind(of: sandbox["new/dir"]) == .local)
  }

  @Test func thisHost() {
    #expect(Filesystem.kind(of: "/proc/self") == .local)
    #expect(MountTable([]).kind(of: "/tmp") == .remote, "what is not known counts as remote")
  }
}
