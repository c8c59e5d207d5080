import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// A run with jobs whose names end an element or an attribute, move a cursor, or turn the direction of text.
private struct PageFixture {
  let sandbox: Sandbox

  private static let names = [
    #"</script><script>alert(1)</script>"#, #"<img src=x onerror=alert(1)>"#, #"\"' onload='alert(1)"#,
    #"a\u001b[31m\u202eb\u0000"#, #"\"\u0301><b>"#, "caf\u{E9}",
  ]

  init() throws {
    sandbox = try Sandbox()
    let start = 1_795_500_000
    let jobs = (0..<60).map { index in
      let state = index % 9 == 4 ? "FAILED" : index % 20 == 7 ? "TIMEOUT" : "COMPLETED"
      let array = index > 40 ? #""array_job_id": 500, "array_task_id": \#(index),"# : ""
      return #"{"job_id": \#(index + 100), \#(array) "name": "\#(Self.names[index % Self.names.count])", "#
        + #""state": "\#(state)", "state_flags": [], "submit_time": \#(start + index), "eligible_time": \#(start), "#
        + #""start_time": \#(start + 10 * index), "end_time": \#(start + 20 * index), "elapsed_seconds": \#(10 * index), "#
        + #""time_limit_seconds": 600, "cpus": 2, "cpu_seconds": \#(index), "memory_requested_bytes": 1000000, "#
        + #""max_rss_bytes": \#(20_000 * index), "node_list": "n1", "detected_by": ["tag"], "stale": false}"#
    }
    try sandbox.write(
      #"{"schema_version": "0.2.3", "command": "sh </title><script>", "campaign": "night <b>", "run_state": "finished","#
        + #" "execution_summary": {"exit_code": 0, "start_time": \#(start), "wall_clock_time": 1300.0},"#
        + #" "slurm": {"submitted_jobs": [\#(jobs.joined(separator: ","))]}}"#, to: "r_info.json")
    let samples = (0..<20).map { minute in
      #"{"timestamp": "2026-11-24T06:\#(minute + 10):00+00:00", "totals": {"pcpu": \#(minute), "rss": 1000000}}"#
        + "\n"
    }
    try sandbox.write(samples.joined(), to: "r_usage.jsonl")
  }

  func report(_ arguments: [String] = [], environment: [String: String?] = [:]) async throws -> Finished {
    try await run(
      Programs.conDuct, ["report", "--no-refresh", "-f", "html", "r_"] + arguments, in: sandbox,
      environment: environment)
  }
}

/// The HTML report as duct makes it.
@Suite struct PageTests {
  private let fixture: PageFixture
  private var sandbox: Sandbox { fixture.sandbox }
  init() throws { fixture = try PageFixture() }

  @Test func onePageWithEverything() async throws {
    let page = try await fixture.report()
    #expect(page.code == 0 && page.stderr == "", "\(page.stderr)")
    let html = page.stdout
    #expect(html.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">") && html.hasSuffix("</html>\n"))
    // No name has become an element or an attribute, and nothing refers to another place.
    for part in [
      "<script>alert", "<img", "onload='", "\"\u{301}", "<b>", "\u{1B}", "\u{202E}", "http:", "https:",
      " src=\"", "{{",
    ] {
      let isThere = html.containsBytes(part)
      #expect(!isThere, "\(part)")
    }
    #expect(html.countBytes("<script>") == 1 && html.countBytes("<svg class=\"picture\"") == 5)
    #expect(html.contains("&lt;img src=x onerror=alert(1)&gt;") && html.contains("a\\x1b[31m\\u202eb\\x00"))
    #expect(html.contains("<summary>Array 500 "))
    #expect(html.countBytes("<th scope=row>") == 60, "a row for each job")
  }

  @Test func templatesOfUsers() async throws {
    try sandbox.write("{{heading}}|{{#facts}}{{name}};{{/facts}}|{{{verdict}}}|{{nothing}}\n", to: "own")
    let page = try await fixture.report(["--template", "own"])
    #expect(page.code == 0 && page.stdout.hasPrefix("Campaign night &lt;b&gt;: 1 run, 60 Slurm jobs|"))
    #expect(page.stdout.contains("|No: ") && page.stdout.hasSuffix("|\n"))
    for (text, told) in [
      ("a\n{{#x}}\nb", "line 3: a section has no end"), ("{{#x}}{{/y}}", "line 1: "), ("{{x", "line 1: "),
    ] {
      try sandbox.write(text, to: "bad")
      let page = try await fixture.report(["--template", "bad"])
      #expect(page.code == 2 && page.stdout == "")
      #expect(page.stderr.hasPrefix("con-duct: error: the template bad: \(told)"), "\(page.stderr)")
      #expect(page.stderr.split(separator: "\n").count == 1)
    }
    try sandbox.write([0x61, 0xFF], to: "bytes")
    #expect(
      try await fixture.report(["--template", "bytes"]).stderr
        == "con-duct: error: the template bytes is not UTF-8\n")
    let gone = try await fixture.report(["--template", "gone"])
    #expect(gone.code == 2 && gone.stderr.contains("cannot read the template gone: No such file"))
  }

