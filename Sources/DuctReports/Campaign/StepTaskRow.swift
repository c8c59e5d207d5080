internal import DuctRecords
internal import RecordText

/// A task of a step, as a report shows it: from the table that a step's watch has recorded on its node, or from the
/// record of a duct that stood in front of the task's command.
struct StepTaskRow: WrittenRecord, Equatable {
  /// Below this share of one CPU, a task is idle.
  static let idleShare = 0.05
  /// Seconds. Of a task that ran for less, no sample may tell what it used.
  static let leastTime = 10.0

  /// Rank of the task in the step.
  var rank: Int
  var node: String?
  /// Seconds. Nil while the task runs, and if its end is not known.
  var elapsedSeconds: Double?
  var cpuSeconds: Double?
  var peakRSSBytes: Double?
  /// Nil if it is not known: Slurm tells nobody that of a single task.
  var exitCode: Int?
  /// The prefix of its own records. Nil for a task in the table of its node.
  var prefix: String?

  /// It used less than `idleShare` of one CPU while it ran. Nil if that is not known, or if it ran for a short time.
  var isIdle: Bool? {
    guard let cpuSeconds, let elapsedSeconds, elapsedSeconds >= Self.leastTime else { return nil }
    return cpuSeconds < elapsedSeconds * Self.idleShare
  }

  /// The tasks in a record: those of its table, or the one that it is of.
  static func rows(of run: RecordedRun) -> [StepTaskRow] {
    let node = run.find("own_node")?.string ?? run.info["system"]?["hostname"]?.string
    if let table = run.info["tasks"]?.array {
      return table.compactMap { StepTaskRow($0, node: node) }
    }
    guard let rank = StepKey.rank(of: run) else { return [] }
    let summary = run.summary
    return [
      StepTaskRow(
        rank: rank, node: node, elapsedSeconds: summary?["wall_clock_time"]?.finite,
        cpuSeconds: summary?["cpu_seconds"]?.finite, peakRSSBytes: summary?["peak_rss"]?.finite,
        exitCode: run.exitCode, prefix: run.prefix)
    ]
  }

  private init?(_ value: JSONValue, node: String?) {
    guard let rank = value["task_procid"]?.double.flatMap({ Int(exactly: $0) }) else { return nil }
    self.rank = rank
    self.node = node
    if let start = value["task_start_time"]?.finite, let end = value["task_end_time"]?.finite {
      elapsedSeconds = max(end - start, 0)
    }
    cpuSeconds = value["task_cpu_seconds"]?.finite
    peakRSSBytes = value["task_peak_rss"]?.finite
  }

  init(
    rank: Int, node: String?, elapsedSeconds: Double?, cpuSeconds: Double?, peakRSSBytes: Double?,
    exitCode: Int?,
    prefix: String?
  ) {
    (self.rank, self.node, self.exitCode, self.prefix) = (rank, node, exitCode, prefix)
    (self.elapsedSeconds, self.cpuSeconds, self.peakRSSBytes) = (elapsedSeconds, cpuSeconds, peakRSSBytes)
  }

  mutating func list(_ members: inout RecordMembers) {
    var isIdle = isIdle
    members("rank", &rank)
    members("node", &node)
    members("elapsed_seconds", &elapsedSeconds)
    members("cpu_seconds", &cpuSeconds)
    members("peak_rss_bytes", &peakRSSBytes)
    members("exit_code", &exitCode)
    members("is_idle", &isIdle)
    members("prefix", &prefix)
  }
}

extension JSONValue {
  fileprivate var finite: Double? { double.flatMap { $0.isFinite ? $0 : nil } }
}
