import RecordText
import TestSupport
import Testing

/// Compares Python's format language with Python itself, in the release that con-duct runs in.
@Suite(.needs(.yardstick)) struct PythonFormatTests {
  enum Value: Sendable {
    case integer(Int)
    case number(Double)
    case text(String)

    /// The value for Python: a type and its text. JSON has no infinities.
    fileprivate var asJSON: [JSONValue] {
      switch self {
      case .integer(let value): [.string("int"), .string(String(value))]
      case .number(let value): [.string("float"), .string(value.description)]
      case .text(let value): [.string("str"), .string(value)]
      }
    }

    fileprivate func formatted(_ spec: String) -> String? {
      guard let spec = try? FormatSpec(spec) else { return nil }
      return switch self {
      case .integer(let value): try? spec.format(value)
      case .number(let value): try? spec.format(value)
      case .text(let value): try? spec.format(value)
      }
    }
  }

  typealias Case = (spec: String, value: Value)

  private static let integers = [
    0, 1, -1, 7, 42, -255, 65, 999, 1000, 1_234_567, -1_234_567_890, 0x10FEFF, 0x110000, .max, .min,
  ].map { Value.integer($0) }
  private static let numbers = [
    0, -0.0, 0.5, 1, -1.5, 3.14159, 10, 12, 123, 999.95, 99999.95, 1_234_567.891, -1_234_567.891, 1e-4, 1e-5,
    -2.5e-10, .leastNonzeroMagnitude, 1e15, 9.5e15, 1e16, 1.2345678901234568e17, 1e22, 1.7976931348623157e308,
    -0.001,
    .infinity, -.infinity, .nan,
  ].map { Value.number($0) }
  private static let texts = [
    "", "a", "ab", "text of more words", "e\u{301}x", "日本", "👩‍👧", "{}", "0", "-5",
  ].map { Value.text($0) }
  private static let values = integers + numbers + texts

  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// What Python's `format()` returns for each case; nil if it refuses.
  private func yardstick(_ cases: [Case]) async throws -> [String?] {
    let input = JSONValue.array(cases.map { .array([.string($0.spec)] + $0.value.asJSON) })
    try sandbox.write(JSONWriter.bytes(of: input), to: "cases.json")
    let script = """
      import json
      types = {"int": int, "float": float, "str": str}
      out = []
      for spec, kind, text in json.load(open("cases.json")):
          try: out.append(format(types[kind](text), spec))
          except (ValueError, OverflowError): out.append(None)
      print(json.dumps(out))
      """
    let python = Programs.yardstick.replacing("con-duct", with: "python")
    let result = try await run(python, ["-c", script], in: sandbox)
    try #require(result.code == 0, "\(result.stderr)")
    return try #require(try JSONParser.parse(result.stdoutBytes).array).map(\.string)
  }

  private func compare(_ cases: [Case]) async throws {
    for (one, expected) in zip(cases, try await yardstick(cases)) {
      let ours = one.value.formatted(one.spec)
      // Swift's == ignores differences between equivalent characters, so compare scalars.
      #expect(
        ours.map { Array($0.unicodeScalars) } == expected.map { Array($0.unicodeScalars) },
        "'\(one.spec)' of \(one.value): \(ours ?? "refused"), Python: \(expected ?? "refuses")")
    }
  }

  /// Regression cases.
  @Test func whatWasWrong() async throws {
    try await compare([
      ("#010x", .integer(255)), ("#010x", .integer(-255)), ("=#10b", .integer(5)),
      ("010,", .integer(1_234_567)),
      ("04,", .integer(123)), ("012,.1f", .number(-1234.5)), ("05s", .text("ab")), ("05", .text("ab")),
    ])
  }

  private static let specs = [
    "", "d", "5", "05", "<5", "*^9", "=+6", "x=9", "0=9", "<05", "+", "-", " ", "+010,", "_", ",", "09_",
    "012,",
    "#x", "#X", "#o", "#b", "_x", "012_b", "#014_x", "c", "5c", "n", "010n", "s", "5s", "05s", ".1", ".1s",
    "+s",
    "#s", ",s", "=5", ".2f", "08.2f", ",.2f", "012,.2f", "_.0f", "#.0f", "%", ".1%", "010.1%", "e", "+.1e",
    "E",
    "g", "G", ".3g", "#.3g", ".3", ".1", ".17", "#", "#.3", "F", "010F", "z", "z.1f", "z.2%", "zd", "zs",
    ".0e",
    "020,", "020_", ".", "5.", "q5", "5dd", ",,", "_,", ",x", "_c", ",n", ".1d", "{", "}<5", "{<5",
  ]

  @Test func eachFormatOfEachValue() async throws {
    try await compare(Self.specs.flatMap { spec in Self.values.map { (spec, $0) } })
  }

  @Test func randomFormats() async throws {
    func one(_ parts: [String]) -> String { parts.randomElement() ?? "" }
    let cases = (0..<6000).map { _ in
      let spec =
        one(["", "", "", "<", ">", "^", "=", "*<", "0>", "0=", "é^", "-=", "日<", "<<"])
        + one(["", "", "", "+", "-", " "]) + one(["", "", "", "", "", "z"]) + one(["", "", "", "#"])
        + one(["", "", "0"]) + one(["", "", "1", "4", "5", "7", "10", "12", "23"])
        + one(["", "", "", ",", "_"]) + one(["", "", "", ".0", ".1", ".2", ".3", ".7", ".17"])
        + one([
          "", "", "", "d", "d", "f", "f", "g", "e", "%", "s", "x", "n", "b", "c", "E", "F", "G", "X", "o",
        ])
      return (spec, Self.values.randomElement() ?? .integer(0))
    }
    try await compare(cases)
  }
}
