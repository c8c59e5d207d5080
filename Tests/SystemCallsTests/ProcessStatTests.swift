import Glibc
import Testing

@testable import SystemCalls

@Suite struct ProcessStatTests {
  /// The fields of /proc/PID/stat of Linux 6.1, from the state on.
  private let numbers =
    "S 10 11 12 34817 11 4194304 1 222 3 4 555 66 77 88 20 5 3 0 9999 8192000 321 18446744073709551615 1 1 7 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 8 9 1 0 0"

  private func parse(_ line: [UInt8]) -> ProcessStat? { line.withUnsafeBytes { ProcessStat($0) } }

  @Test(
    "A name may hold any bytes",
    arguments: [
      Array("bash".utf8), Array("a b".utf8), Array("(sd-pam)".utf8), Array("x) R 1 2 3".utf8),
      Array("new\nline".utf8), [],
      [0xFF, 0x29, 0x20], Array(") S 1 (".utf8),
    ] as [[UInt8]])
  func names(_ name: [UInt8]) throws {
    let stat = try #require(parse(Array("42 (".utf8) + name + Array(") \(numbers)\n".utf8)))
    #expect(stat.pid == 42 && stat.name.bytes == name)
    #expect(stat.state == UInt8(ascii: "S"))
    #expect(stat.parent == 10 && stat.processGroup == 11 && stat.session == 12 && stat.terminalGroup == 11)
    #expect(stat.childFaults == 222)
    #expect(stat.userTicks == 555 && stat.systemTicks == 66)
    #expect(stat.childUserTicks == 77 && stat.childSystemTicks == 88)
    #expect(stat.nice == 5 && stat.threads == 3)
    #expect(stat.startTicks == 9999 && stat.virtualBytes == 8_192_000 && stat.residentPages == 321)
  }

  /// After an execve(2) the process has another `image` value.
  @Test func anotherImageShows() throws {
    let line = Array("42 (x) \(numbers)\n".utf8)
    let image = try #require(parse(line)).image
    for (field, other) in [("1 7 0", "1 6 0"), ("3 8 9", "3 7 9"), ("8 9 1", "8 8 1")] {
      let text = "42 (x) " + numbers.replacing(field, with: other) + "\n"
      #expect(try #require(parse(Array(text.utf8))).image != image, "\(field)")
    }
    let later = "42 (x) " + numbers.replacing("555 66", with: "556 67") + "\n"
    #expect(try #require(parse(Array(later.utf8))).image == image)
  }

  @Test func cutLinesAreRefused() {
    let line = Array("42 (bash) \(numbers)\n".utf8)
    // Kernels before 3.3 print fewer fields, but all print the first 24.
    let fields = line.split(separator: UInt8(ascii: " ")).prefix(24)
    let enough = fields.reduce(0) { $0 + $1.count + 1 } - 1
    for length in 0..<(enough - 3) { #expect(parse(Array(line[..<length])) == nil, "\(length)") }
    #expect(parse(Array(line[..<enough])) != nil)
  }

  @Test func randomBytesAreNoHarm() {
    for _ in 0..<3000 {
      let line = (0..<Int.random(in: 0...80)).map { _ in "0123456789 ()-RSZ\n".utf8.randomElement() ?? 0 }
      _ = parse(line)
    }
    let whole = Array("42 (bash) \(numbers)\n".utf8)
    for _ in 0..<3000 {
      var line = whole
      for _ in 0..<4 { line[Int.random(in: line.indices)] = UInt8.random(in: 0...255) }
      _ = parse(line)
    }
  }
}

@Suite struct HostConstantsTests {
  @Test func bootIsBeforeNow() {
    #expect(HostConstants.current.bootTime > 1e9)
    #expect(HostConstants.current.bootTime < Double(time(nil)))
  }
}
