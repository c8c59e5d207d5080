import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// duct neutralizes control characters in names and words that others chose before it prints them on the terminal.
@Suite struct DisplayTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Moves the cursor, reverses text direction (also with isolates), ends a line, and ends with a byte that is not
  /// UTF-8.
  private static let hostile = String(
    escaping: Array("x\u{1B}[31m\u{7}\u{202E}\u{2066}\u{9B}2J\r\n\u{2028}".utf8) + [0xFF])
  private static let shown = "x [31m \u{FFFD}\u{FFFD} 2J   \u{FFFD}"
  private static let escaped = #"x\x1b[31m\x07\u202e\u2066\x9b2J\r\n\u2028\xff"#

  private func expectHarmless(_ text: String, _ bytes: [UInt8]? = nil, line: Int = #line) {
    let bad = text.unicodeScalars.filter {
      // duct itself starts each line of a summary with a tab.
      $0 != "\n" && $0 != "\t"
        && ($0.properties.generalCategory == .control || $0.properties.generalCategory == .lineSeparator
          || (0x202A...0x202E).contains($0.value) || (0x2066...0x2069).contains($0.value))
    }
    #expect(bad.isEmpty, "line \(line): \(text.debugDescription)")
    #expect(text.contains(Self.shown), "line \(line): \(text.debugDescription)")
    if let bytes { #expect(String(validating: bytes, as: UTF8.self) != nil, "line \(line)") }
  }

  private func duct(_ arguments: [String], code: Int32) async throws -> Finished {
    // Subprocess accepts only valid text. A shell passes any bytes on.
    let words = arguments.map { word in
      "$'" + word.originalBytes.map { "\\x" + String($0 + 0, radix: 16) }.joined() + "'"
    }
    let result = try await run(
      "bash", ["-c", "exec \"$0\" " + words.joined(separator: " "), Programs.duct], in: sandbox)
    #expect(result.code == code, "\(result.stderr)")
    return result
  }

  @Test func logLinesAndTheSummary() async throws {
    let result = try await duct(
      ["-p", Self.hostile + "_", "--slurm", "off", "sh", "-c", ":", Self.hostile], code: 0)
    expectHarmless(result.stderr)
    #expect(result.stderr.contains("Log files will be written to " + Self.shown))
    for title in ["Command: sh -c : ", "Log files location: "] {
      #expect(result.stderr.contains(title + Self.escaped), "\(title)")
    }
    #expect(result.stderr.split(separator: "\n").count == 15, "no line was forged")
  }

  /// Control sequences in the user's own summary format are printed as they are.
  @Test func theUsersOwnTemplateAndColoursStay() async throws {
    let format = "\u{1B}[4m{command}\u{1B}[0m {exit_code!E} {command!r}\n"
    let result = try await duct(
      ["-p", "log_", "--slurm", "off", "--colors", "--summary-format", format, "sh", "-c", ":", "\u{1B}[7m"],
      code: 0)
    #expect(
      result.stderr.contains(
        "\u{1B}[4msh -c : \\x1b[7m\u{1B}[0m \u{1B}[1;32m0\u{1B}[0m 'sh -c : \\x1b[7m'\n"))
  }

  @Test func commandsThatAreNotFound() async throws {
    expectHarmless(try await duct(["-p", "log_", "--slurm", "off", Self.hostile], code: 127).stderr)
  }

  @Test func messagesOfOptions() async throws {
    for arguments in [
      ["--" + Self.hostile, "true"], ["--sample-interval", Self.hostile, "true"],
      ["--summary-format", "{" + Self.hostile + "}", "true"], ["-p", "{" + Self.hostile + "}", "true"],
      ["--slurm-detect", Self.hostile, "true"], ["--redact", "(" + Self.hostile, "true"],
    ] {
      let result = try await duct(arguments, code: 2)
      #expect(result.stderr.split(separator: "\n").count == 1)
      let scalars = result.stderr.dropLast().unicodeScalars
      #expect(!scalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
      #expect(!scalars.contains { (0x202A...0x202E).contains($0.value) })
    }
    let existing = try await run(
      Programs.conDuct, ["ls", "--fields", "\u{1B}[31m"], in: sandbox)
    #expect(existing.stderr.contains("' [31m'"))
  }

  @Test func recordsThatExist() async throws {
    _ = try await duct(["-q", "-p", Self.hostile + "_", "--slurm", "off", "true"], code: 0)
    expectHarmless(try await duct(["-p", Self.hostile + "_", "--slurm", "off", "true"], code: 2).stderr)
  }

  @Test(arguments: [
    ["ls"], ["ls", "-f", "summaries"], ["jobs", "--no-refresh"], ["report", "--no-refresh"],
    ["report", "--no-refresh", "-f", "markdown"],
  ])
  func readers(_ arguments: [String]) async throws {
    _ = try await duct(
      [
        "-q", "-p", Self.hostile + "_", "-m", Self.hostile, "--campaign", Self.hostile, "--slurm", "off",
        "true",
      ],
      code: 0)
    let result = try await run(Programs.conDuct, arguments + ["."], in: sandbox)
    #expect(result.code == 0)
    let text = result.stdout.replacing("\\", with: "")
    expectHarmless(text, result.stdoutBytes)
  }

  /// Output for programs stays exact.
  @Test func machineReadableOutputIsExact() async throws {
    _ = try await duct(["-q", "-p", "log_", "-m", Self.hostile, "--slurm", "off", "true"], code: 0)
    let result = try await run(
      Programs.conDuct, ["ls", "-f", "json", "-F", "message", "--", "."], in: sandbox)
    let rows = try JSONParser.parse(result.stdoutBytes)
    #expect(rows.array?.first?["message"]?.string == Self.hostile)
  }
}
