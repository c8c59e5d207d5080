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
    _ = Spool.find(in: [.named(sandbox.path)], reject: { reasons.append($1) })
    return reasons
  }

  private var base: String { "duct-\(geteuid())" }

  @Test func isMadeForItsOwnerAlone() throws {
    let spool = try #require(Spool.find(in: [.named(sandbox.path)]))
    #expect(spool.base == sandbox[base])
    var information = stat()
    #expect(lstat(spool.base.string, &information) == 0 && information.st_mode & 0o777 == 0o700)
    #expect(Spool.find(in: [.named(sandbox.path)]) != nil)
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
    #expect(Spool.existing(in: [.named(sandbox.path)]).isEmpty == (geteuid() == 0))
  }

  /// If a place for the spool cannot be used, the next one in the list is.
  @Test func theNextPlaceIsTaken() throws {
    try sandbox.write("", to: "file")
    try sandbox.makeDirectory("good")
    let spool = Spool.find(in: [.named(sandbox["file"]), .named(sandbox["missing"]), .named(sandbox["good"])])
    #expect(spool?.base == sandbox["good/\(base)"])
  }

  /// One process removes a folder that several use, while others open it.
  @Test func aSharedFolderThatIsRemovedJustThen() throws {
    let spool = try #require(Spool.find(in: [.named(sandbox.path)]))
    let left = Monitor(4)
    let problems = Monitor<[String]>([])
    for _ in 0..<4 {
      _ = try OwnThread("opener") {
        for _ in 0..<2000 {
          do { try PrivateFolder(shared: "shared", in: spool).remove { _ in true } } catch {
            problems.update { $0.append("\(error)") }
          }
        }
        left.update { $0 -= 1 }
      }
    }
    #expect(left.wait(until: .now + 60) { $0 == 0 ? true : nil } == true)
    #expect(problems.withLock { $0 } == [])
  }

  /// While a process holds the lock of a run folder, no other process can open it.
  @Test func aFolderIsOnesOwnWhileItIsHeld() throws {
    let spool = try #require(Spool.find(in: [.named(sandbox.path)]))
    var folder: SpoolFolder? = try SpoolFolder.create(spool, name: "run")
    let path = try #require(folder?.path)
    #expect(try SpoolFolder.open(path) == nil)
    #expect(throws: IOFailure.self) { try SpoolFolder.create(spool, name: "run") }
    folder = nil
    let again = try #require(try SpoolFolder.open(path))
    #expect(spool.folders() == [path])
    again.remove { _ in true }
    #expect(spool.folders() == [])
  }

  /// Processes that only look into a folder do not take each other for the run.
  @Test func severalProcessesLookIntoAFolder() throws {
    let spool = try #require(Spool.find(in: [.named(sandbox.path)]))
    var run: SpoolFolder? = try SpoolFolder.create(spool, name: "run")
    let path = try #require(run?.path)
    #expect(try SpoolFolder.open(path, sharing: true) == nil)
    run = nil
    let one = try #require(try SpoolFolder.open(path, sharing: true))
    var other = try SpoolFolder.open(path, sharing: true)
    #expect(other != nil)
    #expect(try SpoolFolder.open(path) == nil)
    #expect(!one.lockAlone())
    // A failed try may lose the lock, but here `other` still has its own.
    #expect(try SpoolFolder.open(path) == nil)
    other = nil
    #expect(one.lockAlone())
    #expect(try SpoolFolder.open(path, sharing: true) == nil)
    one.remove { _ in true }
    #expect(!one.lockAlone())
  }

  /// Unfinished run folders of a killed duct are removed if they are old, empty and not locked.
  @Test func whatAKilledDuctHadBegunToMakeIsRemoved() async throws {
    chmod(sandbox.path.string, 0o700)
    for name in [".old", ".held", ".new", ".full", "run"] { try sandbox.makeDirectory(name) }
    // A run folder has files only after it has its final name.
    try sandbox.write("", to: ".full/file")
    let lock = try FileDescriptor.opening(sandbox[".held"], .readOnly)
    #expect(flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0)
    for name in [".old", ".held", ".full", "run"] {
      let touched = try await run("touch", ["-d", "2 minutes ago", sandbox[name].string], in: sandbox)
      #expect(touched.code == 0)
    }
    #expect(Spool(base: sandbox.path).folders() == [sandbox["run"]])
    #expect(sandbox.names() == [".full", ".held", ".new", "run"])
    lock.closeQuietly()
  }

  /// A held run folder is not mistaken for another folder that takes its name.
  @Test func aFolderThatIsSwappedIsNotMistaken() throws {
    let spool = try #require(Spool.find(in: [.named(sandbox.path)]))
    let folder = try SpoolFolder.create(spool, name: "run")
    try sandbox.write("mine", to: "\(base)/run/file")
    // Another folder takes the name while ours is held.
    rename(folder.path.string, sandbox["away"].string)
    try sandbox.makeDirectory("\(base)/run")
    try sandbox.write("another's", to: "\(base)/run/file")
    #expect(try folder.contents.read("file", limit: 100) == Array("mine".utf8))
    folder.remove { $0.elementsEqual("file".utf8) }
    #expect(sandbox.names("away") == [])
    #expect(try sandbox.text("\(base)/run/file") == "another's")
  }
}

