internal import RecordText
internal import SlurmJobs

/// Every job, with the tasks of an array as one line; of those, medians.
struct JobTable {
  /// A list for people has no more lines than this.
  private static let most = 100

  private let rows: [JobRow]
  private let lines: [JobLine]

  init(_ rows: [JobRow]) {
    self.rows = rows
    lines = JobLine.folded(rows)
  }

  var table: TextTable {
    var table = TextTable([
      ("JOBID", .left), ("NAME", .left), ("STATE", .left), ("WAIT", .right), ("ELAPSED", .right),
      ("LIMIT", .right), ("CPU USE", .right), ("MEM USE", .right), ("READ", .right), ("WRITTEN", .right),
      ("NODES", .left),
    ])
    for line in lines.prefix(Self.most) {
      table.add(line.rows.count == 1 ? cells(rows[line.rows.lowerBound]) : cells(rows[line.rows]))
    }
    return table
  }

  /// How many lines are missing in the table, as a sentence; nil if none is.
  var rest: String? {
    let more = lines.count - Self.most
    return more > 0 ? "\(more.grouped) more lines: the forms csv and json have all jobs." : nil
  }

  private func cells(_ row: JobRow) -> [String] {
    [
      row.id, (row.name ?? "").shortened(to: 24), row.state.rawValue + (row.stale ? " ?" : ""),
      row.waitSeconds.map { shortDuration($0) } ?? "-", row.elapsedSeconds.map { shortDuration($0) } ?? "-",
      row.timeLimitSeconds.map { shortDuration($0) } ?? "-", row.cpuText, row.memoryText,
      row.readBytes.map { humanSize(Double($0)) } ?? "-",
      row.writtenBytes.map { humanSize(Double($0)) } ?? "-", (row.nodes ?? "-").shortened(to: 24),
    ]
  }

  private func cells(_ tasks: ArraySlice<JobRow>) -> [String] {
    let first = tasks[tasks.startIndex]
    let count = tasks.reduce(0) { $0 + $1.count }
    let states = tasks.reduce(into: [JobState: Int]()) { $0[$1.state, default: 0] += $1.count }
    let state = states.sorted { JobState.displayOrder($0.key, $1.key) }.map {
      "\($0.value.grouped) \($0.key)"
    }
    func median(_ value: (JobRow) -> Double?) -> Double? { Quartiles(tasks.compactMap(value))?.median }
    func time(_ value: (JobRow) -> Int?) -> String {
      median { value($0).map(Double.init) }.map { shortDuration($0) } ?? "-"
    }
    func sum(_ value: (JobRow) -> Int64?) -> String {
      let values = tasks.compactMap(value)
      return values.isEmpty ? "-" : humanSize(values.reduce(0) { $0 + Double($1) })
    }
    let nodes = Set(tasks.compactMap(\.nodes))
    let hasStarted = tasks.contains { $0.startTime != nil }
    return [
      "\(first.arrayJobID.map(String.init) ?? first.id) (\(number(count, "task")))",
      (first.name ?? "").shortened(to: 24), state.joined(separator: ", "), time(\.waitSeconds),
      time(\.elapsedSeconds), time(\.timeLimitSeconds),
      median(\.cpuUse).map(percent) ?? (hasStarted ? "not known" : "-"),
      median(\.memoryUse).map(percent) ?? (hasStarted ? "not sampled" : "-"), sum(\.readBytes),
      sum(\.writtenBytes),
      nodes.count == 1
        ? (nodes.first ?? "-").shortened(to: 24) : nodes.isEmpty ? "-" : "\(nodes.count) nodes",
    ]
  }
}

extension JobRow {
  /// The CPU use in words. A job that has not ended has none yet, and one that ran for no whole second has none.
  var cpuText: String {
    cpuUse.map(percent) ?? (state.isActive || elapsedSeconds ?? 0 == 0 ? "-" : "not known")
  }

  var memoryText: String {
    if let memoryUse { return percent(memoryUse) }
    if let memoryUsedBytes { return memory(Double(memoryUsedBytes)) }
    return state.isActive || startTime == nil ? "-" : isMemoryNotSampled ? "not sampled" : "not known"
  }
}
