import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import DuctReports

@Suite struct UsageSamplesTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func line(_ time: String, cpu: String = "12.5", rss: String = "1000") -> String {
    #"{"timestamp": "\#(time)", "num_samples": 2, "processes": {"1": {"x": [1, {}]}}, "totals": {"pmem": 1.0, "pcpu": \#(cpu), "rss": \#(rss)}, "averages": {}}"#
      + "\n"
  }

  private func samples(_ name: String) -> UsageSamples { UsageSamples(ofRun: sandbox[name].string) }

  @Test func linesOfARun() throws {
    try sandbox.write(
      line("2026-11-24T16:56:00.500000+01:00") + line("2026-11-24T15:57:00+00:00", cpu: "200", rss: "null"),
      to: "a_usage.jsonl")
    let usage = samples("a_")
    #expect(
      usage.samples == [
        .init(time: 1_795_535_760.5, cpuPercent: 12.5, memory: 1000),
        .init(time: 1_795_535_820, cpuPercent: 200, memory: nil),
      ])
    #expect(usage.problem == nil)
    let curve = try #require(UsageCurve(name: "u", of: "sh", usage, started: 1_795_535_700, columns: 4))
    #expect(curve.cpuPercent == [12.5, 12.5, 200, 200] && curve.memory == [1000, 1000, 1000, nil])
    #expect(curve.words.first?.hasPrefix("At most 200 % of one core, first at about ") == true)
  }

  /// The file of a run whose name another run had taken.
  @Test func theFileBesideAnother() throws {
    try sandbox.write(line("2026-11-24T16:56:00Z"), to: "a_usage.jsonl.20261124t165600-0123456789")
    #expect(samples("a_info.json.20261124t165600-0123456789").samples.count == 1)
  }

  @Test func whatCannotBeReadIsTold() throws {
    #expect(samples("gone_").problem?.contains("gone_usage.jsonl cannot be read: ") == true)
    try sandbox.write("", to: "empty_usage.jsonl")
    #expect(samples("empty_").problem?.hasSuffix("has no samples") == true)
    try valueOrErrno { sandbox["fifo_usage.jsonl"].withPlatformString { mkfifo($0, 0o644) } }
    #expect(samples("fifo_").problem?.contains("no regular file") == true)
    let bad = [
      "{", "[]", "null", "\u{0}\u{1}", #"{"timestamp": 3, "totals": {}}"#,
      #"{"timestamp": "now", "totals": {}}"#,
      line("9999-12-31T23:59:59Z"), line("2026-11-24T16:56:00Z", cpu: #""much""#),
    ]
    try sandbox.write(
      line("2026-11-24T16:56:00Z", cpu: "1e999", rss: "-5") + bad.joined(separator: "\n"),
      to: "bad_usage.jsonl")
    let usage = samples("bad_")
    #expect(usage.samples.map(\.cpuPercent) == [nil] && usage.samples.map(\.memory) == [nil])
    #expect(usage.problem?.hasPrefix("8 of 9 lines of ") == true, "\(usage.problem ?? "")")
  }

  /// Of a file that is too large, lines from all its parts are read.
  @Test func aLargeFileIsReadInParts() throws {
    let all = (0..<100_000).map { line("2026-11-24T16:\($0 / 2000 + 10):00Z", cpu: "\($0)") }.joined()
    #expect(all.utf8.count > UsageSamples.mostRead)
    try sandbox.write(all, to: "large_usage.jsonl")
    let usage = samples("large_")
    #expect(usage.samples.count == 240, "\(usage.samples.count)")
    #expect((usage.samples.last?.cpuPercent ?? 0) > 99_000)
    #expect(usage.problem?.contains("only 240 of its lines were read") == true)
  }

  /// Lines that are longer than the parts of a file: several parts begin in one line. A line that is too long is passed.
  @Test func longLinesOfALargeFile() throws {
    let filler = "\"x\": \"" + String(repeating: "x", count: 90_000) + "\", "
    let line = line("2026-11-24T16:56:00Z")
    let long = "{" + filler + line.dropFirst()
    let tooLong = "{" + String(repeating: filler, count: 4) + line.dropFirst()
    try sandbox.write(String(repeating: long, count: 100), to: "long_usage.jsonl")
    let usage = samples("long_")
    #expect(usage.samples.count > 200, "\(usage.samples.count)")
    #expect(usage.problem?.contains("only \(usage.samples.count) of its lines were read") == true)
    try sandbox.write(String(repeating: tooLong, count: 30), to: "longer_usage.jsonl")
    #expect(samples("longer_").samples.isEmpty)
  }
}

@Suite struct ISOTimeTests {
  @Test func timesAndWhatIsNone() {
    #expect(isoSeconds("1970-01-01T00:00:00Z") == 0)
    #expect(isoSeconds("2000-02-29T12:00:00.25-01:30") == 951_831_000.25)
    #expect(isoSeconds("1969-12-31T23:59:59+00:00") == -1)
    for text in [
      "", "2026-11-24", "2026-11-24T16:56:00", "2026-11-24 16:56:00Z", "2026-13-24T16:56:00Z",
      "2026-11-24T16:56:00Zx",
      "2026-11-24T16:56:00.Z", "2026-02-29T12:00:00Z", "2026-04-31T12:00:00Z", "２０２６-11-24T16:56:00Z",
      "2026-11-24T16:56:00+1:00",
    ] {
      #expect(isoSeconds(text) == nil, "\(text)")
    }
  }
}
