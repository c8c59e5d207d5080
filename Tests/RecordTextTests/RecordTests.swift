import SystemCalls
import Testing

@testable import RecordText

@Suite struct RecordTests {
  enum Color: String, Sendable { case red, green }

  struct Inner: Record, Equatable {
    var flag = false
    mutating func list(_ members: inout RecordMembers) { members("flag", &flag) }
  }

  struct Sample: Record, Equatable {
    var zulu = ""
    var alpha: Int?
    var ratio = 0.0
    var list: [UInt32] = []
    var inner: Inner?
    var open = OrderedFields<Int>()
    var color: Color?
    var inners: [Inner] = []
    var isOld = false

    mutating func list(_ members: inout RecordMembers) {
      members("zulu", &zulu)
      members("alpha", &alpha)
      members("ratio", &ratio)
      members("list", &list)
      members("inner", &inner)
      members("open", &open)
      members("color", &color)
      members("inners", &inners)
      members("is_old", &isOld, or: true)
    }
  }

  private static let sample = Sample(
    zulu: "z", ratio: 2, list: [4_294_967_295], open: OrderedFields(["b": 1, "a": 2]),
    color: .green, inners: [Inner(flag: true), Inner()])

  private func read(_ text: String) throws(Problem) -> Sample { try Sample(json: Array(text.utf8)) }

  @Test func writesAllMembersInTheirOrder() throws {
    let line = String(decoding: Self.sample.jsonLine, as: UTF8.self)
    #expect(
      line
        == #"{"zulu": "z", "alpha": null, "ratio": 2.0, "list": [4294967295], "inner": null, "#
        + #""open": {"b": 1, "a": 2}, "color": "green", "inners": [{"flag": true}, {"flag": false}], "#
        + #""is_old": false}"# + "\n")
    #expect(try read(line) == Self.sample)
    #expect(try Sample(Self.sample.jsonValue) == Self.sample)
    // Every way of writing gives the same value.
    #expect(try JSONParser.parse(Self.sample.json(indent: 2)) == JSONParser.parse(Self.sample.json()))
    #expect([Self.sample].json() == Array("[".utf8) + Self.sample.json() + Array("]".utf8))
  }

