import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// A growing file in the log directory that another process moves, removes, replaces or changes.
@Suite struct TargetFileTests {
  private let sandbox: Sandbox
  private let source = MemorySource()
  private let memory = NotedTarget()

  init() throws { sandbox = try Sandbox() }

  private func target() -> TargetFile { TargetFile(sandbox["log"], runID: "run", memory: memory) }

  private func grow(_ file: inout TargetFile, _ text: String) throws {
    source.add(text)
    while try file.deliver(source) {}
  }

  @Test func aRemovedFileIsMadeWholeAgain() throws {
    var file = target()
    try grow(&file, "one\n")
    unlink(sandbox["log"].string)
    try grow(&file, "two\n")
    #expect(file.discoveries == [.restored(missing: 0)])
    #expect(try sandbox.text("log") == "one\ntwo\n")
    try grow(&file, "three\n")
    #expect(file.discoveries == [])
    #expect(try sandbox.text("log") == source.text)
  }

  @Test func aFileThatWasReplacedIsLeftAndOursIsBesideIt() throws {
    var file = target()
    try grow(&file, "one\n")
    try sandbox.write("another's\n", to: "new")
    rename(sandbox["new"].string, sandbox["log"].string)
    try grow(&file, "two\n")
    #expect(file.discoveries == [.displaced(name: 1)])
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
    #expect(file.discoveries == [.restored(missing: 0)])
    #expect(try sandbox.text("log") == source.text)
  }

  /// Text that another process appended to our log file is removed.
  @Test func whatAnotherAddedGoesAtTheEnd() throws {
    var file = target()
    try grow(&file, "one\n")
    let other = try FileDescriptor.opening(sandbox["log"], .writeOnly, options: .append)
    try other.writeAll(Array("a note of somebody, which is long\n".utf8))
    try grow(&file, "two\n")
    source.complete()
    _ = try file.deliver(source)
    #expect(try sandbox.text("log") == source.text)
  }

  /// The directory works again, and the run ends.
  private func expectAllAtTheEnd(of file: inout TargetFile) throws {
    try grow(&file, "more\n")
    source.complete()
    _ = try file.deliver(source, isLast: true)
    #expect(sandbox.names() == ["log"])
    #expect(try sandbox.text("log") == source.text)
  }

  /// A directory takes new files and refuses to rename them, for hours.
  @Test(arguments: [["rename"], ["rename", "unlink"]])
  func aDirectoryThatRefusesNames(_ refused: [String]) throws {
    var file = target()
    source.add("text\n")
    for turn in 0..<50 {
      CallDriver.withMocking({ refused.contains($0.name) ? .fails(.permissionDenied) : nil }) { _ in
        let failure = #expect(throws: IOFailure.self) { try file.deliver(source) }
        #expect(failure?.operation == "rename", "turn \(turn)")
      }
      #expect(sandbox.names() == [".log.run.0.tmp"])
    }
    try expectAllAtTheEnd(of: &file)
  }

  /// A server makes the file, reports an error, and goes on so for hours.
  @Test func aServerThatMakesFilesAndReportsAnError() throws {
    var file = target()
    source.add("text\n")
    for _ in 0..<50 {
      // Only an open file is asked for its status without a path.
      CallDriver.withMocking({ $0.name == "stat" && $0.path == nil ? .fails(.ioError) : nil }) { _ in
        _ = #expect(throws: IOFailure.self) { try file.deliver(source) }
      }
      #expect(sandbox.names().count <= 8, "a successor looks for no more")
    }
    try expectAllAtTheEnd(of: &file)
  }

  /// The log directory is moved away and comes back. The same file continues to grow.
  @Test func aDirectoryThatComesBack() throws {
    try sandbox.makeDirectory("dir")
    var file = TargetFile(sandbox["dir/log"], runID: "run")
    try grow(&file, "one\n")
    rename(sandbox["dir"].string, sandbox["away"].string)
    #expect(throws: IOFailure.self) { try grow(&file, "two\n") }
    rename(sandbox["away"].string, sandbox["dir"].string)
    try grow(&file, "three\n")
    #expect(try sandbox.text("dir/log") == source.text)
    #expect(sandbox.names("dir") == ["log"])
  }

  private func successor(proven: Int) -> TargetFile {
    TargetFile(
      sandbox["log"], runID: "run", notes: memory.notes, proven: proven, isSuccessor: true, memory: memory)
  }

