import Glibc
import SystemCalls
import Testing

@Suite struct ProgramPagesTests {
  /// Bytes of mapped files that this process has in memory.
  private static func resident() throws -> Int {
    let file = try #require(fopen("/proc/self/status", "r"))
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, CInt(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split { " \t\n".contains($0) }
      if words.first == "RssFile:", words.count == 3, let value = Int(words[1]) { return value << 10 }
    }
    throw Errors.noValue
  }

  private enum Errors: Error { case noValue }

  /// All threads go on, also those that run while the pages go.
  @Test func theyComeBackWhenTheyAreUsed() throws {
    let goes = Monitor(true)
    let sums = Monitor(0)
    let thread = try OwnThread("counts") {
      var text = ""
      while goes.withLock({ $0 }) {
        text = String((Int(text) ?? 0) + 1)
        sums.update { $0 = Int(text) ?? -1 }
      }
    }
    let before = try Self.resident()
    for _ in 0..<50 { releaseProgramPages() }
    let after = try Self.resident()
    let counted = sums.withLock { $0 }
    _ = sums.wait { $0 > counted + 100 ? true : nil }
    goes.update { $0 = false }
    thread.join()
    #expect(after < before / 2, "\(before) and \(after) bytes")
    // What the loader has changed is still there.
    #expect(getenv("PATH") != nil && "\(Double.pi)".hasPrefix("3.14"))
  }
}