  /// A text that is only larger than duct reads is not said to be no JSON.
  @Test func aLimitIsToldAsALimit() {
    let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
    #expect {
      try read("{\"x\": \(deep)}")
    } throws: { "\($0)".hasPrefix("larger than duct reads: nested deeper than 256 levels") }
    #expect { try read("{\"x\": ]}") } throws: { "\($0)".hasPrefix("no JSON: ") }
  }

  @Test func absentMembersAreNilAndWholeDoublesAreIntegers() throws {
    let sample = try read(
      #"{"zulu": "z", "alpha": 3.0, "ratio": 1, "list": [], "open": {}, "inners": []}"#)
    #expect(sample.alpha == 3 && sample.ratio == 1 && sample.inner == nil && sample.isOld)
  }

  /// Other releases write other members, and other programs write them in another order.
  @Test func anyOrderAndUnknownMembers() throws {
    let texts = [
      #"{"new": {"x": [1, {"zulu": 7}]}, "inners": [{"flag": true, "more": []}, {"flag": false}], "#
        + #""is_old": false, "zulu": "z", "open": {"b": 1, "a": 2}, "color": "green", "ratio": 2e0, "#
        + #""list": [4294967295], "last": null}"#,
      #"{ "zulu" : "z" , "between": [] , "ratio":2.0,"list":[4294967295],"open":{"b":1,"a":2},"color":"green","#
        + #""inners":[{"before":1,"flag":true},{"flag":false}],"is_old":false} "#,
    ]
    for text in texts { #expect(try read(text) == Self.sample, "\(text)") }
  }

  @Test func aWordOfAnotherReleaseCountsAsMissing() throws {
    let sample = try read(
      #"{"zulu": "z", "ratio": 1, "list": [], "open": {}, "color": "blue", "inners": []}"#)
    #expect(sample.color == nil)
  }

  @Test(
    "What is wrong is told",
    arguments: [
      (#"{"zulu": 1}"#, "zulu has another type, or is beyond its range"), ("[]", "no JSON object"),
      (#"{"zulu": "z"}"#, "there is no ratio"), (#"{"zulu": "z", "ratio": null}"#, "there is no ratio"),
      (#"{"zulu": "z", "ratio": "x"}"#, "ratio has another type, or is beyond its range"),
      (
        #"{"zulu": "z", "ratio": 1, "list": [1, -1]}"#,
        "list has another type, or is beyond its range"
      ),
      (#"{"zulu": "z", "ratio": 1, "list": [], "inner": {}}"#, "there is no inner.flag"),
      (
        #"{"zulu": "z", "ratio": 1, "list": [], "inner": {"flag": 1}}"#,
        "inner.flag has another type, or is beyond its range"
      ),
      (
        #"{"zulu": "z", "ratio": 1, "list": [], "open": {"b": "x"}}"#,
        "open.b has another type, or is beyond its range"
      ),
      (
        #"{"zulu": "z", "ratio": 1, "list": [], "alpha": 1.5}"#,
        "alpha has another type, or is beyond its range"
      ),
      (#"{"zulu": "z""#, "no JSON: a comma or a closing brace is missing at byte 12"),
      (#"{"zulu": "z"} x"#, "no JSON: text after the end of the document at byte 14"),
      ("", "no JSON: the text ends where a value should stand at byte 0"),
    ])
  func refuses(_ text: String, _ reason: String) {
    #expect { try read(text) } throws: { ($0 as? Problem)?.description == reason }
  }

  /// Syntax errors are found wherever they are, also in members that the type does not have.
  @Test func everyPrefixOfARecordIsRefused() throws {
    let text = Array(
      #"{"zulu": "z\u00e9", "x": {"y": [1, "a\\"]}, "ratio": -1.5e3, "list": [1, 2], "open": {"a": 1}, "inners": [{"flag": true}]}"#
        .utf8)
    for length in 0..<text.count {
      #expect(throws: Problem.self) { try Sample(json: Array(text[..<length])) }
    }
    #expect(try Sample(json: text).zulu == "zé")
  }

  /// Reading never runs past the text, whatever is in it.
  @Test func damagedBytes() {
    var random = SystemRandomNumberGenerator()
    let whole = Self.sample.json()
    var refused = 0
    for _ in 0..<5000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<60, using: &random)) }
      let value = try? JSONParser.parse(bytes)
      // A record that is read is valid JSON; the reader skips no error.
      if (try? Sample(json: bytes)) != nil { #expect(value != nil, "\(bytes)") } else { refused += 1 }
    }
    #expect(refused > 1000)
  }

  // MARK: Members that are not trusted

  struct Doubtful: Record {
    var entries: [Inner] = []
    var problems: [String] = []
    var inner: Inner?
    var others: [(name: String, value: JSONValue)] = []

    mutating func list(_ members: inout RecordMembers) {
      var problems: [String] = []
      members.readEach("entries", &entries, most: 3) { problems.append($0) }
      members.readIfRight("inner", &inner)
      members.readOthers(than: ["entries", "inner"], &others, most: 20)
      self.problems = problems
    }
  }

  private func doubtful(_ text: String) throws(Problem) -> Doubtful { try Doubtful(json: Array(text.utf8)) }

  /// A list of more than 64 KiB is skipped once, and read afterwards.
  @Test func aLargeListBetweenOtherMembers() throws {
    let entries = (0..<8000).map { #"{"flag": \#($0 % 2 == 0)}"# }.joined(separator: ",")
    struct Large: Record {
      var inner: Inner?
      var entries: [Inner] = []
      mutating func list(_ members: inout RecordMembers) {
        members("inner", &inner)
        members.readEach("entries", &entries, most: 10_000) { _ in }
      }
    }
    struct Outer: Record {
      var last = 0
      var large = Large()
      mutating func list(_ members: inout RecordMembers) {
        members("last", &last)
        members("large", &large)
      }
    }
    let text = #"{"large": {"entries": [\#(entries)], "x": [1], "inner": {"flag": true}}, "last": 7}"#
    let outer = try Outer(json: Array(text.utf8))
    #expect(outer.last == 7 && outer.large.inner == Inner(flag: true))
    #expect(outer.large.entries.count == 8000 && outer.large.entries.filter(\.flag).count == 4000)
    for cut in [1, 20, 40, 70_000] {
      #expect(throws: Problem.self) { try Outer(json: Array(text.utf8.dropLast(cut))) }
    }
  }

  @Test func entriesAreReadOneByOne() throws {
    let record = try doubtful(
      #"{"a": 1, "entries": [{"flag": 1}, {"flag": true}, null], "inner": {"flag": 7}, "b\n": [2]}"#)
    #expect(record.entries == [Inner(flag: true)])
    #expect(record.problems == ["flag has another type, or is beyond its range", "it is no object"])
    #expect(record.inner == nil)
    #expect(record.others.map(\.name) == ["a", "b\n"] && record.others.map(\.value) == [1, [2]])
    #expect(try doubtful(#"{"entries": 7}"#).problems == ["entries is no list"])
    #expect(try doubtful("{}").problems == [])
    #expect(throws: Problem.self) { try doubtful(#"{"entries": [{}, {}, {}, {}]}"#) }
    #expect(throws: Problem.self) { try doubtful(#"{"x": [1,2,3,4,5,6,7,8,9,10], "y": [1,2,3,4,5,6,7,8]}"#) }
  }
}
