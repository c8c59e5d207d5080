internal import DuctRecords
internal import RecordText

/// A step of a job, with its tasks and how they differ: from the records of its nodes, or of its tasks.
struct ReportStep: WrittenRecord {
  /// The cluster of the job; nil if no record tells.
  var cluster: String?
  /// `118.0`, and after a requeue `118.0 (restart 1)`.
  var id: String
  /// By name.
  var nodes: [String]
  /// By rank.
  var tasks: [StepTaskRow]
  /// Over the tasks of which the value is known.
  var elapsedSeconds: Quartiles?
  var cpuSeconds: Quartiles?
  var peakRSSBytes: Quartiles?
  /// The rank of the task that took the longest.
  var slowest: Int?
  /// The rank of the task with the most memory.
  var fattest: Int?
  /// How many tasks were idle; nil if that is known of none.
  var idleCount: Int?
  /// How many tasks ended with another exit code than 0; nil if that is known of none.
  var failedCount: Int?
  /// The prefixes of the records that it is made of.
  private(set) var prefixes: Set<String>

  /// The steps of these runs, in the order of jobs and steps. A single run in a step is no step of its own.
  static func steps(_ runs: [RecordedRun]) -> [ReportStep] {
    StepRuns.of(runs)
      .filter { !$0.nodes.isEmpty || $0.tasks.count > 1 }
      .map { step in ReportStep(step.key, (step.nodes + step.tasks).map { runs[$0] }) }
      .filter { !$0.tasks.isEmpty }
      .sorted { $0.id.isBefore($1.id) }
  }

  private init(_ key: StepKey, _ records: [RecordedRun]) {
    cluster = key.cluster
    let restarts = key.restarts.flatMap { Int($0) } ?? 0
    id = "\(key.job).\(key.step)" + (restarts > 0 ? " (restart \(restarts))" : "")
    prefixes = Set(records.map(\.prefix))
    // A duct can stand in front of a task that is in the table of its node, too. Its own record knows more.
    var byRank: [Int: StepTaskRow] = [:]
    for task in records.flatMap(StepTaskRow.rows) where byRank[task.rank]?.prefix == nil {
      byRank[task.rank] = task
    }
    let tasks = byRank.values.sorted { $0.rank < $1.rank }
    self.tasks = tasks
    nodes = Set(tasks.compactMap(\.node)).sorted { $0.isBefore($1) }
    elapsedSeconds = Quartiles(tasks.compactMap(\.elapsedSeconds))
    cpuSeconds = Quartiles(tasks.compactMap(\.cpuSeconds))
    peakRSSBytes = Quartiles(tasks.compactMap(\.peakRSSBytes))
    slowest = Self.largest(tasks, \.elapsedSeconds)
    fattest = Self.largest(tasks, \.peakRSSBytes)
    let idle = tasks.compactMap(\.isIdle)
    idleCount = idle.isEmpty ? nil : idle.count { $0 }
    let codes = tasks.compactMap(\.exitCode)
    failedCount = codes.isEmpty ? nil : codes.count { $0 != 0 }
  }

  /// The first of the tasks with the largest value.
  private static func largest(_ tasks: [StepTaskRow], _ value: (StepTaskRow) -> Double?) -> Int? {
    var best: (rank: Int, value: Double)?
    for task in tasks {
      if let value = value(task), value > best?.value ?? -.infinity { best = (task.rank, value) }
    }
    return best?.rank
  }

  func task(_ rank: Int?) -> StepTaskRow? { tasks.first { $0.rank == rank } }

  mutating func list(_ members: inout RecordMembers) {
    var count = tasks.count
    members("cluster", &cluster)
    members("step", &id)
    members("nodes", &nodes)
    members("task_count", &count)
    members("elapsed_seconds", &elapsedSeconds)
    members("cpu_seconds", &cpuSeconds)
    members("peak_rss_bytes", &peakRSSBytes)
    members("slowest_task", &slowest)
    members("fattest_task", &fattest)
    members("idle_tasks", &idleCount)
    members("failed_tasks", &failedCount)
    members("tasks", &tasks)
  }
}
