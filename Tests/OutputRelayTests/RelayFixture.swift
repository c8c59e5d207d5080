import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

/// A pipe, its stores, and the page that describes them.
struct RelayFixture {
  let sandbox: Sandbox
  let pipe: (read: CommandPipe, write: FileDescriptor)
  let status: RelayStatus
  let wake: FileDescriptor

  init() throws {
    sandbox = try Sandbox()
    let made = try CommandPipe.make(size: 1 << 20)
    pipe = (made.pipe, made.writing)
    status = try RelayStatus()
    wake = try FileDescriptor.event()
    status.setLimits(spool: nil, memory: 64 << 20)
  }

  func file(_ name: String) throws -> FileDescriptor {
    try FileDescriptor.opening(sandbox[name], .readWrite, options: .create)
  }

  func stores(log: FileDescriptor? = nil, spool: FileDescriptor? = nil) throws -> OutputStores {
    OutputStores(log: log, spool: spool, memory: try FileDescriptor.memory("test"))
  }

  /// Runs the relay loop on a thread, for one stream.
  func start(_ stores: OutputStores) throws -> OwnThread {
    let (pipe, wake, status) = (self.pipe, self.wake, self.status)
    return try OwnThread("relay") {
      var loop = RelayLoop(pipes: [pipe.read, nil], stores: [stores, nil], wake: wake, status: status)
      try? loop.run()
    }
  }

  /// What a deliverer would write into the log file.
  func rendered(_ stores: OutputStores, kept: Int = 64 << 20) -> RenderedOutput {
    RenderedOutput(
      stream: 0, stores: stores, status: status, kept: kept, wake: { [wake] in wake.signalEvent() })
  }

  func everything(_ output: RenderedOutput) -> [UInt8] {
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let got = output.read(buffer, at: bytes.count)
      if got == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<got])
    }
  }

  func sync() throws {
    let request = status.requestSync()
    wake.signalEvent()
    while true {
      let sequence = status.sequence
      if status.isSynced(request) { return }
      try #require(status.waitForChange(from: sequence, until: .now + 20))
    }
  }
}

/// Eight at a time: a system call for each byte takes seconds.
func noise(_ count: Int) -> [UInt8] {
  var generator = SeededGenerator(seed: UInt64(count))
  let words = (0...count / 8).map { _ in generator.next() }
  return words.withUnsafeBytes { Array(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
}
