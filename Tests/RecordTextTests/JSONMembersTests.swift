import Testing

@testable import RecordText

@Suite struct JSONMembersTests {
  private func values(_ text: String, _ names: Set<String>) -> [String: String] {
    let bytes = Array(text.utf8)
    return JSONMembers.ranges(of: names, in: bytes).mapValues { String(decoding: bytes[$0], as: UTF8.self) }
  }

  @Test func membersOfTheTopAreFound() {
    let text =
      #" { "a" : 1, "b": {"a": [1, {"c": "}"}]},"c":[ ], "d\"": null, "e": "x,\"y" , "f": true}"# + "\n"
    let all = values(text, ["a", "b", "c", "e", "f", "missing"])
    #expect(all == ["a": "1", "b": #"{"a": [1, {"c": "}"}]}"#, "c": "[ ]", "e": #""x,\"y""#, "f": "true"])
  }

  @Test(arguments: ["", "{", "[]", "{}", "{\"a\"", "{\"a\":", "{\"a\" 1}", "\"", "{\"a\\", "nonsense"])
  func otherTextHasNone(_ text: String) { #expect(values(text, ["a"]).isEmpty) }

  /// A replaced member reads back, and everything else keeps its bytes.
  @Test func onlyTheValueIsReplaced() throws {
    let record = Array(#"{"n": 1.50, "io_events": [ ], "z": {"io_events": [1]}}"#.utf8)
    let places = JSONMembers.ranges(of: ["io_events"], in: record)
    let place = try #require(places["io_events"])
    let new = JSONMembers.replacing([(place, Array("[7]".utf8))], in: record)
    #expect(
      String(decoding: new, as: UTF8.self) == #"{"n": 1.50, "io_events": [7], "z": {"io_events": [1]}}"#)
  }

  /// The members that the scanner finds are those of the parser, for values of all kinds.
  @Test func theParserFindsTheSame() throws {
    let parts = [
      "0", "-1.5e3", "\"\"", "\"\\\\\"", "\"a\\\"b,}]\"", "[]", "[[1],{\"k\":[2]}]", "{}", "{\"x\":\"{\"}",
      "true", "null", "\"\u{e9}\u{1F600}\"",
    ]
    for first in parts {
      for second in parts {
        let text = "{\"p\":\(first), \"q\" :\(second)\n}"
        guard case .object(let members) = try JSONParser.parse(Array(text.utf8)) else {
          Issue.record("no object: \(text)")
          continue
        }
        for (name, value) in values(text, ["p", "q"]) {
          #expect(try JSONParser.parse(Array(value.utf8)) == members[name], "\(name) in \(text)")
        }
        #expect(values(text, ["p", "q"]).count == 2, "\(text)")
      }
    }
  }
}
