import SystemCalls
import Testing

@testable import RecordText

/// The expected texts are what Python 3.11 prints.
@Suite struct FormatTests {
  @Test func fixedDecimals() throws {
    for value in [0, -0.0, 0.04, -0.04, 0.05, 2.5, -1234.56, 1e22, .infinity, -.infinity, .nan, -.nan] {
      for decimals in 0...3 {
        #expect(try fixed(value, decimals: decimals) == FormatSpec(".\(decimals)f").format(value), "\(value)")
      }
    }
    #expect(fixed(-0.04, decimals: 1) == "-0.0" && fixed(-.nan, decimals: 1) == "nan")
  }

  @Test(
    arguments: [
      ("", 3.5, "3.5"), (".3f", 3.14159, "3.142"), ("08.2f", -3.14159, "-0003.14"),
      ("+.1e", 12345.678, "+1.2e+04"),
      ("g", 1e-5, "1e-05"), (",.2f", 1234567.891, "1,234,567.89"), ("%", 0.25, "25.000000%"),
      (".1%", 0.256, "25.6%"),
      (".3", 3.0, "3.0"), (".3", 1234567.0, "1.23e+06"), ("*^10.1f", 2.25, "***2.2****"),
      (" .1f", 2.0, " 2.0"),
      ("_.0f", 1234567.0, "1_234_567"), ("", 1e16, "1e+16"), (".0f", 0.5, "0"), ("#.0f", 1.0, "1."),
    ])
  func doubles(_ spec: String, _ value: Double, _ expected: String) throws {
    #expect(try FormatSpec(spec).format(value) == expected)
  }

  @Test(
    arguments: [
      ("", 42, "42"), ("5d", 42, "   42"), ("<5", 42, "42   "), ("05", -42, "-0042"), ("x", 255, "ff"),
      ("#X", 255, "0XFF"),
      (",", 1_234_567, "1,234,567"), ("b", 5, "101"), ("#o", 8, "0o10"), ("+d", 7, "+7"), (".2f", 3, "3.00"),
      ("=+6", 42, "+   42"), ("_x", 0xABCDEF01, "abcd_ef01"),
    ])
  func integers(_ spec: String, _ value: Int, _ expected: String) throws {
    #expect(try FormatSpec(spec).format(value) == expected)
  }

  @Test(arguments: [
    ("", "ab", "ab"), ("5", "ab", "ab   "), (">5", "ab", "   ab"), (".1", "ab", "a"), ("-^5s", "ab", "-ab--"),
  ])
  func texts(_ spec: String, _ value: String, _ expected: String) throws {
    #expect(try FormatSpec(spec).format(value) == expected)
  }

  @Test(arguments: [".", "5.", "q5", "5dd", "99999"])
  func malformed(_ spec: String) {
    #expect(throws: Problem.self) { _ = try FormatSpec(spec).format(1) }
  }

  @Test func typesThatDoNotFit() {
    #expect(throws: Problem.self) { try FormatSpec("d").format("text") }
    #expect(throws: Problem.self) { try FormatSpec(".1d").format(1) }
    #expect(throws: Problem.self) { try FormatSpec("d").format(1.5) }
  }

