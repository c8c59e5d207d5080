import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import OutputRelay

/// Limited space: which bytes the stores keep, which they drop, and how a mark reports that.
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
    // The blocks on disk correspond to the bytes kept, not to those printed.
    var information = stat()
    #expect(stat(fixture.sandbox["spool"].string, &information) == 0)
    #expect(information.st_blocks * 512 < 4 << 20)
  }

  /// The memory store drops its oldest bytes at the limit.
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

  /// A deliverer that reaches a range that still grows asks the relay to close it, and continues after it.
  @Test func aDelivererThatComesBackClosesTheGapAndGoesOn() async throws {
    fixture.status.setLimits(spool: 1 << 20, memory: 64 << 20)
    let stores = try fixture.stores(spool: fixture.file("spool"))
    let loop = try fixture.start(stores)
    try fixture.pipe.write.writeAll([UInt8](repeating: 0x61, count: 6_000_000))
    try fixture.sync()
    let output = fixture.rendered(stores)
    // It reads up to the gap, requests the gap's end, and continues after it.
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
    // The relay releases delivered bytes before it drops others.
    while true {
      let got = output.read(buffer, at: bytes.count)
      if got == 0 { break }
      bytes.append(contentsOf: buffer[..<got])
    }
    #expect(bytes.count == output.length)
    #expect(String(decoding: bytes.suffix(100), as: UTF8.self).hasSuffix("and then\n"))
    #expect(output.position(of: fixture.status[0].written) == bytes.count)
  }

  /// Proven bytes of the spool are released, except the last `kept` bytes.
  @Test func whatIsDeliveredIsGivenBackButForWhatIsKept() throws {
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
