import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

@Suite struct AtomicFileTests {
  @Test func replacesWholeAndLeavesNothingBeside() throws {
    let sandbox = try Sandbox()
    for text in ["first", "second, which is longer", "3"] {
      try AtomicFile.replace(sandbox["file"], with: Array(text.utf8))
      #expect(try sandbox.text("file") == text)
    }
    #expect(sandbox.names() == ["file"])
  }

  @Test func aFailureNamesCallAndPathAndKeepsTheOldFile() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDirectory("file")
    try sandbox.write("inside", to: "file/kept")
    // A directory that is not empty cannot be replaced by a file.
    let failure = #expect(throws: IOFailure.self) { try AtomicFile.replace(sandbox["file"], with: [1]) }
    #expect(failure?.operation == "rename")
    #expect(failure?.description.contains("EISDIR") == true)
    #expect(sandbox.names() == ["file"])
    let missing = #expect(throws: IOFailure.self) { try AtomicFile.replace(sandbox["no/file"], with: [1]) }
    #expect(missing?.errno == .noSuchFileOrDirectory)
    #expect(missing?.operation == "create")
  }

  @Test func aTemporaryFileThatCouldNotBeRemovedGoesWithTheNextSuccess() throws {
    let sandbox = try Sandbox()
    _ = try FaultDriver.use({ call, path in
      path?.parent == sandbox.path && ["rename", "unlink"].contains(call) ? Errno(rawValue: EACCES) : nil
    }) {
      #expect(throws: IOFailure.self) { try AtomicFile.replace(sandbox["file"], with: [1]) }
    }
    #expect(sandbox.names().count == 1)
    try AtomicFile.replace(sandbox["file"], with: [2])
    #expect(sandbox.names() == ["file"])
  }

  @Test func aNameThatAnotherHasTakenIsLeftToIt() throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    let ours = try AtomicFile.replace(path, with: [1], replacing: .only(nil))
    #expect(ours != nil)
    let second = try AtomicFile.replace(path, with: [2], replacing: .only(ours))
    #expect(second != nil && second != ours)
    #expect(try sandbox.bytes("file") == [2])
    #expect(try AtomicFile.replace(path, with: [3], replacing: .only(ours)) == nil)
    #expect(try AtomicFile.replace(path, with: [3], replacing: .only(nil)) == nil)
    #expect(try sandbox.bytes("file") == [2])
    try FileCalls.unlink(path)
    #expect(try AtomicFile.replace(path, with: [4], replacing: .only(second)) != nil)
    #expect(sandbox.names() == ["file"])
  }

  @Test(arguments: [false, true]) func anotherTakesItInTheSameMoment(_ wasThere: Bool) throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    let ours = wasThere ? try AtomicFile.replace(path, with: [1]) : nil
    let isDone = Monitor(false)
    let result = try FaultDriver.use({ call, place in
      // After the look, and before the rename.
      guard call == "rename", place == path, !isDone.update({ done in (done, done = true).0 }) else {
        return nil
      }
      try? sandbox.write([9], to: "new")
      rename(sandbox["new"].string, path.string)
      return nil
    }) {
      try AtomicFile.replace(path, with: [2], replacing: .only(ours))
    }
    #expect(result == nil && isDone.withLock { $0 })
    #expect(try sandbox.bytes("file") == [9])
    #expect(sandbox.names() == ["file"])
  }

  /// The exchange, and link(2) in the place of a rename to a new name.
  @Test(arguments: [EINVAL, EPERM, EOPNOTSUPP], [false, true])
  func whereThereIsNoMoreThanRename(_ errno: CInt, _ wasThere: Bool) throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    let ours = wasThere ? try AtomicFile.replace(path, with: [1]) : nil
    let count = Monitor(0)
    let result = try FaultDriver.use({ call, place in
      guard call == "rename", place == path else { return nil }
      return count.update {
        $0 += 1; return $0
      } == 1 ? Errno(rawValue: errno) : nil
    }) {
      try AtomicFile.replace(path, with: [2], replacing: .only(ours))
    }
    #expect(result != nil && count.withLock { $0 } == 2)
    #expect(try sandbox.bytes("file") == [2])
    #expect(sandbox.names() == ["file"])
  }

  @Test func anInodeThatIsUsedAgainIsAnothersFile() throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    let ours = try #require(try AtomicFile.replace(path, with: [1]))
    // The clock that tells when a file was made goes in steps.
    func tick() -> timespec {
      var now = timespec()
      clock_gettime(CLOCK_REALTIME_COARSE, &now)
      return now
    }
    let then = tick()
    while tick().tv_nsec == then.tv_nsec {}
    // Some file systems give the number of a removed file to the next one.
    for number in 0..<100 {
      try FileCalls.unlink(path)
      try sandbox.write([9], to: "file")
      if try FileCalls.status(path).inode == ours.inode { break }
      try sandbox.write([], to: "other\(number)")
    }
    #expect(try AtomicFile.replace(path, with: [2], replacing: .only(ours)) == nil)
    #expect(try sandbox.bytes("file") == [9])
  }

  @Test func aReaderNeverSeesAPart() throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    let first = try AtomicFile.replace(path, with: [UInt8](repeating: 0, count: 100_000))
    let stop = Monitor(false)
    let writer = try OwnThread("writer") {
      var (byte, known): (UInt8, FileIdentity?) = (0, first)
      while !stop.withLock({ $0 }) {
        byte &+= 1
        let content = [UInt8](repeating: byte, count: 100_000 + Int(byte))
        known = (try? AtomicFile.replace(path, with: content, replacing: .only(known))) ?? nil
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
