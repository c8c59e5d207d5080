internal import RecordText

/// The steps for people: a row for each, with how its tasks differ.
struct StepTable {
  /// Rows of the table.
  private static let most = 100

  private let steps: [ReportStep]

  init(_ steps: [ReportStep]) { self.steps = steps }

  var table: TextTable {
    var table = TextTable([
      ("STEP", .left), ("NODES", .left), ("TASKS", .right), ("ELAPSED", .right), ("SLOWEST", .left),
      ("CPU", .right), ("PEAK MEM", .right), ("FATTEST", .left), ("IDLE", .right), ("FAILED", .right),
    ])
    for step in steps.prefix(Self.most) {
      let words = StepWords(step)
      table.add([
        step.id, words.nodes, step.tasks.count.grouped, words.elapsed, words.slowest, words.cpu,
        words.memory, words.fattest, words.idle, words.failed,
      ])
    }
    return table
  }

  /// What the table leaves out.
  var rest: String? {
    let rest = steps.count - Self.most
    return rest > 0 ? "\(rest.grouped) more steps: the form json has all." : nil
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
    if step.nodes.isEmpty { return "-" }
    let rest = step.nodes.count - Self.mostNodes
    let names = step.nodes.prefix(Self.mostNodes).joined(separator: ", ")
    return rest > 0 ? "\(names) and \(rest.grouped) more" : names
  }

  var elapsed: String { range(step.elapsedSeconds, shortDuration) }
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