/// Files in a spool are opened with the same checks.
@Suite struct PrivateFolderTests {
  private let sandbox: Sandbox
  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeDirectory("folder")
  }

  private func refusal(_ name: String) -> String? {
    do {
      let bytes = try PrivateFolder(sandbox["folder"]).read(name, limit: 10)
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      return error.description
    }
  }

  @Test func onlyARegularFileOfItsOwnerIsRead() throws {
    try sandbox.write("outside", to: "file")
    try sandbox.write("inside", to: "folder/file")
    try sandbox.write("more than ten", to: "folder/large")
    symlink(sandbox["file"].string, sandbox["folder/link"].string)
    link(sandbox["file"].string, sandbox["folder/other"].string)
    mkfifo(sandbox["folder/fifo"].string, 0o600)
    try sandbox.makeDirectory("folder/folder")
    #expect(refusal("file") == "inside")
    #expect(refusal("large") == "it has 13 bytes, and 10 are the most")
    #expect(refusal("link")?.contains("ELOOP") == true)
    #expect(refusal("other") == "it has another name elsewhere")
    #expect(refusal("fifo") == "it is no regular file")
    #expect(refusal("folder") == "it is no regular file")
    #expect(refusal("missing")?.contains("ENOENT") == true)
    guard geteuid() == 0 else { return }
    chown(sandbox["folder/file"].string, 12345, 12345)
    #expect(refusal("file") == "it belongs to user 12345")
  }

  @Test func aLinkAForeignOrAnOpenFolderIsRefused() throws {
    symlink(sandbox["folder"].string, sandbox["link"].string)
    #expect(throws: PrivateFolder.Refusal.self) { try PrivateFolder(sandbox["link"]) }
    chmod(sandbox["folder"].string, 0o770)
    #expect(refusal("file") == "others may write into it")
    chmod(sandbox["folder"].string, 0o700)
    guard geteuid() == 0 else { return }
    chown(sandbox["folder"].string, 12345, 12345)
    #expect(refusal("file") == "it belongs to user 12345")
    mkfifo(sandbox["fifo"].string, 0o600)
    #expect(throws: PrivateFolder.Refusal.self) { try PrivateFolder(sandbox["fifo"]) }
  }

  /// The names are read with the folder's own descriptor. Each listing starts again from the first name.
  @Test func namesAreListedWithoutAnotherDescriptor() throws {
    for number in 0..<2000 { try sandbox.write("", to: "folder/\(number)") }
    let folder = try PrivateFolder(sandbox["folder"])
    #expect(try folder.names().count == 2000)
    #expect(try folder.names().contains(Array("1999".utf8)), "from the start again")
    folder.remove("1999")
    folder.remove("1999")
    #expect(try folder.names().count == 1999)
  }
}

/// The place of a spool if other users have taken the usual names.
@Suite struct SpoolPlaceTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private let name = "duct-\(geteuid())"

  @Test func aFolderOfARandomNameIsFoundAgain() throws {
    try sandbox.write("", to: name)
    let places: [SpoolPlace] = [.named(sandbox.path), .random(sandbox.path)]
    #expect(Spool.existing(in: places).isEmpty)
    let spool = try #require(Spool.find(in: places))
    #expect(spool.base.string.hasPrefix(sandbox["\(name)-"].string))
    #expect(Spool.find(in: places)?.base == spool.base, "the next run takes the same")
    #expect(Spool.existing(in: places).map(\.base) == [spool.base])
    #expect(spool.folders() == [])
    // Folders that only look like a spool.
    for other in ["\(name)-1", "\(name)-2"] { try sandbox.makeDirectory(other) }
    chmod(sandbox["\(name)-1"].string, 0o700)
    #expect(Spool.existing(in: places).map(\.base) == [spool.base])
  }

  /// The spool in the home directory is `.local/state/duct-UID`.
  @Test func theHomeHasOneOfItsOwn() throws {
    let spool = try #require(Spool.find(in: [.home(sandbox.path)]))
    #expect(spool.base == sandbox[".local/state/\(name)"])
    #expect(Spool.existing(in: [.home(sandbox.path)]).map(\.base) == [spool.base])
    guard geteuid() == 0 else { return }
    try sandbox.makeDirectory("foreign")
    chown(sandbox["foreign"].string, 12345, 12345)
    #expect(Spool.find(in: [.home(sandbox["foreign"])]) == nil)
    #expect(sandbox.names("foreign") == [], "root leaves nothing in the home of another")
  }
}
