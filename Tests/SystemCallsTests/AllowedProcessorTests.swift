import Glibc
import SystemCalls
import TestSupport
import Testing

@Suite struct AllowedProcessorTests {
  /// nproc(1) counts the processors of its affinity too.
  @Test func asManyAsNprocSays() async throws {
    let all = try await run("nproc", [], in: Sandbox())
    #expect(Int(all.stdout.split(separator: "\n").first ?? "") == allowedProcessors())
  }
}
