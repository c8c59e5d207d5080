import Glibc
import TestSupport
import Testing

@testable import RecordText

@Suite struct ShellWordTests {
  @Test(
    arguments: [
      "plain/word-1.2", "", "two words", "it's", "'", "$(date)`date`\"\\", "*?[a]", "~root", "a\nb", "é",
      "日本",
      // A single character in Swift, but a quote in a shell.
      "'\u{301}; echo more '\u{301}", "a'\u{200D}b",
    ])
  func aShellReadsTheText(_ text: String) async throws {
    let sandbox = try Sandbox()
    let result = try await run("/bin/sh", ["-c", "printf %s \(text.shellWord)"], in: sandbox)
    #expect(result.code == 0)
    #expect(Array(result.stdout.utf8) == Array(text.utf8))
  }

  @Test func aPlainWordStaysAsItIs() {
    #expect(
      "/var/tmp/duct-0/20261128t081538-736e0b3997".shellWord == "/var/tmp/duct-0/20261128t081538-736e0b3997")
  }
}
