internal import RecordText

/// The steps for people: a row for each, with how its tasks differ.
struct StepTable {
  /// Rows of the table.
  private static let most = 100

  private let steps: [ReportStep]

  init(_ steps: [ReportStep]) { self.steps = steps }

  var table: TextTable {
    var table = TextTable([
      ("STEP", .left), ("RECORD", .left), ("NODES", .left), ("TASKS", .right), ("ELAPSED", .right),
      ("SLOWEST", .left), ("CPU", .right), ("PEAK MEM", .right), ("FATTEST", .left), ("IDLE", .right),
      ("FAILED", .right), ("COMMAND", .left),
    ])
    for step in steps.prefix(Self.most) {
      let words = StepWords(step)
      table.add([
        step.id, step.state, words.nodes, words.tasks, words.elapsed, words.slowest, words.cpu,
        words.memory, words.fattest, words.idle, words.failed, words.command,
      ])
    }
    return table
  }

  /// What the table leaves out, and what is missing in its rows.
  var remarks: [String] {
    let rest = steps.count - Self.most
    var lines = rest > 0 ? ["\(rest.grouped) more steps: the form json has all."] : []
    // Only srun's prolog was on, and there can be hundreds of them.
    let bare = steps.filter { $0.tasks.isEmpty && !$0.isDivided }
    if !bare.isEmpty {
      let which = bare.count == 1 ? "step \(bare[0].id)" : number(bare.count, "step")
      lines.append(
        "\(which): no records of tasks, which the task prolog makes, or duct in front of their command")
    }
    let others = steps.prefix(Self.most).filter { !$0.tasks.isEmpty || $0.isDivided }
    return lines + others.compactMap { step in StepWords(step).missing.map { "step \(step.id): \($0)" } }
  }
}

/// The values of a step, in words.
struct StepWords {
  /// Nodes that are named.
  private static let mostNodes = 3

  private let step: ReportStep

  init(_ step: ReportStep) { self.step = step }

  /// `n1, n2`, or `n1, n2, n3 and 97 more`.
  var nodes: String {
    let names = step.nodes.isEmpty ? step.missingNodes ?? [] : step.nodes
    return names.isEmpty ? "-" : Self.list(names)
  }

  private static func list(_ names: [String]) -> String {
    let rest = names.count - mostNodes
    return names.prefix(mostNodes).joined(separator: ", ") + (rest > 0 ? " and \(rest.grouped) more" : "")
  }

  /// `64`, or `62 of 64` if there are records of some only; a dash if nothing is known of them.
  var tasks: String {
    let count = step.tasks.count
    guard let all = step.taskCount, all != count else { return count == 0 ? "-" : count.grouped }
    return count == 0 ? all.grouped : "\(count.grouped) of \(all.grouped)"
  }

  var command: String { step.command?.shortened(to: 40) ?? "-" }

  /// Of which nodes and tasks there are no records. Nil if none is missing.
  var missing: String? {
    if step.isDivided { return "its tasks have several runs each, which are listed one by one" }
    if step.tasks.isEmpty { return "no records of its tasks" }
    if let all = step.nodeCount, step.nodes.count < all {
      let missing = step.missingNodes ?? []
      let names = missing.isEmpty ? "" : ": none of \(Self.list(missing))"
      return "\(number(all, "node")), records of \(step.nodes.count.grouped)\(names)"
    }
    guard let all = step.taskCount, step.tasks.count < all else { return nil }
    return "\(number(all, "task")), records of \(step.tasks.count.grouped)"
  }

  var elapsed: String {
    if step.elapsedSeconds == nil, let seconds = step.wallSeconds { return shortDuration(seconds) }
    return range(step.elapsedSeconds, shortDuration)
  }
  var cpu: String { range(step.cpuSeconds, shortDuration) }
  var memory: String { range(step.peakRSSBytes) { DuctReports.memory($0) } }
  var slowest: String { task(step.slowest) }
  var fattest: String { task(step.fattest) }
  var failed: String { step.failedCount.map(\.grouped) ?? "-" }
  var idle: String { step.idleCount.map(\.grouped) ?? "-" }

  private func range(_ quartiles: Quartiles?, _ text: (Double) -> String) -> String {
    guard let quartiles else { return "-" }
    let (median, largest) = (text(quartiles.median), text(quartiles.largest))
    return median == largest ? median : "\(median) … \(largest)"
  }

  /// `task 7 on n2`; a dash for a single task, which is no extreme.
  private func task(_ rank: Int?) -> String {
    guard step.tasks.count > 1, let task = step.task(rank) else { return "-" }
    return "task \(task.rank)" + (task.node.map { " on \($0)" } ?? "")
  }
}
