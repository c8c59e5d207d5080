internal import DuctRecords
internal import RecordText

/// A step of a job, with its tasks and how they differ: from the records of its nodes, or of its tasks.
struct ReportStep: WrittenRecord {
  /// The cluster of the job; nil if no record tells.
  var cluster: String?
  /// `118.0`, and after a requeue `118.0 (restart 1)`.
  var id: String
  /// What its tasks execute. Nil if that is not known of the step as a whole.
  var command: String?
  /// The states of its records: `finished`, or `2 finished, 1 running`.
  var state: String
  /// Those of which there are records, by name.
  var nodes: [String]
  /// How many nodes the step has. Nil if no record tells.
  var nodeCount: Int?
  /// The nodes of which there are no records. Nil if no record tells all nodes.
  var missingNodes: [String]?
  /// How many tasks the step has. Nil if no record tells.
  var taskCount: Int?
  /// Those of which there are records, by rank.
  var tasks: [StepTaskRow]
  /// How long the step ran, in seconds, from its own record. Nil if it has none, or goes on.
  var wallSeconds: Double?
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
      .filter { !$0.nodes.isEmpty || $0.tasks.count > 1 || $0.own != nil }
      .map { step in
        ReportStep(
          step.key, (step.nodes + step.tasks).map { runs[$0] }, own: step.own.map { runs[$0] },
          isDivided: step.isDivided)
      }
      .filter { !$0.tasks.isEmpty || $0.isNoted }
      .sorted { $0.id.isBefore($1.id) }
  }

  /// Whether srun's prolog has let duct note it, so that it is known also if no task is.
  private let isNoted: Bool

  /// A task has several runs. They are rows of the table of runs.
  let isDivided: Bool

  /// - Parameter own: the record of the step itself.
  private init(_ key: StepKey, _ records: [RecordedRun], own: RecordedRun?, isDivided: Bool) {
    self.isDivided = isDivided
    wallSeconds = own?.summary?["wall_clock_time"]?.double.flatMap { $0.isFinite ? $0 : nil }
    let all = (own.map { [$0] } ?? []) + records
    isNoted = own != nil
    cluster = key.cluster
    let restarts = key.restarts.flatMap { Int($0) } ?? 0
    id = "\(key.job).\(key.step)" + (restarts > 0 ? " (restart \(restarts))" : "")
    prefixes = Set(all.map(\.prefix))
    let commands = own.map { [$0.command] } ?? Set(records.map(\.command)).sorted()
    command = commands.count == 1 && !commands[0].hasPrefix("step ") ? commands[0] : nil
    state = Self.states(all)
    // A duct can stand in front of a task that is in the table of its node, too. Its own record knows more.
    var byRank: [Int: StepTaskRow] = [:]
    for task in records.flatMap(StepTaskRow.rows) where byRank[task.rank]?.prefix == nil {
      byRank[task.rank] = task
    }
    let tasks = byRank.values.sorted { $0.rank < $1.rank }
    self.tasks = tasks
    let nodes = Set(tasks.compactMap(\.node)).sorted { $0.isBefore($1) }
    self.nodes = nodes
    func first<Value>(_ value: (RecordedRun) -> Value?) -> Value? { all.lazy.compactMap(value).first }
    taskCount = first { $0.count("step_task_count") ?? $0.count("SLURM_STEP_NUM_TASKS") }
    let list = first { ($0.find("step_node_list") ?? $0.find("SLURM_STEP_NODELIST"))?.string }
    let names = list.flatMap(NodeNames.unfold)
    nodeCount = first { $0.count("step_node_count") ?? $0.count("SLURM_STEP_NUM_NODES") } ?? names?.count
    missingNodes = names?.filter { !nodes.contains($0) }
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

  private static func states(_ records: [RecordedRun]) -> String {
    var counts: [String: Int] = [:]
    for record in records { counts[record.presentState ?? "not known", default: 0] += 1 }
    if counts.count == 1 { return counts.keys.first ?? "" }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.value.grouped) \($0.key)" }.joined(separator: ", ")
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
    var recorded = tasks.count
    members("cluster", &cluster)
    members("step", &id)
    members("command", &command)
    members("state", &state)
    members("nodes", &nodes)
    members("node_count", &nodeCount)
    members("missing_nodes", &missingNodes)
    members("task_count", &taskCount)
    members("recorded_tasks", &recorded)
    members("step_seconds", &wallSeconds)
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

extension RecordedRun {
  /// A member that is a number of something: an integer, or its digits in a variable.
  fileprivate func count(_ name: String) -> Int? {
    guard let value = find(name) else { return nil }
    return value.string.map { Int($0) } ?? value.double.flatMap { Int(exactly: $0) }
  }
}
