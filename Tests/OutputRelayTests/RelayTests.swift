import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

@Suite struct RelayLoopTests {
  private let sandbox: Sandbox
  private let pipe: (read: FileDescriptor, write: FileDescriptor)
  private let status: RelayStatus
  private let wake: FileDescriptor

  init() throws {
    sandbox = try Sandbox()
    pipe = try FileDescriptor.closeOnExecPipe()
    status = try RelayStatus()
    wake = try FileDescriptor.event()
  }

  private func file(_ name: String = "out") throws -> FileDescriptor {
    try FileDescriptor.opening(sandbox[name], .readWrite, options: .create)
  }

  /// The loop on a thread, for one stream.
  private func start(_ file: FileDescriptor) throws -> OwnThread {
    let (pipe, wake, status) = (self.pipe, self.wake, self.status)
    return try OwnThread("relay") {
      var loop = RelayLoop(pipes: [pipe.read, nil], files: [file, nil], wake: wake, status: status)
      try? loop.run()
    }
  }

  private func noise(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  @Test func everyByteArrivesInOrder() throws {
    let loop = try start(try file())
    let bytes = noise(3_000_000)
    try pipe.write.writeAll(bytes)
    pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(try sandbox.bytes("out") == bytes)
    #expect(
      status[0] == RelayStatus.Stream(written: bytes.count, waiting: 0, lost: 0, error: nil, hasEnded: true))
  }

  @Test func aSyncMovesWhatIsThereWhileThePipeStaysOpen() throws {
    let loop = try start(try file())
    for index in 0..<50 {
      try pipe.write.writeAll(Array("line \(index)\n".utf8))
      let request = status.requestSync()
      wake.signalEvent()
      while !status.isSynced(request) {
        try #require(
          status.waitForChange(from: status.sequence, until: .now + 0.1) || status.isSynced(request))
      }
      #expect(try sandbox.text("out").hasSuffix("line \(index)\n"))
    }
    pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 20))
  }

  @Test func aFileWithoutSpliceIsWrittenAllTheSame() throws {
    // splice(2) refuses a file that is open for appending.
    let file = try FileDescriptor.opening(sandbox["out"], .readWrite, options: [.create, .append])
    let loop = try start(file)
    let bytes = noise(500_000)
    try pipe.write.writeAll(bytes)
    pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(try sandbox.bytes("out") == bytes)
  }

  @Test func aFullDiskKeepsOutputInMemoryAndThePipeFlowing() async throws {
    let full = try FileDescriptor.opening("/dev/full", .readWrite)
    let loop = try start(full)
    // Far more than a pipe holds: it only flows if someone reads.
    try pipe.write.writeAll([UInt8](repeating: 0x61, count: 2_000_000))
    try await eventually { status[0].waiting == 2_000_000 }
    #expect(status[0].error == .noSpace)
    // The disk has space again.
    let file = try file()
    _ = dup2(file.rawValue, full.rawValue)
    pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(status[0].written == 2_000_000)
    #expect(status[0].waiting == 0)
    #expect(status[0].error == nil)
    #expect(try sandbox.bytes("out") == [UInt8](repeating: 0x61, count: 2_000_000))
  }

  @Test func theBacklogIsBoundedAndAGapIsMarked() {
    var backlog = Backlog()
    let part = [UInt8](repeating: 0x61, count: 1 << 20)
    var lost = 0
    for _ in 0..<20 { lost += backlog.add(part[...]) }
    #expect(lost > 0)
    #expect(backlog.bytes.count + lost == 20 << 20)
    #expect(backlog.bytes.count <= Backlog.limit)
    let mark = String(decoding: backlog.next ?? [], as: UTF8.self)
    #expect(mark == "\n[duct: \(lost) bytes of output lost here]\n")
    backlog.drop(mark.utf8.count)
    #expect(backlog.next?.first == 0x61)
  }
}

@Suite struct RelayProcessTests {
  @Test func aSuccessorGoesOnWhereAKilledRelayWas() async throws {
    let sandbox = try Sandbox()
    let pipe = try FileDescriptor.closeOnExecPipe()
    let status = try RelayStatus()
    let wake = try FileDescriptor.event()
    let null = try FileDescriptor.opening("/dev/null", .readWrite)
    let file = try FileDescriptor.opening(sandbox["out"], .readWrite, options: .create)
    let children = ChildProcesses(reaping: .byWaiters)
    func start() throws -> pid_t {
      var relay = Program(path: Array(Programs.relay.utf8), arguments: [Array("duct-relay".utf8)])
      relay.descriptors = RelayPlacement.sources(
        pipes: [pipe.read, nil], files: [file, nil], wake: wake, status: status, null: null)
      relay.closesOthers = true
      return try children.start(relay)
    }
    let done = Monitor(false)
    _ = try OwnThread("printer") {
      for index in 0..<200_000 { try? pipe.write.writeAll(Array("\(index)\n".utf8)) }
      pipe.write.closeQuietly()
      done.update { $0 = true }
    }
    // Killed at twenty places, wherever it is then.
    var relay = try start()
    var written = 0
    for _ in 0..<20 {
      try await eventually { status[0].written > written + 10_000 || status[0].hasEnded }
      written = status[0].written
      children.signal(relay, SIGKILL)
      _ = try #require(children.wait(for: relay, until: .now + 20))
      relay = try start()
    }
    #expect(done.wait(until: .now + 60) { $0 ? true : nil } == true)
    #expect(children.wait(for: relay, until: .now + 20)?.cause == .exited(0))
    let expected = (0..<200_000).map { "\($0)\n" }.joined()
    #expect(try sandbox.text("out") == expected)
  }

  @Test func signalsAndALostTerminalDoNotEndIt() async throws {
    let sandbox = try Sandbox()
    let pipe = try FileDescriptor.closeOnExecPipe()
    let status = try RelayStatus()
    let wake = try FileDescriptor.event()
    let null = try FileDescriptor.opening("/dev/null", .readWrite)
    let file = try FileDescriptor.opening(sandbox["out"], .readWrite, options: .create)
    let children = ChildProcesses(reaping: .byWaiters)
    var relay = Program(path: Array(Programs.relay.utf8), arguments: [Array("duct-relay".utf8)])
    relay.descriptors = RelayPlacement.sources(
      pipes: [pipe.read, nil], files: [file, nil], wake: wake, status: status, null: null)
    relay.closesOthers = true
    let pid = try children.start(relay)
    try pipe.write.writeAll([0x61])
    try await eventually { status[0].written == 1 }
    for signal in [SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1] { children.signal(pid, signal) }
    try pipe.write.writeAll([0x62])
    try await eventually { status[0].written == 2 }
    pipe.write.closeQuietly()
    #expect(children.wait(for: pid, until: .now + 20)?.cause == .exited(0))
  }
}
