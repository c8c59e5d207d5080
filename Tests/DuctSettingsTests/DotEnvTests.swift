import RecordText
import TestSupport
import Testing

@testable import DuctSettings

/// Compares the reader of .env files with python-dotenv, which con-duct uses.
@Suite struct DotEnvTests {
  static let samples: [String] = [
    "A=1", "A=1\nB=2", "export A=1", "export\tA=1", " A = 1 ", "A=", "A", "A=\nB=2", "# comment\nA=1",
    "A=1 # comment",
    "A=1# no comment", "A='single # not'", "A=\"double # not\" # yes", "A='it\\'s'", "A=\"say \\\"hi\\\"\"",
    "A=\"tab\\tnew\\nline\"", "A='raw\\n'", "A=\"two\nlines\"", "A='two\nlines'\nB=3", "A=\"unclosed\nB=2",
    "A='unclosed",
    "A=\"x\" y", "A=b c  d ", "A=\"\"", "A=''", "'A'=1", "'A B'=1", "A=${B}", "B=2\nA=${B}", "B=2\nA=${B:-3}",
    "A=${C:-3}",
    "A=${C:-}", "A=${C}x", "A='${HOME_X}'", "HOME_X=file\nA=${HOME_X}", "A=$B", "A=${", "A=${:-x}", "A=a=b",
    "A==", "=1",
    "A=1\r\nB=2\r\n", "A=1\rB=2", "\n\n  A=1\n\n", "A=\"back\\\\slash\"", "A=\\n", "A='a' 'b'", "A=1\nA=2",
    "A=1 \\\nB=2",
    "exportA=1", "A=\"x\\qy\"", "A= 'x'", "A=\t\"x\"", "A#B=1", "#A=1\n#\nB=2", "A=é ü", "A=a\t#c", "é=1",
    "A='\\\\'", "A=\"\\\"",
    "A=\"a\\\" b", "A= # c", "A=#c", "A='x'#c", "A=\"x\"\t# c\nB=1", "export A", "export 'A'=1", "A\n=1",
    "A =\n1", "A=\u{301}x", "A=\"\u{301}x\"", "A='\u{301}'\u{301}", "A\u{301}=1", "A=${B:-\u{301}}\u{301}",
    "A=x\r\n\u{301}B=2", "B\nA=${B:-d}", "B\nA=${B}", "B=1\nB\nA=${B:-d}", "HOME_X\nA=${HOME_X:-d}",
    "B=1\nA=${B:c}", "B=1\nA=${B:c}${B}", "B=1\nA=${B:", "B=1\nA=${B:c:-d}", "B=1\nA=${B:-c:-d}",
    "B=1\nA=${:}",
    "B=1\nA=${B:${B}}", "B=1\nA=${${B}}", "B=1\nA=$${B}", "B=1\nA=${B:-${B}}", "B=1\nA=${B:-a:b}", "A=${}",
    "A=${:-}",
  ]

  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// The variables that python-dotenv reads from each text, as an object.
  private func yardstick(_ texts: [String]) async throws -> [JSONValue] {
    let input = JSONWriter.bytes(of: .array(texts.map { .string($0) }))
    try sandbox.write(String(decoding: input, as: UTF8.self), to: "texts.json")
    let script = """
      import io, json, os, logging
      from dotenv.main import DotEnv
      logging.disable(logging.CRITICAL)
      os.environ.clear()
      os.environ["HOME_X"] = "environment"
      out = []
      for number, text in enumerate(json.load(open("texts.json"))):
          with open("one.env", "w", newline="", encoding="utf-8") as f:
              f.write(text)
          out.append(dict(DotEnv("one.env", encoding="utf-8", override=False).dict()))
      print(json.dumps(out))
      """
    let python = Programs.yardstick.replacing("con-duct", with: "python")
    let result = try await run(python, ["-c", script], in: sandbox)
    try #require(result.code == 0, "\(result.stderr)")
    return try #require(try JSONParser.parse(result.stdoutBytes).array)
  }

  private func compare(_ texts: [String]) async throws {
    for (text, expected) in zip(texts, try await yardstick(texts)) {
      let ours = DotEnv(text, environment: ["HOME_X": "environment"]).values
      var object = JSONValue.object([:])
      if case .object(var members) = object {
        for (name, value) in ours { members[name] = value.map { .string($0) } ?? .null }
        object = .object(members)
      }
      #expect(object == expected, "\(text.debugDescription)")
    }
  }

  @Test(.needs(.yardstick)) func samplesAreReadAsByPythonDotenv() async throws {
    try await compare(Self.samples)
  }

  @Test(.needs(.yardstick)) func randomTextsAreReadAsByPythonDotenv() async throws {
    let tokens = [
      "A", "B", "=", "=", "'", "\"", "\n", " ", "#", "\\", "x", "${A}", "${B:-d}", "export ", "\t", "1",
      "\\n", "\\'", "\\\"", "\r", "\u{301}", "${", "}", ":", ":-", "$",
    ]
    let texts = (0..<1500).map { _ in
      (0..<Int.random(in: 1...14)).map { _ in tokens.randomElement() ?? "" }.joined()
    }
    try await compare(texts)
  }

  /// The line number of each is counted from the previous one, not from the start, so the cost stays linear.
  @Test func linesThatCannotBeReadAreCounted() {
    let text = String(repeating: "A=1\nno statement here\n\n", count: 20_000)
    let lines = DotEnv(text, environment: [:]).malformedLines
    #expect(lines == (0..<20_000).map { 3 * $0 + 2 })
  }
}
