import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// Files of the log directory that are replaced as a whole.
@Suite struct ReplacedFileTests {
  private let sandbox: Sandbox
  private let memory = NotedTarget()
  init() throws { sandbox = try Sandbox() }

  private func file() -> ReplacedFile {
    ReplacedFile(sandbox["file"], runID: "run", notes: memory.notes, memory: memory)
  }

  @Test func replacesWholeAndLeavesNothingBeside() throws {
    var file = file()
    for text in ["first", "second, which is longer", "3"] {
      try file.replace(with: Array(text.utf8))
      #expect(try sandbox.text("file") == text)
    }
    // A successor recognizes the file as ours.
    var second = self.file()
    try second.replace(with: [4])
    #expect(try sandbox.bytes("file") == [4] && !second.wasDisplaced)
    #expect(sandbox.names() == ["file"])
  }

  /// Also after failures, what is known of earlier versions does not grow with their number.
  @Test func manyVersionsTakeNoMoreMemoryThanOne() throws {
    var file = self.file()
    for number in 0..<100 {
      let failing = number % 7 == 3 ? ["stat", "rename", "fsync", "unlink", "write"][number / 7 % 5] : ""
      CallDriver.withMocking({ $0.name == failing ? .fails(.ioError) : nil }) { _ in
        _ = try? file.replace(with: Array("\(number)".utf8))
      }
    }
    try file.replace(with: [1])
    #expect(file.replacement.made.count <= 2)
    #expect(sandbox.names() == ["file"])
  }

  @Test func aFailureNamesCallAndPathAndKeepsTheOldFile() throws {
    var file = file()
    try file.replace(with: [1])
    let failure = CallDriver.withMocking({ $0.name == "fsync" ? .fails(.noSpace) : nil }) { _ in
      #expect(throws: IOFailure.self) { try file.replace(with: [2]) }
    }
    #expect(failure?.operation == "fsync" && failure?.path == sandbox["file"])
    #expect(failure?.description.contains("ENOSPC") == true)
    #expect(try sandbox.bytes("file") == [1])
    var missing = ReplacedFile(sandbox["no/file"], runID: "run")
    let absent = #expect(throws: IOFailure.self) { try missing.replace(with: [1]) }
    #expect(absent?.errno == .noSuchFileOrDirectory && absent?.operation == "create")
  }

  /// A disk fails between the exchange and the fsync of the directory. After its repair, the old file has the name
  /// again: it is ours all the same.
  @Test func anOldFileThatComesBackIsStillOurs() throws {
    var file = file()
    try file.replace(with: [1])
    link(sandbox["file"].string, sandbox["old"].string)
    CallDriver.withMocking({ $0.name == "syncDirectory" ? .fails(.ioError) : nil }) { _ in
      let failure = #expect(throws: IOFailure.self) { try file.replace(with: [2]) }
      #expect(failure?.operation == "fsync" && failure?.errno == .ioError)
    }
    file.close()
    rename(sandbox["old"].string, sandbox["file"].string)
    #expect(try sandbox.bytes("file") == [1] && memory.notes.count == 2)
    var successor = self.file()
    try successor.replace(with: [3])
    #expect(try sandbox.bytes("file") == [3] && !successor.wasDisplaced)
    #expect(sandbox.names() == ["file"] && memory.notes.count == 1)
  }

  /// Not every file system has an fsync for directories.
  @Test(arguments: [Errno.invalidArgument, .notSupported])
  func aDirectoryWithoutFsync(_ error: Errno) throws {
    var file = file()
    try CallDriver.withMocking({ $0.name == "syncDirectory" ? .fails(error) : nil }) { _ in
      for byte: UInt8 in 1...3 { try file.replace(with: [byte]) }
    }
    #expect(try sandbox.bytes("file") == [3] && memory.notes.count == 1)
  }

  @Test func aTemporaryFileThatCouldNotBeRemovedGoesWithTheNextSuccess() throws {
    var file = file()
    CallDriver.withMocking({ ["rename", "unlink"].contains($0.name) ? .fails(.permissionDenied) : nil }) {
      _ in
      _ = #expect(throws: IOFailure.self) { try file.replace(with: [1]) }
    }
    #expect(sandbox.names().count == 1)
    try file.replace(with: [2])
    #expect(sandbox.names() == ["file"])
  }

  @Test func aNameThatAnotherHasTakenIsLeftToIt() throws {
    var file = file()
    try file.replace(with: [1])
    try sandbox.write([9], to: "new")
    rename(sandbox["new"].string, sandbox["file"].string)
    try file.replace(with: [2])
    #expect(file.wasDisplaced)
    #expect(try sandbox.bytes("file") == [9] && sandbox.bytes("file.run") == [2])
    try file.replace(with: [3])
    #expect(try sandbox.bytes("file") == [9] && sandbox.bytes("file.run") == [3])
    #expect(sandbox.names() == ["file", "file.run"])
  }

