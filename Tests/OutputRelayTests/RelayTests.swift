import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

/// A pipe, its stores, and the page that tells of them.
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

  /// The loop on a thread, for one stream.
  func start(_ stores: OutputStores) throws -> OwnThread {
    let (pipe, wake, status) = (self.pipe, self.wake, self.status)
    return try OwnThread("relay") {
      var loop = RelayLoop(pipes: [pipe.read, nil], stores: [stores, nil], wake: wake, status: status)
      try? loop.run()
    }
  }

  /// What a publisher would put into the log file.
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

func noise(_ count: Int) -> [UInt8] {
  var generator = SystemRandomNumberGenerator()
  return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

@Suite struct RelayLoopTests {
  private let fixture: RelayFixture
  init() throws { fixture = try RelayFixture() }

  @Test func everyByteArrivesInOrder() throws {
    let loop = try fixture.start(fixture.stores(log: fixture.file("out")))
    let bytes = noise(3_000_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(try fixture.sandbox.bytes("out") == bytes)
    #expect(fixture.status[0] == RelayStatus.Stream(written: bytes.count, error: nil, hasEnded: true))
    #expect(!fixture.status.hasLeftLog(stream: 0))
  }

  @Test func aSyncMovesWhatIsThereWhileThePipeStaysOpen() throws {
    let loop = try fixture.start(fixture.stores(log: fixture.file("out")))
    for index in 0..<50 {
      try fixture.pipe.write.writeAll(Array("line \(index)\n".utf8))
      try fixture.sync()
      #expect(try fixture.sandbox.text("out").hasSuffix("line \(index)\n"))
    }
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 20))
  }

  /// Else duct would take a daemon for the writer that it waits for no longer, and leave the rest of the run to the relay.
  @Test func aSyncOfAPipeThatNobodyWritesIntoTellsItsEnd() throws {
    for _ in 0..<60 {
      let fixture = try RelayFixture()
      try fixture.pipe.write.writeAll(Array("the last line\n".utf8))
      fixture.pipe.write.closeQuietly()
      let request = fixture.status.requestSync()
      let (status, hadEnded) = (fixture.status, Monitor<Bool?>(nil))
      let looker = try OwnThread("looker") {
        while !status.isSynced(request) {}
        hadEnded.update { $0 = status[0].hasEnded }
      }
      let relay = try fixture.start(fixture.stores(log: fixture.file("log")))
      looker.join(until: .now + 20)
      relay.join(until: .now + 20)
      #expect(hadEnded.withLock { $0 } == true)
    }
  }

  @Test(arguments: [false, true])
  func whatARelayLeftInItsOwnPipeComesFirst(withoutSplice: Bool) async throws {
    let bytes = noise(250_000)
    let transit = try #require(fixture.pipe.read.transit)
    // Where the relay before was killed: some in the file, some between the pipes.
    let file = try FileDescriptor.opening(
      fixture.sandbox["out"], .readWrite, options: withoutSplice ? [.create, .append] : .create)
    try file.writeAll(bytes[..<50_000])
    fixture.status.noteStart(0, of: OutputStores.Kind.log.rawValue, stream: 0)
    fixture.status.noteWritten(50_000, stream: 0)
    try transit.writing.writeAll(bytes[50_000..<150_000])
    let loop = try fixture.start(fixture.stores(log: file))
    try await eventually { fixture.status[0].written == 150_000 }
    try fixture.pipe.write.writeAll(bytes[150_000...])
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(try fixture.sandbox.bytes("out") == bytes)
    #expect(fixture.status[0].written == bytes.count)
  }

  @Test func aFileWithoutSpliceIsWrittenAllTheSame() throws {
    // splice(2) refuses a file that is open for appending.
    let file = try FileDescriptor.opening(
      fixture.sandbox["out"], .readWrite, options: [.create, .append])
    let loop = try fixture.start(fixture.stores(log: file))
    let bytes = noise(500_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(try fixture.sandbox.bytes("out") == bytes)
  }

  @Test func aFullLogDiskIsLeftForTheSpoolFromThatByteOn() throws {
    let full = try FileDescriptor.opening("/dev/full", .readWrite)
    let stores = try fixture.stores(log: full, spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    let bytes = noise(2_000_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(fixture.status[0].error == .noSpace)
    #expect(fixture.status.hasLeftLog(stream: 0))
    #expect(try fixture.sandbox.bytes("spool") == bytes)
    #expect(fixture.everything(fixture.rendered(stores)) == bytes)
  }

  @Test func aLogFileThatIsNotOursIsLeftOnRequest() throws {
    let stores = try fixture.stores(log: fixture.file("out"), spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    try fixture.pipe.write.writeAll(Array("before\n".utf8))
    try fixture.sync()
    fixture.status.requestLeavingLog(stream: 0)
    try fixture.sync()
    try fixture.pipe.write.writeAll(Array("after\n".utf8))
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 20))
    #expect(try fixture.sandbox.text("out") == "before\n")
    #expect(try fixture.sandbox.text("spool") == "after\n")
    #expect(fixture.status.firstCarried(stream: 0) == 7)
    #expect(fixture.everything(fixture.rendered(stores)) == Array("before\nafter\n".utf8))
  }

  @Test func withoutAnyDiskMemoryHoldsIt() throws {
    let full = try FileDescriptor.opening("/dev/full", .readWrite)
    let stores = try fixture.stores(log: full, spool: full)
    let loop = try fixture.start(stores)
    let bytes = noise(5_000_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(fixture.everything(fixture.rendered(stores)) == bytes)
  }

  @Test func withoutAnyStoreThePipeIsReadAllTheSame() throws {
    let full = try FileDescriptor.opening("/dev/full", .readWrite)
    let stores = OutputStores(log: full, spool: nil, memory: full)
    let loop = try fixture.start(stores)
    try fixture.pipe.write.writeAll(noise(5_000_000))
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    #expect(fixture.everything(fixture.rendered(stores)) == gapMark(5_000_000))
  }
}

/// Space is limited: what is kept, what is let go, and how that is said.
@Suite struct OutputGapTests {
  private let fixture: RelayFixture
  init() throws { fixture = try RelayFixture() }

  private func position(of part: [UInt8], in bytes: [UInt8]) -> Int? {
    bytes.indices.first { bytes[$0...].starts(with: part) }
  }

  private func lines(_ range: Range<Int>) -> [UInt8] { range.flatMap { Array("line \($0)\n".utf8) } }

  @Test func atTheLimitHeadAndTailAreKept() throws {
    fixture.status.setLimits(spool: 1 << 20, memory: 64 << 20)
    let stores = try fixture.stores(spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    let bytes = lines(0..<1_000_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 60))
    let output = fixture.everything(fixture.rendered(stores))
    let (before, after) = (Array("\n[duct: ".utf8), Array(" bytes of output are missing here]\n".utf8))
    let start = try #require(position(of: before, in: output))
    let end = try #require(position(of: after, in: output))
    let lost = try #require(
      Int(String(decoding: output[(start + before.count)..<end], as: UTF8.self)))
    let head = output[..<start]
    let tail = output[(end + after.count)...]
    #expect(head.count + lost + tail.count == bytes.count)
    #expect(bytes.starts(with: head) && bytes.suffix(tail.count).elementsEqual(tail))
    #expect(head.count > 200_000 && tail.count > 200_000)
    // Blocks on disk follow what is kept, not what was printed.
    var information = stat()
    #expect(stat(fixture.sandbox["spool"].string, &information) == 0)
    #expect(information.st_blocks * 512 < 4 << 20)
  }

  @Test func inMemoryTheOldestGoes() throws {
    fixture.status.setLimits(spool: nil, memory: 1 << 20)
    let stores = try fixture.stores()
    let loop = try fixture.start(stores)
    let bytes = lines(0..<500_000)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 60))
    let output = fixture.everything(fixture.rendered(stores))
    #expect(output.starts(with: Array("\n[duct: ".utf8)))
    #expect(String(decoding: output, as: UTF8.self).hasSuffix("line 499999\n"))
  }

  @Test func aPublisherThatComesBackClosesTheGapAndGoesOn() async throws {
    fixture.status.setLimits(spool: 1 << 20, memory: 64 << 20)
    let stores = try fixture.stores(spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    try fixture.pipe.write.writeAll([UInt8](repeating: 0x61, count: 6_000_000))
    try fixture.sync()
    let output = fixture.rendered(stores)
    // It reads up to the gap, asks for its end, and goes on behind it.
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    try await eventually {
      while true {
        let got = output.read(buffer, at: bytes.count)
        if got == 0 { break }
        bytes.append(contentsOf: buffer[..<got])
        output.prove(upTo: bytes.count)
      }
      return bytes.count == output.length && fixture.status.proven(stream: 0) == 6_000_000
    }
    try fixture.pipe.write.writeAll(Array("and then\n".utf8))
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 20))
    // What was delivered before is given back first.
    while true {
      let got = output.read(buffer, at: bytes.count)
      if got == 0 { break }
      bytes.append(contentsOf: buffer[..<got])
    }
    #expect(bytes.count == output.length)
    #expect(String(decoding: bytes.suffix(100), as: UTF8.self).hasSuffix("and then\n"))
    #expect(output.position(of: fixture.status[0].written) == bytes.count)
  }

  @Test func whatIsPublishedIsGivenBackButForWhatIsKept() throws {
    let stores = try fixture.stores(spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    let bytes = noise(8 << 20)
    try fixture.pipe.write.writeAll(bytes)
    fixture.pipe.write.closeQuietly()
    #expect(loop.join(until: .now + 30))
    let output = fixture.rendered(stores, kept: 1 << 20)
    output.prove(upTo: 6 << 20)
    var information = stat()
    #expect(stat(fixture.sandbox["spool"].string, &information) == 0)
    #expect(information.st_blocks * 512 <= 3 << 20)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 16)
    defer { buffer.deallocate() }
    #expect(output.read(buffer, at: 0) == 0, "a hole is no output")
    #expect(output.read(buffer, at: 5 << 20) == 100)
    #expect(Array(buffer) == Array(bytes[(5 << 20)..<(5 << 20) + 100]))
  }
}