  /// Without the program that fills in templates, there is one line, and all other forms work.
  @Test func withoutTheProgram() async throws {
    let page = try await fixture.report(environment: ["DUCT_LIBEXEC_DIR": "/nowhere"])
    #expect(page.code == 1 && page.stdout == "")
    #expect(
      page.stderr
        == "con-duct: cannot start /nowhere/duct-template, which makes HTML: No such file or directory (ENOENT)\n"
    )
  }

  /// The policy of the template allows its own style and script, and no others.
  @Test func thePolicyFitsTheTemplate() async throws {
    let project = Documentation.project
    let check = try await run(
      project.appending("contrib/page-hashes").string,
      ["--check", project.appending("Sources/duct-template/report.mustache").string], in: sandbox)
    #expect(check.code == 0, "\(check.stderr)")
  }
}

/// The colours of the template, by the contrasts that WCAG 2 asks for.
@Suite struct PageColorTests {
  /// Of texts at least 4.5 to 1, of shapes at least 3 to 1, against what is behind them; in light and in dark.
  @Test func contrasts() throws {
    let template = try Documentation.text("Sources/duct-template/report.mustache")
    let schemes = template.split(separator: ":root {").dropFirst().prefix(2).map {
      colors(String($0.prefix { $0 != "}" }))
    }
    #expect(schemes.count == 2)
    for colors in schemes {
      #expect(colors.count == 22, "\(colors.keys.sorted())")
      for text in ["text", "quiet", "link", "good", "bad", "open"] {
        for behind in ["page", "box"] { try check(colors, text, behind, atLeast: 4.5) }
      }
      for shape in ["well", "waiting", "running", "failed", "timeout", "memory", "cancelled", "run"] {
        try check(colors, "g-" + shape, "page", atLeast: 3)
      }
      for pattern in ["failed", "timeout", "memory", "cancelled"] {
        try check(colors, "g-mark", "g-" + pattern, atLeast: 3)
      }
      // Failures are drawn over jobs that run: by lightness alone, they differ from few and from many.
      try check(colors, "d4", "page", atLeast: 3)
    }
  }

  private func colors(_ rules: String) -> [String: UInt32] {
    var colors: [String: UInt32] = [:]
    for rule in rules.split(separator: ";") {
      let parts = rule.split(separator: ":").map(\.trimmed)
      guard parts.count == 2, parts[0].hasPrefix("--"), let color = UInt32(parts[1].dropFirst(), radix: 16)
      else { continue }
      colors[String(parts[0].dropFirst(2))] = color
    }
    return colors
  }

