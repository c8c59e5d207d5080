internal import RecordText
internal import SlurmJobs

/// One line per job, with the columns that docs/report.md describes: for spreadsheets and data frames.
struct SeparatedFormat: ReportFormat {
  /// As in RFC 4180, with lines that end as Unix has them: a cell with a comma or a quote stands in quotes.
  static let csv = SeparatedFormat(separator: UInt8(ascii: ","), quotes: true)
  /// No cell has a tab, so none needs quotes.
  static let tsv = SeparatedFormat(separator: UInt8(ascii: "\t"), quotes: false)

  fileprivate let separator: UInt8
  fileprivate let quotes: Bool

  func bytes(of report: CampaignReport, width: Int?) -> [UInt8] {
    var table = SeparatedCells(self)
    table.bytes.reserveCapacity(400 * (report.jobs.count + 1))
    for column in Self.columns { table.add(text: column.name) }
    table.endLine()
    for row in report.jobs {
      let run = row.run.map { report.head.runs[$0] }
      for column in Self.columns { column.write(row, run, &table) }
      table.endLine()
    }
    return table.bytes
  }

  private typealias Column = (
    name: String, write: @Sendable (JobRow, ReportRun?, inout SeparatedCells) -> Void
  )

  private static let columns: [Column] = [
    ("run_prefix", { $2.add(text: $1?.prefix) }), ("run_id", { $2.add(text: $1?.runID) }),
    ("campaign", { $2.add(text: $1?.campaign) }), ("id", { $2.add(text: $0.id) }),
    ("cluster", { $2.add(text: $0.cluster) }), ("job_id", { $2.add($0.jobID) }),
    ("array_job_id", { $2.add($0.arrayJobID) }), ("array_task_id", { $2.add($0.arrayTaskID) }),
    ("tasks", { $2.add($0.count) }), ("name", { $2.add(text: $0.name) }), ("user", { $2.add(text: $0.user) }),
    ("partition", { $2.add(text: $0.partition) }), ("script", { $2.add(text: $0.script) }),
    ("state", { $2.add(text: $0.state.rawValue) }), ("standing", { $2.add(text: $0.standing.rawValue) }),
    ("cause", { $2.add(text: $0.cause.text) }), ("exit_code", { $2.add($0.exitCode) }),
    ("signal", { $2.add($0.signal) }), ("restarts", { $2.add($0.restarts) }),
    ("submit_time", { $2.add($0.submitTime) }), ("eligible_time", { $2.add($0.eligibleTime) }),
    ("start_time", { $2.add($0.startTime) }), ("end_time", { $2.add($0.endTime) }),
    ("wait_seconds", { $2.add($0.waitSeconds) }), ("elapsed_seconds", { $2.add($0.elapsedSeconds) }),
    ("time_limit_seconds", { $2.add($0.timeLimitSeconds) }), ("node_count", { $2.add($0.nodeCount) }),
    ("nodes", { $2.add(text: $0.nodes) }), ("cpus", { $2.add($0.cpus) }),
    ("cpus_asked", { $2.add($0.cpusAsked) }), ("gpus", { $2.add($0.gpus) }),
    ("cpu_seconds", { $2.add($0.cpuSeconds) }), ("cpu_use", { $2.add($0.cpuUse) }),
    ("memory_asked_bytes", { $2.add($0.memoryAskedBytes) }),
    ("memory_used_bytes", { $2.add($0.memoryUsedBytes) }), ("memory_use", { $2.add($0.memoryUse) }),
    ("time_use", { $2.add($0.timeUse) }), ("io_read_bytes", { $2.add($0.readBytes) }),
    ("io_written_bytes", { $2.add($0.writtenBytes) }), ("energy_joules", { $2.add($0.energyJoules) }),
    ("stale", { $2.add($0.stale ? 1 : 0) }), ("last_seen", { $2.add($0.lastSeen) }),
  ]
}

/// The cells of a table as they are written.
private struct SeparatedCells {
  var bytes: [UInt8] = []
  private let form: SeparatedFormat
  private var isFirst = true

  init(_ form: SeparatedFormat) { self.form = form }

  mutating func endLine() {
    bytes.append(UInt8(ascii: "\n"))
    isFirst = true
  }

  private mutating func begin() {
    if !isFirst { bytes.append(form.separator) }
    isFirst = false
  }

  mutating func add(_ number: (some BinaryInteger)?) {
    begin()
    if let number { bytes.append(contentsOf: String(number).utf8) }
  }

  mutating func add(_ number: Double?) {
    begin()
    if let number, number.isFinite { bytes.append(contentsOf: number.description.utf8) }
  }

  /// Text on one line: a control character, and a byte that is no UTF-8, becomes an escape such as `\\x1b`. A spreadsheet
  /// takes a cell that begins like a formula for one: such a cell gets an apostrophe before it.
  mutating func add(text: String?) {
    begin()
    guard let text else { return }
    var cell = text.escapedForDisplay
    if let first = cell.utf8.first, "=+-@".utf8.contains(first) { cell = "'" + cell }
    let quote = UInt8(ascii: "\"")
    guard form.quotes, cell.utf8.contains(where: { $0 == quote || $0 == form.separator }) else {
      bytes.append(contentsOf: cell.utf8)
      return
    }
    bytes.append(quote)
    for byte in cell.utf8 {
      if byte == quote { bytes.append(quote) }
      bytes.append(byte)
    }
    bytes.append(quote)
  }
}
