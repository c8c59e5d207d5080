import RecordText
import TestSupport
import Testing

@testable import DuctReports

@Suite struct PictureDrawingTests {
  /// Names that end an element or an attribute, move a cursor, or turn the direction of text.
  static let names = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"' onload='alert(1)",
    String(escaping: [0x6A, 0xE9, 0xFF]), "a\u{1B}[31m\u{202E}b\u{0}\r\n", "]]>--><!--", "&lt;&#0;",
  ]

  private func jobs(_ count: Int) -> [JobSpan] {
    (0..<count).map { index in
      pictureJob(
        "\(index)", JobOutcome.allCases[index % JobOutcome.allCases.count], submitted: index,
        started: index % 3 == 0 ? nil : index + 5, ended: index + 90, isFailure: index % 8 == 3,
        name: Self.names[index % Self.names.count])
    }
  }

  private func pictures(_ jobs: [JobSpan]) -> [any Picture] {
    let runs = Self.names.compactMap {
      RunSpan(label: $0, started: Double(pictureStart), ended: Double(pictureStart + 60), hasFailed: true)
    }
    let shares = ShareDistribution(
      name: "memory", title: "Memory", asked: "it", jobs.enumerated().map { (Double($0.offset) / 9, 3) })
    let all: [(any Picture)?] = [Timeline(jobs, runs: runs), QueueCurve(jobs), shares]
    return all.compactMap { $0 }
  }

  @Test(arguments: [1, 7, 50, 150, 1000])
  func svgIsWellFormed(_ count: Int) throws {
    let pictures = pictures(jobs(count))
    #expect(pictures.count == 3)
    for picture in pictures {
      #expect(unbalanced(picture.svg) == nil, "\(picture.svg)")
      #expect(
        !picture.svg.contains("<script") && !picture.svg.contains("<img") && !picture.svg.contains("\u{1B}"))
      #expect(
        picture.svg.hasPrefix("<svg class=\"picture\" role=\"img\" aria-labelledby=\"\(picture.name)-title "))
      #expect(picture.svg.contains("<desc id=\"\(picture.name)-words\">\(picture.words[0].htmlEscaped)"))
    }
  }

  /// The first tag that does not fit, or a character that may not stand there; nil if there is none.
  private func unbalanced(_ text: String) -> String? {
    var open: [Substring] = []
    for part in text.split(separator: "<") {
      guard let end = part.firstIndex(of: ">") else { return String(part) }
      let tag = part[..<end]
      if part[end...].dropFirst().contains(where: { $0 == ">" }) { return String(part) }
      if tag.hasPrefix("/") {
        if open.popLast() != tag.dropFirst() { return String(tag) }
      } else if !tag.hasSuffix("/") {
        open.append(tag.prefix { $0 != " " })
      }
      if tag.count(where: { $0 == "\"" }) % 2 != 0 { return String(tag) }
    }
    return open.last.map(String.init)
  }

  @Test(arguments: [1, 7, 12, 13, 1000], [20, 40, 80, 200])
  func textFitsTheTerminal(_ count: Int, _ width: Int) {
    for picture in pictures(jobs(count)) {
      let lines = picture.blocks(width: width)
      let drawn = picture is Timeline ? lines.dropLast() : lines[...]
      #expect(drawn.allSatisfy { $0.displayWidth <= max(width, 40) }, "\(lines.joined(separator: "\n"))")
      #expect(lines.count <= 24 && lines.allSatisfy { $0 == $0.forDisplay })
    }
  }

  /// Whatever numbers a record has, there are pictures.
  @Test(arguments: 0..<50 as Range<UInt64>)
  func anyNumbers(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    func number() -> Int? {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: nil
      case 1: Int.random(in: .min ... .max, using: &random)
      case 2: [.min, .max, -1, 0][Int.random(in: 0..<4, using: &random)]
      default: pictureStart + Int.random(in: -1000...100_000, using: &random)
      }
    }
    let jobs = (0..<Int.random(in: 1...300, using: &random)).map { index in
      JobSpan(
        id: "\(index)", name: nil, outcome: JobOutcome.allCases.randomElement(using: &random) ?? .failed,
        isFailure: Bool.random(using: &random), count: number() ?? 1, submitted: number(), started: number(),
        ended: number(), seen: Double(number() ?? 0), waitSeconds: number())
    }
    for picture in pictures(jobs) {
      #expect(unbalanced(picture.svg) == nil)
      #expect(!picture.svg.contains("nan") && !picture.svg.contains("inf"))
      #expect(!picture.blocks(width: 80).isEmpty && !picture.words.isEmpty)
    }
  }

  /// A bar begins with the submission. The wait of tables begins later if the job depended on another one.
  @Test func theWaitIsThatOfTheTables() throws {
    let depended = pictureJob("8", submitted: 0, started: 7260, ended: 7290, waitSeconds: 60)
    let waited = pictureJob("9", submitted: 0, started: 61, ended: 90, waitSeconds: 60)
    let pending = pictureJob("10", .waiting, submitted: 0)
    let svg = try #require(Timeline([depended, waited, pending], runs: [])).svg
    #expect(svg.contains("8: ended well, waited 60 s, submitted 2 h 1 min before its start, ran 30 s"))
    #expect(svg.contains("9: ended well, waited 61 s, ran 29 s"))
    #expect(svg.contains("10: waiting, waited 16 min"))
  }

  @Test func numbersInSVG() {
    #expect(
      [0, 1, 0.5, 12.345, -0.001, -2.05, .nan, .infinity].map(svgNumber) == [
        "0", "1", "0.5", "12.35", "0", "-2.05", "0", "0",
      ])
  }

  @Test func whatHTMLEscapes() {
    #expect("plain text".htmlEscaped == "plain text")
    #expect("<a href=\"x\">&'".htmlEscaped == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;")
    #expect(String(escaping: [0x61, 0xE9]).htmlEscaped == "a\\xe9")
    #expect("a\u{1B}\u{0}\u{202E}\n".htmlEscaped == "a\\x1b\\x00\\u202e\\n")
    #expect("é日本".htmlEscaped == "é日本")
    // A quotation mark with an accent is another character to Swift.
    #expect("\"\u{301}".htmlEscaped == "&quot;\u{301}")
  }
}
