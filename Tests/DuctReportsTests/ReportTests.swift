import Glibc
import DuctRecords
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctSettings

@Suite struct TextTableTests {
  @Test func columnsAreAsWideAsTheyMustBe() {
    var table = TextTable([("NAME", .left), ("N", .right)])
    table.add(["a", "1"])
    table.add(["日本", "1000"])
    #expect(table.text == "NAME     N\na        1\n日本  1000\n")
    #expect(table.markdown == "| NAME | N |\n| --- | ---: |\n| a | 1 |\n| 日本 | 1000 |\n")
  }

  /// A foreign record can have a word of any length.
  @Test func oneLongCellDoesNotMakeEachRowLong() {
    var table = TextTable([("NAME", .left), ("STATE", .left), ("N", .right)])
    table.add(["a", String(repeating: "x", count: 1_000_000), "1"])
    for number in 2...100 { table.add(["a", "RUNNING", "\(number)"]) }
    #expect(table.text.utf8.count < 100 * 4200)
    #expect(table.text.contains("xxx…  "))
  }

  /// In a narrow terminal the widest column is truncated, except the name.
  @Test func aNarrowTerminalCutsWhatIsWidestButTheName() {
    var table = TextTable([("NAME", .left), ("COMMAND", .left), ("N", .right)])
    table.add(["a-name-of-20-columns", "日本 and so on and so on", "1"])
    #expect(table.text(width: 40).split(separator: "\n").map { String($0).displayWidth } == [40, 40])
    #expect(
      table.text(width: 40).contains("a-name-of-20-columns  日本 and so on…  1\n"), "\(table.text(width: 40))")
    #expect(
      table.text(width: 5).contains("a-name-of-20-columns  日本 and so…  1\n"), "\(table.text(width: 5))")
    #expect(table.text(width: 200) == table.text)
  }

  /// As by removing one character after the other, which took minutes for a command line of 100 kB.
  @Test func cutTexts() {
    func cutSlowly(_ text: String, _ width: Int) -> String {
      if text.displayWidth <= width { return text }
      var text = text
      while !text.isEmpty, text.displayWidth >= width { text.removeLast() }
      return text + "…"
    }
    for text in [
      "", "a", "abc", "日本語", "a日b本", "e\u{301}e\u{301}e\u{301}", "\u{301}\u{301}", "👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "a\r\n\tb",
      "\u{200B}ab\u{200B}",
    ] {
      for width in 0...8 {
        #expect(text.cut(toWidth: width) == cutSlowly(text, width), "\(text.debugDescription) \(width)")
      }
    }
  }

  @Test func aMegabyteIsCut() {
    for word in ["sh -c ", "sh é 日 ", "e\u{301} "] {
      let long = String(repeating: word, count: (1 << 20) / word.utf8.count)
      #expect(long.cut(toWidth: 40) == String(long.prefix(60)).cut(toWidth: 40))
      #expect(long.cut(toWidth: 40).displayWidth > 37 && long.cut(toWidth: 40).displayWidth <= 40)
      #expect(long.shortened(to: 40) == long.prefix(39) + "…")
    }
    #expect(
      "abc".shortened(to: 3) == "abc" && "日本語".shortened(to: 3) == "日本語" && "日本語".shortened(to: 2) == "日…")
  }

  @Test func whatBreaksATableIsMadeHarmless() {
    var table = TextTable([("A", .left), ("B", .left)])
    table.add(["x\ny", String(escaping: [0x7C, 0xFF])])
    #expect(table.text == "A    B\nx y  |\u{FFFD}\n")
    #expect(table.markdown.hasSuffix("| x y | \\|\u{FFFD} |\n"))
  }
}

@Suite struct FileTailTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func tail(_ path: String, _ lines: Int) -> FileTail {
    FileTail(path, lines: lines, owners: [geteuid()])
  }

  @Test func theLastLines() throws {
    try sandbox.write((1...5000).map { "line \($0)\n" }.joined(), to: "out")
    #expect(tail(sandbox["out"].string, 2).lines == ["line 4999", "line 5000"])
    try sandbox.write("no newline", to: "short")
    #expect(tail(sandbox["short"].string, 5).lines == ["no newline"])
  }

  @Test func whatCannotBeShown() throws {
    try sandbox.write("", to: "empty")
    #expect(tail(sandbox["empty"].string, 3).problem == "it is empty")
    #expect(tail(sandbox["gone"].string, 3).problem?.contains("ENOENT") == true)
    #expect(tail(sandbox.path.string, 3).problem?.contains("EISDIR") == true)
    try sandbox.write([0x1B, 0x5B, 0x41, 0xFF, 0x0A], to: "bytes")
    #expect(tail(sandbox["bytes"].string, 3).lines == [String(escaping: [0xFF])])
    try valueOrErrno { sandbox["link"].withPlatformString { symlink("bytes", $0) } }
    #expect(tail(sandbox["link"].string, 3).problem == "it is a symbolic link")
    try valueOrErrno { sandbox["fifo"].withPlatformString { mkfifo($0, 0o644) } }
    #expect(tail(sandbox["fifo"].string, 3).problem == "it is no regular file")
    #expect(
      FileTail(sandbox["bytes"].string, lines: 3, owners: [geteuid() + 1]).problem
        == "it belongs to user \(geteuid()), and the record to another: it is not shown")
  }
}