  /// Another process takes the name between our check and our rename.
  @Test(arguments: [false, true]) func anotherTakesItInTheSameMoment(_ wasThere: Bool) throws {
    let path = sandbox["file"]
    var file = file()
    if wasThere { try file.replace(with: [1]) }
    try CallDriver.withMocking({ [sandbox] call in
      // After the check, and before the rename.
      if call.name == "rename", call.number == 1 {
        try? sandbox.write([9], to: "new")
        rename(sandbox["new"].string, path.string)
      }
      return nil
    }) { driver in
      try file.replace(with: [2])
      #expect(driver.trace.first { $0.name == "rename" }?.path == path)
    }
    #expect(file.wasDisplaced)
    #expect(try sandbox.bytes("file") == [9] && sandbox.bytes("file.run") == [2])
    #expect(sandbox.names() == ["file", "file.run"])
  }

  /// Fault 12: the server renames the file, but its answer is lost.
  @Test(arguments: [false, true], [EACCES, EIO, ESTALE])
  func aRenameThatWasCarriedOutAllTheSame(_ wasThere: Bool, _ errno: CInt) throws {
    let path = sandbox["file"]
    var file = file()
    if wasThere { try file.replace(with: [1]) }
    CallDriver.withMocking({ call in
      call.name == "rename" && call.number == 1 ? .loses(Errno(rawValue: errno)) : nil
    }) { driver in
      try? file.replace(with: [2])
      #expect(driver.trace.first { $0.name == "rename" }?.path == path)
    }
    try file.replace(with: [3])
    #expect(try sandbox.bytes("file") == [3])
    #expect(sandbox.names() == ["file"])
  }

  /// Fault 12: a failed check does not count as proof that the file is absent.
  @Test func aLookThatFailsIsNoAbsence() throws {
    var file = file()
    try file.replace(with: [1])
    CallDriver.withMocking({ $0.name == "stat" && $0.path != nil ? .fails(.permissionDenied) : nil }) { _ in
      _ = #expect(throws: IOFailure.self) { try file.replace(with: [2]) }
    }
    try file.replace(with: [3])
    #expect(try sandbox.bytes("file") == [3])
    #expect(sandbox.names() == ["file"])
  }

  /// If the file system has no exchange of two names, or no link(2) to rename to a new name, a plain rename must
  /// do.
  @Test(arguments: [EINVAL, EPERM, EOPNOTSUPP], [false, true])
  func whereThereIsNoMoreThanRename(_ errno: CInt, _ wasThere: Bool) throws {
    if wasThere, errno == EPERM { return }
    let path = sandbox["file"]
    var file = file()
    if wasThere { try file.replace(with: [1]) }
    try CallDriver.withMocking({ call in
      call.name == "rename" && call.number == 1 ? .fails(Errno(rawValue: errno)) : nil
    }) { driver in
      try file.replace(with: [2])
      #expect(driver.trace.filter { $0.name == "rename" }.map(\.path) == [path, path])
    }
    #expect(!file.wasDisplaced)
    #expect(try sandbox.bytes("file") == [2])
    #expect(sandbox.names() == ["file"])
  }

  @Test func anInodeThatIsUsedAgainIsAnothersFile() throws {
    let path = sandbox["file"]
    var file = file()
    try file.replace(with: [1])
    let ours = try FileCalls.status(path)
    // Some file systems give the inode number of a removed file to the next file.
    for number in 0..<100 {
      try FileCalls.unlink(path)
      try sandbox.write([9], to: "file")
      if try FileCalls.status(path).inode == ours.inode { break }
      try sandbox.write([], to: "other\(number)")
    }
    try file.replace(with: [2])
    #expect(file.wasDisplaced)
    #expect(try sandbox.bytes("file") == [9])
  }

  @Test func aReaderNeverSeesAPart() throws {
    let path = sandbox["file"]
    var first = file()
    try first.replace(with: [UInt8](repeating: 0, count: 100_000))
    let stop = Monitor(false)
    let memory = self.memory
    let writer = try OwnThread("writer") {
      var byte: UInt8 = 0
      var file = ReplacedFile(path, runID: "run", notes: memory.notes, memory: memory)
      while !stop.withLock({ $0 }) {
        byte &+= 1
        let content = [UInt8](repeating: byte, count: 100_000 + Int(byte))
        try? file.replace(with: content)
      }
    }
    for _ in 0..<300 {
      let bytes = try readAll(path)
      #expect(Set(bytes).count == 1 && bytes.count == 100_000 + Int(bytes[0]))
    }
    stop.update { $0 = true }
    #expect(writer.join(until: .now + 20))
    #expect(sandbox.names() == ["file"])
  }
}
