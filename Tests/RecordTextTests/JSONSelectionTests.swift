import RecordText
import SystemCalls
import TestSupport
import Testing

@Suite struct JSONSelectionTests {
  private func read(_ text: String, _ names: Set<String>, most: Int = 1000) throws -> JSONValue {
    try Array(text.utf8).withUnsafeBufferPointer { try JSONSelection(names).flatObject(in: $0, most: most) }
  }

  @Test func onlyWhatIsSelectedIsThere() throws {
    let text = #"""
      {"command": "x", "system": {"uid": 7, "user": "u"}, "other": [{"uid": 8}], "gpu": [1, {"a": null}],
       "summary": {"deep": {"uid": null, "x": 1.5}}, "empty": {"y": {}}, "long_name_of_it": -2, "long_name_of_me": 3}
      """#
    let value = try read(text, ["command", "uid", "gpu", "summary", "long_name_of_it"])
    #expect(
      value == [
        "command": "x", "gpu": [1, ["a": nil]], "long_name_of_it": -2, "summary": [:], "uid": nil,
      ])
    #expect(try read(text, ["absent", "x"]) == ["x": .number(1.5)])
    #expect(try read(text, []) == [:])
    #expect(try read("{}", ["a"]) == [:])
  }

  /// A name is compared as a whole, whatever its length and wherever it is in the text.
  @Test func namesThatBeginAlike() throws {
    let names = [
      "", "a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghj", String(repeating: "n", count: 300),
    ]
    let text = "{" + names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
    for (number, name) in names.enumerated() {
      #expect(try read(text, [name]) == .object([name: .integer(Int64(number))]))
      #expect(try read("{\"\(name)\":1}", [name + "x", "x" + name, "y"]) == [:])
    }
    #expect(try read(text, Set(names))["abcdefghi"] == 5)
  }

  @Test func theLastOfSeveralMembersCounts() throws {
    #expect(try read(#"{"a": 1, "b": 2, "a": 3}"#, ["a", "b"]) == ["a": 3, "b": 2])
    #expect(try read(#"{"a": {"a": 1}, "b": {"a": {}}}"#, ["a"]) == ["a": 1])
    #expect(try read(#"{"b": {"a": {}}, "a": {}}"#, ["a"]) == ["a": [:]])
    #expect(try read(#"{"b": {"a": {}}, "a": {"a": 1}}"#, ["a"]) == ["a": 1])
  }

  @Test(
    "What is no JSON is refused wherever it is",
    arguments: [
      (#"{"x": [1,}"#, "no JSON: no JSON value at byte 9"),
      (#"{"x": "\#u{1}"}"#, "no JSON: a control character"),
      (#"{"a": 1"#, "no JSON: a comma or a closing brace is missing at byte 7"), ("[1]", "no JSON object"),
      (#"{"a": 1} 2"#, "no JSON: text after the end"), ("", "no JSON: the text ends"),
      (#"{"a\q": 1}"#, "no JSON: an unknown escape"),
    ])
  func refuses(_ text: String, _ reason: String) {
    #expect { try read(text, ["a"]) } throws: { ($0 as? Problem)?.description.hasPrefix(reason) == true }
  }

  /// All selected members together may not have more values than allowed.
  @Test func valuesAreCounted() throws {
    #expect(try read(#"{"a": [1, 2], "b": {"a": [3]}}"#, ["a"], most: 40) == ["a": [3]])
    #expect(throws: Problem.self) { try read(#"{"a": [1, 2], "b": {"a": [3]}}"#, ["a"], most: 10) }
    #expect(try read(#"{"x": [1, 2, 3, 4, 5, 6, 7, 8]}"#, ["a"], most: 1) == [:])
  }

  /// Whatever bytes there are: what is selected equals what a tree of everything has.
  @Test func damagedBytes() {
    var random = SystemRandomNumberGenerator()
    // No name becomes another by one changed byte: of two members of one name, a tree has only the last.
    let whole = Array(
      #"{"first": 1, "inner": {"x": "x\u00e9", "y": [true, null]}, "list": [1.5, {"first": 2}], "d": -1e3}"#
        .utf8)
    let selection = JSONSelection(["first", "list"])
    var refused = 0
    for _ in 0..<5000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let tree = try? JSONParser.parse(bytes)
      let value = try? bytes.withUnsafeBufferPointer { try selection.flatObject(in: $0, most: 1000) }
      guard let value else {
        if case .object? = tree { Issue.record("refused: \(bytes)") }
        refused += 1
        continue
      }
      #expect(
        tree != nil && flat(tree, "first") == value["first"] && flat(tree, "list") == value["list"],
        "\(String(decoding: bytes, as: UTF8.self)) \(value)")
    }
    #expect(refused > 1000)
  }

  /// The last member of this name.
  private func flat(_ tree: JSONValue?, _ name: String) -> JSONValue? {
    guard case .object(let members)? = tree else { return nil }
    var found: JSONValue?
    for (key, member) in members {
      if case .object = member {
        found = flat(member, name) ?? found ?? (key == name ? .some([:]) : .none)
      } else if key == name {
        found = member
      }
    }
    return found
  }
}
