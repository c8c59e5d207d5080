import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

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

  /// A sync request moves the bytes that are in the pipe, although a writer keeps it open.
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

  /// Otherwise duct would take the ended stream for one that a daemon keeps open, and leave the rest of the run to
  /// the relay.
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
      let stores = try fixture.stores(log: fixture.file("log"))
      let relay = try fixture.start(stores)
      try #require(looker.join(until: .now + 20) && relay.join(until: .now + 20))
      #expect(hadEnded.withLock { $0 } == true)
      // What the pipes of an ordinary user may hold in all is limited.
      for end in fixture.pipe.read.ends + [fixture.wake] { end.closeQuietly() }
      stores.closeAll()
    }
  }

  /// Bytes that a killed relay left in its internal pipe come before new ones.
  @Test(arguments: [false, true])
  func whatARelayLeftInItsOwnPipeComesFirst(withoutSplice: Bool) async throws {
    let bytes = noise(250_000)
    let transit = try #require(fixture.pipe.read.transit)
    let room = fcntl(transit.writing.rawValue, 1032)  // F_GETPIPE_SZ
    try #require(room >= 100_000, "else it could not be written into it: \(room)")
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

  /// If the log file's disk is full, the rest of the stream goes to the spool.
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

  /// On request the relay leaves the log file, and writes later bytes to the spool.
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
    #expect(fixture.status.deliveryStart(stream: 0) == 7)
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