  @Test(
    arguments: [
      (0.0, "0 Bytes"), (1.0, "1 Byte"), (999.0, "999 Bytes"), (1000.0, "1.0 kB"), (3_000_000.0, "3.0 MB"),
      (1e28, "10000.0 YB"), (-2048.0, "-2.0 kB"), (999_999.0, "1000.0 kB"),
    ])
  func sizes(_ bytes: Double, _ expected: String) { #expect(humanSize(bytes) == expected) }

  /// Values that no clock can have measured are still printed as text.
  @Test(arguments: [1e15, 1e300, .infinity, .nan, -1e300, -.infinity])
  func whatNoClockHasMeasuredIsStillText(_ value: Double) {
    #expect(!humanDuration(value).isEmpty && !humanSize(value).isEmpty)
    #expect(WallTime(seconds: value).text(format: "%Y") != "" && WallTime(seconds: value).isoText != "")
    for conversion in SummaryTemplate.conversions {
      #expect(!TemplateColors(isEnabled: true).convert(.number(value), conversion).plainText.isEmpty)
    }
  }

  @Test(arguments: [(1.9, 1), (-1.9, -1), (1e300, .max), (-1e300, .min), (0x1p63, .max), (.nan, 0)])
  func saturating(_ value: Double, _ expected: Int) { #expect(Int(saturating: value) == expected) }

  @Test(arguments: [(0.5, "0.50s"), (59.999, "60.00s"), (61.25, "1m 1.2s"), (3725.5, "1h 2m 5.5s")])
  func durations(_ seconds: Double, _ expected: String) { #expect(humanDuration(seconds) == expected) }

  @Test(
    arguments: [
      ("plain", "'plain'"), ("it's", "\"it's\""), ("it's \"both\"", "'it\\'s \"both\"'"),
      ("a\nb\t\\", "'a\\nb\\t\\\\'"),
      ("\u{1B}[0m", "'\\x1b[0m'"), ("grüße", "'grüße'"), ("\u{200B}", "'\\u200b'"),
    ])
  func representation(_ text: String, _ expected: String) { #expect(text.pythonRepresentation == expected) }

  @Test func representationOfBytes() {
    #expect(String(escaping: [0x61, 0xFF]).pythonRepresentation == "'a\\udcff'")
  }
}

/// The expected texts are what con-duct 0.23.0's formatter prints.
@Suite struct SummaryTemplateTests {
  private let fields: Set<String> = ["n", "x", "t", "none"]
  private let values: [String: TemplateValue] = [
    "n": .integer(3), "x": .number(1234.5), "t": .text("text"), "none": TemplateValue.none,
  ]

  private func render(_ template: String, colors: Bool = false) throws -> String {
    try SummaryTemplate(template, fields: fields).render(values, colors: colors)
  }

  @Test(
    arguments: [
      ("{n} {{x}} {x:.2f}", "3 {x} 1234.50"), ("{x!S}", "1.2 kB"), ("{none!S}|{none}|{none:.2f!N}", "-|-|-"),
      ("{n!E}{n!X}{n!N}", "333"), ("{x:.1f!N}%", "1234.5%"), ("{x!P}", "1234.50%"), ("{x!T}", "20m 34.5s"),
      ("{t!r}", "'text'"), ("{t:>6}", "  text"), ("{n!E:>4}", "   3"), ("{x!S:>10}", "    1.2 kB"), ("", ""),
    ])
  func renders(_ template: String, _ expected: String) throws {
    #expect(try render(template) == expected)
  }

  @Test(
    arguments: [
      ("{n!E}", "\u{1B}[1;31m3\u{1B}[0m"), ("{n!X}", "\u{1B}[1;32m3\u{1B}[0m"),
      ("{none!N}", "\u{1B}[1;31m-\u{1B}[0m"),
      ("{x!S}", "\u{1B}[1;32m1.2 kB\u{1B}[0m"), ("{n:2d!E}", "\u{1B}[1;31m 3\u{1B}[0m"),
    ])
  func colors(_ template: String, _ expected: String) throws {
    #expect(try render(template, colors: true) == expected)
  }

  @Test(arguments: [
    "{unknown}", "{n", "n}", "{n!Q}", "{n!SS}", "{n:.2f!Q}", "{x:.}", "{}", "{0}", "{n:{x}}", "{n.real}",
  ])
  func refuses(_ template: String) {
    #expect(throws: Problem.self) { try SummaryTemplate(template, fields: fields) }
  }

  @Test func aValueThatDoesNotFitIsShownAsItIs() throws {
    nonisolated(unsafe) var warnings: [String] = []
    let text = try SummaryTemplate("{t:.2f}", fields: fields).render(values, colors: false) {
      warnings.append($0)
    }
    #expect(text == "text")
    #expect(warnings.count == 1)
  }
}

@Suite struct ElapsedTextTests {
  @Test(arguments: [(5, "00:05"), (65, "01:05"), (3600, "01:00:00"), (90_061, "01-01:01:01")])
  func elapsed(_ seconds: Int, _ text: String) { #expect(elapsedText(seconds) == text) }
}