  private func check(_ colors: [String: UInt32], _ one: String, _ other: String, atLeast least: Double) throws
  {
    let (a, b) = (
      luminance(try #require(colors[one], "\(one)")), luminance(try #require(colors[other], "\(other)"))
    )
    let contrast = (max(a, b) + 0.05) / (min(a, b) + 0.05)
    #expect(contrast >= least, "\(one) on \(other): \(contrast)")
  }

  /// The relative luminance of WCAG 2.
  private func luminance(_ color: UInt32) -> Double {
    func part(_ shift: UInt32) -> Double {
      let value = Double((color >> shift) & 0xFF) / 255
      return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    let start = drop { $0.isWhitespace }
    return start.prefix { !$0.isWhitespace }
  }
}

/// The page in a browser.
@Suite(.needs(.programs("chromium"))) struct BrowserTests {
  private let fixture: PageFixture
  private var sandbox: Sandbox { fixture.sandbox }
  init() throws { fixture = try PageFixture() }

  /// What the browser says about a page: its elements when all has been loaded, its messages, and its requests to
  /// a network for this page.
  ///
  /// Everything that it would ask a network for goes to a port on which nothing listens.
  private func browse(_ page: String, settings: String = "") async throws -> (
    elements: String, messages: [Substring], requests: [Substring]
  ) {
    let log = sandbox["network.json"]
    let result = try await run(
      "chromium",
      [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>", "--enable-logging=stderr",
        "--v=0",
        "--user-data-dir=\(sandbox["profile"])", "--virtual-time-budget=30000", "--log-net-log=\(log)",
        "--blink-settings=\(settings)",
        "--dump-dom", "file://\(sandbox[page])",
      ], in: sandbox, limit: 120)
    // One event a line. The browser's own requests, for updates, have no origin.
    let events = String(decoding: try readAll(log, limit: 64 << 20), as: UTF8.self).split(
      separator: "\n")
    #expect(events.count > 100, "the browser keeps a log")
    return (
      result.stdout, result.stderr.split(separator: "\n").filter { $0.contains(":CONSOLE") },
      events.filter { $0.contains("\"initiator\":") && !$0.contains("\"initiator\":\"not an origin\"") }
    )
  }

  private func page() async throws -> String {
    let page = try await fixture.report().stdout
    try sandbox.write(page, to: "r.html")
    return page
  }

  /// The browser finds nothing to say about the page; about one that loads or runs something, it does.
  @Test func theBrowserHasNothingToSay() async throws {
    let page = try await page()
    let shown = try await browse("r.html")
    #expect(shown.messages == [], "\(shown.messages)")
    #expect(shown.requests == [], "\(shown.requests)")
    #expect(shown.elements.contains("<button type=\"button\">Job</button>"), "the page's own script runs")
    try sandbox.write(
      page.replacing(
        "<main id=\"main\">",
        with:
          "<main id=\"main\"><img src=\"http://127.0.0.1:9/x\"><script>alert(1)</script><p style=\"color: red\">"
      ),
      to: "bad.html")
    let bad = try await browse("bad.html")
    #expect(
      bad.messages.count == 3 && bad.messages.allSatisfy { $0.contains("Content Security Policy") },
      "\(bad.messages)")
    #expect(bad.requests == [], "the policy keeps the page from asking: \(bad.requests)")
    try sandbox.write("<!DOCTYPE html><img src=\"http://127.0.0.1:9/x\">", to: "asks.html")
    let asks = try await browse("asks.html").requests
    #expect(asks.count == 1 && asks[0].contains("http://127.0.0.1:9/x"), "\(asks)")
  }

  /// The script adds a field and buttons, and nothing else: without it, the page says the same.
  @Test func withoutItsScriptThePageIsTheSame() async throws {
    let page = try await page()
    let start = try #require(page.firstRange(of: "<script>")?.lowerBound)
    let end = try #require(page.firstRange(of: "</script>")?.upperBound)
    try sandbox.write(String(page[..<start] + page[end...]), to: "plain.html")
    var scripted = try await browse("r.html").elements
    var plain = try await browse("plain.html").elements
    for mark in ["<button type=\"button\">", "</button>"] { scripted = scripted.replacing(mark, with: "") }
    let field = "<label class=\"filter\">Show only rows with: <input type=\"search\"></label>"
    #expect(scripted.contains(field))
    scripted = scripted.replacing(field, with: "")
    let script = try #require(scripted.firstRange(of: "<script>")?.lowerBound)
    scripted = String(scripted[..<script])
    plain = String(
      plain.prefix(upTo: plain.index(plain.startIndex, offsetBy: min(scripted.count, plain.count))))
    #expect(scripted == plain)
  }

  /// axe-core finds no fault, in light and in dark. `make test` gets it from PyPI.
  @Test(.needs(.axe), arguments: ["light", "dark"])
  func accessibility(_ scheme: String) async throws {
    let page = try await page()
    let axe = try String(decoding: readAll(Programs.axe, limit: 4 << 20), as: UTF8.self)
    let start = try #require(page.firstRange(of: "<meta http-equiv=\"Content-Security-Policy\"")?.lowerBound)
    let end = try #require(page.suffix(from: start).firstIndex(of: ">"))
    let ask = """
      document.querySelectorAll("details").forEach((one) => { one.open = true });
      axe.run().then((found) => {
        const faults = found.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.target).join(" "));
        document.documentElement.replaceChildren("AXE " + found.passes.length + " passed;" + faults.join(";") + "END");
      });
      """
    let with =
      page[..<start]
      + page[page.index(after: end)...].replacing(
        "</body>", with: "<script>\(axe)</script><script>\(ask)</script></body>")
    try sandbox.write(String(with), to: "axe.html")
    let result = try await browse(
      "axe.html", settings: "preferredColorScheme=\(scheme == "dark" ? 0 : 1)"
    ).elements
    let answer = try #require(result.firstRange(of: "AXE "), "\(result.prefix(500))")
    let words = result[answer.lowerBound...].prefix { $0 != "<" }
    #expect(words.hasSuffix(" passed;END"), "\(words)")
  }
}

extension String {
  /// How often the bytes of `part` occur. By bytes, because a quotation mark with an accent is another character.
  fileprivate func countBytes(_ part: String) -> Int {
    let (bytes, wanted) = (Array(utf8), Array(part.utf8))
    return bytes.indices.count { start in bytes[start...].starts(with: wanted) }
  }

  fileprivate func containsBytes(_ part: String) -> Bool { countBytes(part) > 0 }
}
