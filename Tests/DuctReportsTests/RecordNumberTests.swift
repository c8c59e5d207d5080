import DuctSettings
import RecordText
import SlurmJobs
import SystemPackage
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctRecords

/// The text of a record with one job, with places where tests insert members.
func record(summary: String = "", members: String = "", job: String = "", jobs: String? = nil) -> String {
  let one = """
    {"job_id": 7, "state": "COMPLETED", "state_flags": [], "start_time": 200, "eligible_time": 100,
     "elapsed_seconds": 8, "cpus": 2, "detected_by": ["tag"], "stale": false\(job)}
    """
  return """
    {"schema_version": "0.2.3", "command": "c"\(members),
     "execution_summary": {"exit_code": 0, "wall_clock_time": 1.5\(summary)},
     "slurm": {"tag": "duct-r", "submitted_jobs": \(jobs ?? "[\(one)]")}}
    """
}

func run(_ text: String) throws -> RecordedRun { try RecordedRun(Array(text.utf8), of: "r_info.json") }

extension CampaignReport {
  /// The report of runs as they are recorded.
  init(_ runs: [RecordedRun], problem: String? = nil, lines: Int) {
    self.init(runs.map { ReportSource($0, jobs: $0.jobs) }, problem: problem, Contents(lines: lines))
  }

  /// Forms for programs can have any bytes.
  func text(_ form: ReportForm, width: Int? = nil) -> String {
    do {
      let template = try PageTemplate(file: nil, Surroundings())
      return try String(escaping: form.bytes(of: self, width: width, template: template))
    } catch {
      Issue.record(error)
      return ""
    }
  }
}

/// All that ls, jobs and report print about runs, in every format.
func everything(_ runs: [RecordedRun]) throws -> [String] {
  var texts: [String] = []
  for format in RunListing.Format.allCases {
    let listing = RunListing(
      runs, fields: RunListing.fields, sortBy: ["wall_clock_time", "jobs", "exit_code"], isReversed: true)
    texts.append(listing.text(format, colors: true))
  }
  let jobs = JobListing(
    runs.map {
      .init(prefix: $0.prefix, runID: $0.runID, jobs: $0.jobs, unreadableJobs: $0.unreadableJobs)
    })
  texts += [jobs.text, jobs.json()]
  let report = CampaignReport(runs, lines: 3)
  for form in ReportForm.allCases { texts.append(report.text(form)) }
  return texts
}

