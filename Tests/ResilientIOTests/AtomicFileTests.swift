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

  @Test func aReaderNeverSeesAPart() throws {
    let sandbox = try Sandbox()
    let path = sandbox["file"]
    try AtomicFile.replace(path, with: [UInt8](repeating: 0, count: 100_000))
    let stop = Monitor(false)
    let writer = try OwnThread("writer") {
      var byte: UInt8 = 0
      while !stop.withLock({ $0 }) {
        byte &+= 1
        _ = try? AtomicFile.replace(path, with: [UInt8](repeating: byte, count: 100_000 + Int(byte)))
      }
    }
    for _ in 0..<300 {
      let bytes = try readAll(path)
      #expect(Set(bytes).count == 1 && bytes.count == 100_000 + Int(bytes[0]))
    }
    stop.update { $0 = true }
    #expect(writer.join(until: .now + 20))
  }
}