  /// A successor continues the noted file, and truncates it to the proven offset first.
  @Test func aSuccessorTakesOnlyWhatIsOurs() throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    // The first process was killed after an unproven write.
    let torn = try FileDescriptor.opening(sandbox["log"], .writeOnly, options: .append)
    try torn.writeAll(Array("thr".utf8))
    var second = successor(proven: 8)
    try grow(&second, "three\n")
    #expect(try sandbox.text("log") == source.text)
    #expect(sandbox.names() == ["log"])
  }

  /// A file with the same beginning, but another identity, is not ours.
  @Test(arguments: ["this is the log of another run\n", "one\ntwo\n", "one\ntwo\nthree\n", ""])
  func aFileThatBeginsAlikeIsAnothers(_ content: String) throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    try sandbox.write(content, to: "new")
    rename(sandbox["new"].string, sandbox["log"].string)
    var second = successor(proven: 8)
    try grow(&second, "three\n")
    #expect(second.discoveries.contains(.displaced(name: 1)))
    #expect(try sandbox.text("log") == content)
    #expect(try sandbox.text("log.run") == source.text)
  }

  /// Without a note, a file with the run's own content is not taken for ours.
  @Test func withoutANoteNothingIsOurs() throws {
    try sandbox.write("one\n", to: "log")
    source.add("one\ntwo\n")
    var second = TargetFile(sandbox["log"], runID: "run", isSuccessor: true)
    while try second.deliver(source) {}
    #expect(try sandbox.text("log") == "one\n")
    #expect(try sandbox.text("log.run") == source.text)
  }

  @Test func aLinkIsAnothersAndIsNotFollowed() throws {
    try sandbox.write("of somebody", to: "victim")
    symlink("victim", sandbox["log"].string)
    symlink("victim", sandbox["log.run"].string)
    var file = target()
    try grow(&file, "one\n")
    #expect(try sandbox.text("victim") == "of somebody")
    #expect(try sandbox.text("log.run.2") == "one\n")
    unlink(sandbox["log.run.2"].string)
    symlink("victim", sandbox["log.run.2"].string)
    try grow(&file, "two\n")
    #expect(try sandbox.text("victim") == "of somebody")
    #expect(try sandbox.text("log.run.3") == source.text)
  }

  /// Fault 7: bytes that an fsync has covered and that the source cannot give again are not truncated.
  @Test func anErrorAtTheLastCloseCutsNothingThatTheSourceCannotGive() throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    source.release(upTo: 4)
    source.add("three\n")
    source.complete()
    try CallDriver.withMocking({ $0.name == "close" && $0.number == 1 ? .fails(.ioError) : nil }) { driver in
      #expect(throws: IOFailure.self) { _ = try file.deliver(source, isLast: true) }
      #expect(driver.count("truncate") == 0)
      #expect(try sandbox.text("log").hasPrefix("one\n"))
      while try file.deliver(source, isLast: true) {}
    }
    #expect(try sandbox.text("log") == source.text)
  }

  /// Fault 15: until the new file contains the beginning, only the old descriptor leads to it.
  @Test func aReCreationThatFailsLosesNothing() throws {
    var file = target()
    try grow(&file, "one\ntwo\n")
    source.release(upTo: 8)
    unlink(sandbox["log"].string)
    source.add("three\n")
    for call in ["open", "write", "fsync"] {
      CallDriver.withMocking({ $0.name == call ? .fails(.permissionDenied) : nil }) { driver in
        #expect(throws: IOFailure.self) { _ = try file.deliver(source) }
        #expect(driver.count(call) > 0)
      }
    }
    try grow(&file, "")
    #expect(file.discoveries == [.restored(missing: 0)])
    #expect(try sandbox.text("log") == source.text)
  }
}

/// What a run records about its files.
final class NotedTarget: TargetMemory {
  private let state = Monitor<[TargetNote]>([])
  var notes: [TargetNote] { state.withLock { $0 } }
  func remember(_ note: TargetNote) { state.update { $0 = [note] } }
  func rememberBoth(_ note: TargetNote) { state.update { $0 = [note] + $0.suffix(1) } }
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

  // Paths below a remote mount count as remote, whatever is mounted there, because the kernel reaches them through
  // it.
  @Test(arguments: [
    ("/", Filesystem.local), ("/home", .remote), ("/home/me/logs", .remote), ("/homestead", .local),
    ("/home/fast/x", .remote), ("/home/fast/../me", .remote), ("/mnt/with space/x", .remote),
    ("/mnt", .local),
    ("/scratch/a", .remote), ("/tmp/a/b", .local), ("/odd/a", .remote), ("/tmp/../home/x", .remote),
  ])
  func byMount(_ path: String, _ kind: Filesystem) { #expect(table.kind(of: FilePath(path)) == kind) }

  @Test func mounts() throws {
    let home = try #require(table.mount(of: "/home/me/logs"))
    #expect(
      home
        == MountedFilesystem(
          kind: .remote, type: "nfs4", point: "/home", source: "server:/home", options: ["rw", "sec=krb5"]))
    #expect(home.value(of: "sec") == "krb5" && home.value(of: "se") == nil && !home.isInMemory)
    #expect(table.mount(of: "/homestead")?.point == "/")
    #expect(table.mount(of: "/home/fast")?.type == "xfs")
    #expect(table.mount(of: "/mnt/with space/x")?.point == "/mnt/with space")
    #expect(table.mount(of: "/tmp/a")?.isInMemory == true)
    #expect(table.mount(of: "/")?.options == ["rw", "relatime"])
    #expect(MountTable([]).mount(of: "/tmp") == nil)
  }

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
