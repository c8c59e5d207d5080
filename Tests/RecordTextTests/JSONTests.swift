import Testing

@testable import RecordText

@Suite struct JSONTests {
  private func text(_ value: JSONValue) -> String {
    String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)
  }

  @Test func writesAsPythonDoes() {
    let value: JSONValue = [
      "b": [1, .number(2.5), true, nil], "a": "tab\t\"quote\" \\ grüße 🚀", "c": [:], "d": [],
    ]
    #expect(
      text(value)
        == #"{"b": [1, 2.5, true, null], "a": "tab\t\"quote\" \\ gr\u00fc\u00dfe \ud83d\ude80", "c": {}, "d": []}"#
    )
  }

  @Test(
    "A double keeps its point", arguments: [(0.0, "0.0"), (1e16, "1e+16"), (1e-7, "1e-07"), (0.1, "0.1")])
  func doubles(_ value: Double, _ expected: String) {
    #expect(text(.number(value)) == expected)
  }

  @Test("What is no number in JSON is null", arguments: [Double.nan, .infinity, -.infinity])
  func notFinite(_ value: Double) {
    #expect(text(.number(value)) == "null")
  }

  @Test func bytesThatAreNoTextBecomeLoneSurrogates() throws {
    let value = JSONValue.string(String(escaping: [0x61, 0xFF, 0x80]))
    #expect(text(value) == #""a\udcff\udc80""#)
    #expect(try JSONParser.parse(Array(text(value).utf8)) == value)
  }

  /// Text between escapes is written and read in runs.
  @Test func runsBetweenEscapes() throws {
    let plain = String(repeating: "abcdefghi", count: 5)
    let parts = [
      "", "\"", "\\", "\n", "\u{7F}", "\u{80}", "é", "日", "🚀", "\u{0}", plain, String(escaping: [0xE9]),
    ]
    for first in parts {
      for second in parts {
        for third in parts {
          let value = JSONValue.string(first + second + plain + third)
          #expect(try JSONParser.parse(Array(text(value).utf8)) == value)
        }
      }
    }
    #expect(text("é\u{7F}x🚀\u{1}") == #""\u00e9\u007fx\ud83d\ude80\u0001""#)
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array("\"\\n\u{1}\"".utf8)) }
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array("\"\\nabc".utf8)) }
  }

  @Test func wholeNumbers() {
    for value in [0, 7, -7, 10, 1_234_567_890, .max, .min] as [Int64] {
      #expect(text(.integer(value)) == String(value))
    }
  }

  @Test func indents() {
    let bytes = JSONWriter.bytes(of: ["a": [1], "b": [:]], indent: 2)
    #expect(String(decoding: bytes, as: UTF8.self) == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")
  }

  @Test(
    "Reads what it should",
    arguments: [
      ("null", JSONValue.null), (" [ ] ", []), ("-12", -12), ("1.5e3", .number(1500)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), (#""\u00e9\/\b""#, "é/\u{08}"),
      (#""\ud83d\ude80""#, "🚀"), (#""\ud800x""#, "\u{FFFD}x"), ("Infinity", .number(.infinity)),
      (#"{"a": {"a": 1}, "a": 2}"#, ["a": 2]),
    ] as [(String, JSONValue)])
  func parses(_ text: String, _ expected: JSONValue) throws {
    #expect(try JSONParser.parse(Array(text.utf8)) == expected)
  }

  @Test(
    "Says where the mistake is",
    arguments: [
      ("", 0), ("[1,", 3), ("{\"a\" 1}", 5), ("[1] x", 4), ("\"abc", 4), ("nul", 0), ("{1: 2}", 1),
      ("\"\\q\"", 3), ("[1 2]", 3), ("\"\\u12\"", 3),
    ])
  func refuses(_ text: String, _ offset: Int) {
    #expect { try JSONParser.parse(Array(text.utf8)) } throws: { ($0 as? JSONSyntaxError)?.offset == offset }
  }

  @Test func depthIsBounded() {
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(deep) }
  }

  @Test func everyPrefixOfADocumentIsRefused() throws {
    let document = Array(#"{"a": [1, -2.5e3, "x\u00e9y"], "b": {"c": null, "d": true}}"#.utf8)
    for length in 0..<document.count {
      #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(document[..<length])) }
    }
    _ = try JSONParser.parse(document)
  }
}

@Suite struct ObjectsInARowTests {
  @Test(
    "Names that are alike, cut short, doubled, escaped or in another order",
    arguments: [
      #"[{"a":1,"b":2},{"a":3,"b":4},{"a":5}]"#, #"[{"a":1},{"a":2,"b":3},{"a":4,"b":5},{"b":6}]"#,
      #"[{"a":1,"b":2},{"a":3,"b":4,"a":5},{"a":6,"b":7}]"#, #"[{"a":1,"b":2},{"b":3,"a":4},{"a":5,"b":6}]"#,
      #"[{"a":1},{"\u0061":2},{"a":3}]"#, #"[{"a\"b":1},{"a\"b":2},{"a":3}]"#,
      #"[{"a":{"a":{"a":1}}},{"a":{"a":{"a":2}}},{"a":{"b":{}}}]"#, #"[{"":1},{"":2},{"a":3},{}]"#,
      #"[{"ab":1},{"a":2},{"abc":3},{"ab":4}]"#, #"[{"a":[{"x":1},{"x":2}]},{"a":[{"y":3},{"x":4,"y":5}]}]"#,
      #"[{"é":1},{"é":2},{"e":3}]"#,
    ])
  func objectsInARow(_ text: String) throws {
    let list = try #require(try JSONParser.parse(Array(text.utf8)).array)
    // Each object parsed alone, without a previous object.
    for (index, object) in list.enumerated() {
      let alone = try JSONParser.parse(JSONWriter.bytes(of: object))
      #expect(alone == object, "\(index)")
    }
    let numbers = text.split { !$0.isASCII || !$0.isNumber }.filter { $0 != "0061" }
    let written = String(decoding: JSONWriter.bytes(of: .array(list)), as: UTF8.self)
    // A duplicate name has its last value at its first place.
    if !text.contains("\"a\":3,\"b\":4,\"a\":5") {
      #expect(written.split { !$0.isNumber }.filter { $0 != "00" && $0 != "9" } == numbers, "\(written)")
    } else {
      #expect(written.contains(#"{"a": 5, "b": 4}"#))
    }
  }

  @Test func objectsInARowThatDoNotEnd() {
    let text = Array(#"[{"a":1,"b":2},{"a":3,"b":4}]"#.utf8)
    for length in 0..<text.count {
      #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text[..<length])) }
    }
  }

  @Test func integersAtTheirLimits() throws {
    for (text, value) in [
      ("999999999999999999", JSONValue.integer(999_999_999_999_999_999)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("-0", .integer(0)), ("1e2", .number(100)),
      ("-1.5", .number(-1.5)),
    ] { #expect(try JSONParser.parse(Array(text.utf8)) == value, "\(text)") }
    for text in ["-", "1-2", "--1", "1.2.3", "+", "1e"] {
      #expect(throws: JSONSyntaxError.self, "\(text)") { try JSONParser.parse(Array(text.utf8)) }
    }
  }

  @Test func aDocumentMayHaveAMostOfValues() throws {
    let text = Array(#"[1,2,{"a":3}]"#.utf8)
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(text, most: 14) }
    #expect(try JSONParser.parse(text, most: 15).array?.count == 3)
  }
}
