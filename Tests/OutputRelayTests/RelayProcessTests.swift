import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

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
    // Kill it at twenty places, whatever it does at that moment.
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