@Suite struct RelayProcessTests {
  private let fixture: RelayFixture
  private let children = ChildProcesses(reaping: .byWaiters)
  init() throws { fixture = try RelayFixture() }

  private func start(_ stores: OutputStores) throws -> pid_t {
    let null = try FileDescriptor.opening("/dev/null", .readWrite)
    defer { null.closeQuietly() }
    var relay = Program(path: Array(Programs.relay.utf8), arguments: [Array("duct-relay".utf8)])
    relay.descriptors = RelayPlacement.sources(
      .init(
        pipes: [fixture.pipe.read, nil], stores: [stores, nil], wake: fixture.wake, status: fixture.status),
      null: null)
    relay.closesOthers = true
    return try children.start(relay)
  }

  @Test(arguments: [false, true])
  func aSuccessorGoesOnWhereAKilledRelayWas(_ logFails: Bool) async throws {
    let full = logFails ? try FileDescriptor.opening("/dev/full", .readWrite) : try fixture.file("out")
    let stores = try fixture.stores(log: full, spool: fixture.file("spool"))
    let done = Monitor(false)
    let pipe = fixture.pipe
    _ = try OwnThread("printer") {
      for index in 0..<200_000 { try? pipe.write.writeAll(Array("\(index)\n".utf8)) }
      pipe.write.closeQuietly()
      done.update { $0 = true }
    }
    // Killed at twenty places, wherever it is then.
    var relay = try start(stores)
    var written = 0
    for _ in 0..<20 {
      try await eventually {
        fixture.status[0].written > written + 10_000 || fixture.status[0].hasEnded
      }
      written = fixture.status[0].written
      children.signal(relay, SIGKILL)
      _ = try #require(children.wait(for: relay, until: .now + 20))
      relay = try start(stores)
    }
    #expect(done.wait(until: .now + 60) { $0 ? true : nil } == true)
    #expect(children.wait(for: relay, until: .now + 20)?.cause == .exited(0))
    let expected = (0..<200_000).map { "\($0)\n" }.joined()
    #expect(try fixture.sandbox.text(logFails ? "spool" : "out") == expected)
    #expect(fixture.everything(fixture.rendered(stores)) == Array(expected.utf8))
  }

  @Test func signalsAndALostTerminalDoNotEndIt() async throws {
    let pid = try start(try fixture.stores(log: fixture.file("out")))
    try fixture.pipe.write.writeAll([0x61])
    try await eventually { fixture.status[0].written == 1 }
    for signal in [SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1] { children.signal(pid, signal) }
    try fixture.pipe.write.writeAll([0x62])
    try await eventually { fixture.status[0].written == 2 }
    fixture.pipe.write.closeQuietly()
    #expect(children.wait(for: pid, until: .now + 20)?.cause == .exited(0))
  }
}