@Suite struct RunFinderTests {
  private let sandbox: Sandbox
  private let surroundings: Surroundings

  init() throws {
    sandbox = try Sandbox()
    surroundings = Surroundings()
    try sandbox.makeDirectory("logs")
    for (name, code, time) in [("a10_", 0, 5.0), ("a9_", 3, 1.5), ("b_", 1, 100.0)] {
      let info: JSONValue = [
        "command": .string("run \(name)"), "schema_version": "0.2.3",
        "execution_summary": [
          "exit_code": .integer(Int64(code)), "wall_clock_time": .number(time), "peak_rss": nil,
        ],
      ]
      try sandbox.write(
        String(decoding: JSONWriter.bytes(of: info), as: UTF8.self), to: "logs/\(name)info.json")
    }
    try sandbox.write("", to: "logs/b_stdout")
  }

  private func path(_ name: String) -> String { sandbox[name].string }

  @Test func everyWayToNameARun() {
    for argument in ["logs/b_info.json", "logs/b_", "logs/b_stdout"] {
      #expect(RunFinder([path(argument)], surroundings).runs.map(\.command) == ["run b_"], "\(argument)")
    }
    #expect(RunFinder([path("logs")], surroundings).runs.count == 3)
    #expect(RunFinder([path("logs") + "/"], surroundings).runs.count == 3)
    #expect(RunFinder([path("logs"), path("logs/b_")], surroundings).runs.count == 3, "each once")
  }

  @Test func whatIsNoRecordIsTold() throws {
    try sandbox.write("", to: "logs/c_info.json")
    try sandbox.write("{\"x\": 1}", to: "logs/d_info.json")
    try sandbox.write("{\"x\": ", to: "logs/e_info.json")
    let finder = RunFinder([path("logs"), path("nowhere")], surroundings)
    #expect(finder.runs.count == 3)
    #expect(finder.problems.count == 4)
    #expect(finder.problems.allSatisfy { !$0.description.contains("\n") })
  }

  @Test func onlyRegularFilesAreRead() throws {
    try valueOrErrno { sandbox["logs/f_info.json"].withPlatformString { mkfifo($0, 0o644) } }
    try sandbox.makeDirectory("logs/g_info.json")
    let finder = RunFinder([path("logs")], surroundings)
    #expect(finder.runs.count == 3)
    let problems = finder.problems.map(\.description)
    #expect(problems.count == 2)
    #expect(problems.contains { $0.contains("f_info.json: it is no regular file") })
    #expect(problems.contains { $0.contains("g_info.json: ") && $0.contains("EISDIR") })
  }

  @Test func whyADirectoryCannotBeListed() throws {
    try valueOrErrno { sandbox["loop"].withPlatformString { symlink($0, $0) } }
    let problems = RunFinder([path("loop"), path("logs/b_stdout/x"), path("gone")], surroundings).problems
    #expect(problems.map(\.description.isEmpty) == [false, false, false])
    #expect(problems.first?.description.contains("cannot list") == true)
    #expect(problems.first?.description.contains("ELOOP") == true)
    #expect(problems.last?.description.hasSuffix("gone: no record of a run is there") == true)
  }

  private func prefixes(sortBy: [String], reversed: Bool = false) throws -> [String] {
    let runs = RunFinder([path("logs")], surroundings).runs
    let text = RunListing(runs, fields: ["exit_code"], sortBy: sortBy, isReversed: reversed).text(
      .json, colors: false)
    let rows = try #require(try JSONParser.parse(Array(text.utf8)).array)
    return rows.compactMap { $0["prefix"]?.string?.split(separator: "/").last.map(String.init) }
  }

  @Test func sorting() throws {
    #expect(try prefixes(sortBy: []) == ["a9_", "a10_", "b_"], "numbers in names count as numbers")
    #expect(try prefixes(sortBy: ["wall_clock_time"]) == ["a9_", "a10_", "b_"])
    #expect(try prefixes(sortBy: ["exit_code"], reversed: true) == ["a9_", "b_", "a10_"])
    #expect(try prefixes(sortBy: ["peak_rss"]) == ["a9_", "a10_", "b_"])
  }

  @Test func aMissingFieldIsLeftOut() throws {
    let runs = RunFinder([path("logs/b_")], surroundings).runs
    let listing = RunListing(runs, fields: ["peak_rss", "hostname"], sortBy: [], isReversed: false)
    #expect(listing.text(.summaries, colors: false).hasSuffix("\tPeak Rss: -\n"))
  }
}

@Suite struct RecordReadingTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Side by side or not, the results are in the order of the paths, and each problem is at its place.
  @Test(arguments: [0, 1, 31, 64, 333])
  func theOrderIsThatOfThePaths(_ count: Int) throws {
    var paths: [FilePath] = []
    for index in 0..<count {
      let text = index % 10 == 7 ? "{" : record(members: ", \"campaign\": \"\(index)\"")
      try sandbox.write(text, to: "r\(index)_info.json")
      paths.append(sandbox["r\(index)_info.json"])
    }
    let results = SideBySide.map(paths) { path in
      Result { () throws(Problem) in try RecordedRun(reading: path) }
    }
    #expect(results.count == count)
    for (index, result) in results.enumerated() {
      switch result {
      case .success(let run): #expect(run.campaign == "\(index)" && index % 10 != 7)
      case .failure(let problem): #expect(index % 10 == 7 && problem.description.contains("is no JSON"))
      }
    }
  }
}