@Suite struct RecordNumberTests {
  /// If a member occurs twice, the later one counts.
  @Test(
    arguments: [
      record(summary: #", "exit_code": 1e300"#), record(summary: #", "exit_code": 1e400"#),
      record(summary: #", "wall_clock_time": 1e300"#), record(summary: #", "wall_clock_time": NaN"#),
      record(job: #", "cpu_seconds": 1e300"#), record(job: #", "cpu_seconds": NaN"#),
      record(summary: #", "start_time": 1e300"#, members: #", "run_state": "running""#),
      record(summary: #", "start_time": NaN"#), record(summary: #", "start_time": -1e300"#),
      record(job: #", "start_time": 9223372036854775807, "eligible_time": -5"#),
      record(job: #", "cpus": 4611686018427387904, "cpu_seconds": 1"#),
      record(job: #", "elapsed_seconds": -9223372036854775808, "cpu_seconds": 1"#),
    ])
  func anyNumberCanBeShown(_ text: String) throws {
    let run = try run(text)
    #expect(run.jobs.count == 1)
    #expect(run.since > 0)
    _ = try everything([run])
  }

  @Test func sumsBeyondTheLargestNumberAreTheLargest() throws {
    var job = JobRecord(state: .completed)
    job.jobID = 1
    job.eligibleTime = 1
    job.startTime = .max
    job.elapsedSeconds = .max
    let rows = JobRows([ReportSource([job, job], outputOwners: [])], runs: [nil])
    let totals = ReportTotals(rows.rows)
    #expect(totals.elapsedHours == 0x1p64 / 3600)
    #expect(totals.waitHours == 0x1p64 / 3600)
  }

  @Test(
    arguments: [
      (0, "00:00"), (3725, "01:02:05"), (93_784, "1-02:03:04"), (-5, "-00:05"), (-93_784, "-1-02:03:04"),
    ])
  func durations(_ seconds: Int, _ expected: String) {
    #expect(shortDuration(seconds) == expected)
    #expect(shortDuration(Double(seconds)) == expected)
  }

  @Test(arguments: [1e300, -1e300, .infinity, .nan])
  func whatNoDurationIs(_ seconds: Double) { #expect(shortDuration(seconds) == "-") }

  @Test func aStartInTheFutureIsNow() throws {
    #expect(try run(record(summary: #", "start_time": 1000000"#)).since == 999_940)
    #expect(try run(record(summary: #", "start_time": 1e300"#)).since < 10_000_000_000)
    #expect(try run(record(summary: #", "start_time": "x""#)).since == 1)
  }
}

/// A damaged record is shown or refused, and never ends the program.
@Suite struct DamagedRecordTests {
  private static let whole: JSONValue = [
    "schema_version": "0.2.3", "command": "run it", "run_state": "running", "run_id": "r",
    "campaign": "c", "last_update_time": .number(1.7e9),
    "duct_process": [
      "duct_pid": 7, "duct_start_ticks": 7, "duct_boot_id": "b", "duct_pid_namespace": "pid:[1]",
    ],
    "execution_summary": [
      "exit_code": 1, "wall_clock_time": .number(61.5), "peak_rss": 1_000_000, "average_rss": .number(1e6),
      "peak_pcpu": .number(99.5), "start_time": .number(1.7e9), "end_time": .number(1.7e9), "cpu_seconds": 3,
      "num_samples": 5,
    ],
    "system": ["memory_total": 1_000_000_000, "hostname": "h", "uid": 0], "gpu": nil,
    "slurm": [
      "tag": "duct-r",
      "submitted_jobs": [job("FAILED"), job("COMPLETED"), job("PENDING")],
    ],
  ]

  private static func job(_ state: String) -> JSONValue {
    [
      "job_id": 7, "array_job_id": 7, "array_task_id": 3, "het_job_id": nil, "name": "n",
      "state": .string(state), "state_flags": ["COMPLETING"], "state_reason": "NonZeroExitCode",
      "exit_code": 3, "signal": 9, "restarts": 1, "submit_time": 100, "eligible_time": 100,
      "start_time": 110, "end_time": 120, "elapsed_seconds": 10, "time_limit_seconds": 60, "cpus": 2,
      "node_list": "n1", "tres_requested": ["cpu": 1, "mem": 1000], "memory_requested_bytes": 1000,
      "max_rss_bytes": 500, "cpu_seconds": .number(9.5), "stdout_path": "/dev/null",
      "detected_by": ["tag", "session"], "source": "slurmdbd", "last_seen": .number(1.7e9), "stale": true,
    ]
  }

  private static let substitutes: [JSONValue] = [
    .number(1e300), .number(-1e300), .number(.infinity), .number(-.infinity), .number(.nan), .number(0x1p63),
    .number(-0x1p63), .integer(.max), .integer(.min), .integer(1 << 62), -1, 0, nil, "", "1e400", true, [],
    [[]], ["a": nil], "\u{1B}[31m\n|`<b>\\", .string(String(escaping: [0xFF, 0x00])), .number(0.5),
  ]

  private func mutated(_ value: JSONValue, _ chance: Int, _ random: inout SeededGenerator) -> JSONValue {
    if Int.random(in: 0..<chance, using: &random) == 0 {
      return Self.substitutes.randomElement(using: &random) ?? nil
    }
    switch value {
    case .object(var members):
      for name in members.keys {
        members[name] = mutated(members[name] ?? nil, chance, &random)
        if Int.random(in: 0..<(chance * 4), using: &random) == 0 { members[name] = .some(nil) }
      }
      return .object(members)
    case .array(let elements): return .array(elements.map { mutated($0, chance, &random) })
    default: return value
    }
  }

  /// Writes numbers as Python does: JSON has no word for NaN and infinity.
  private func text(_ value: JSONValue) -> String {
    switch value {
    case .number(let number) where number.isNaN: "NaN"
    case .number(let number) where number.isInfinite: number < 0 ? "-1e400" : "1e400"
    case .array(let elements): "[" + elements.map(text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { text(.string($0)) + ":" + text($1) }.joined(separator: ",") + "}"
    default: String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)
    }
  }

  /// Whether the text has control bytes other than our color sequences, which begin with ESC [1;… and end with ESC
  /// [0m.
  private func movesTheCursor(_ text: String) -> Bool {
    let bytes = Array(text.utf8) + [0, 0]
    return bytes.indices.dropLast(2).contains { index in
      switch bytes[index] {
      case 0x1B: bytes[index + 1] != 0x5B || ![0x30, 0x31].contains(bytes[index + 2])
      case 0x09, 0x0A: false
      default: bytes[index] < 0x20
      }
    }
  }

  @Test(arguments: [6, 40, 200])
  func nothingInARecordEndsTheProgram(chance: Int) throws {
    var random = SeededGenerator(seed: UInt64(chance))
    var runs: [RecordedRun] = []
    var shown = 0
    for round in 0..<500 {
      let document = text(mutated(Self.whole, chance, &random))
      if let run = try? run(document) { runs.append(run) }
      // Several runs together, to test sums and sorting.
      guard round % 5 == 4 else { continue }
      for text in try everything(runs) { #expect(!movesTheCursor(text)) }
      shown += runs.count
      runs = []
    }
    #expect(shown > 100)
  }

  @Test func bytesThatAreCutOrTurnedAround() throws {
    var random = SeededGenerator(seed: 1)
    let whole = Array(text(Self.whole).utf8)
    for _ in 0..<1000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<200, using: &random)) }
      if let run = try? RecordedRun(bytes, of: "r_info.json") { _ = try everything([run]) }
    }
  }
}
