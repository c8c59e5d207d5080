internal import DuctRecords
internal import OrderedCollections

/// The runs that stand for the tasks of a step, by their places in a list of runs.
struct StepRuns {
  /// The members of a record that tell which step and task a run is of.
  static let fields = [
    "own_job_id", "own_step_id", "own_procid", "own_restart_count", "own_cluster", "run_id", "parent_run_id",
    "step_task_count",
  ]

  let key: StepKey
  /// The record of the step itself, which srun's prolog has started.
  private(set) var own: Int?
  /// Runs that have watched all tasks of the step on a node.
  private(set) var nodes: [Int] = []
  /// Runs in front of the command of a task, by the rank of the task. Empty if a task has several of them, as in a shell
  /// that srun has started: then none of them is the task.
  private(set) var tasks: [Int] = []
  /// A task has several runs, so that they stay runs of their own.
  private(set) var isDivided = false

  /// The steps, in the order of their first runs.
  static func of(_ runs: [RecordedRun]) -> [StepRuns] {
    var places: OrderedDictionary<StepKey, [Int]> = [:]
    for (place, run) in runs.enumerated() {
      if let key = StepKey(run) { places[key, default: []].append(place) }
    }
    return places.map { StepRuns($0, $1, runs) }
  }

  private init(_ key: StepKey, _ places: [Int], _ runs: [RecordedRun]) {
    self.key = key
    var ranks: [(place: Int, rank: Int)] = []
    for place in places {
      if let rank = StepKey.rank(of: runs[place]) {
        ranks.append((place, rank))
      } else if StepKey.isOfStep(runs[place]) {
        own = place
      } else {
        nodes.append(place)
      }
    }
    // A duct below that of the task is a part of the task.
    let ids = Set(ranks.compactMap { runs[$0.place].find("run_id")?.string })
    let outermost = ranks.filter { ranked in
      runs[ranked.place].find("parent_run_id")?.string.map { !ids.contains($0) } ?? true
    }
    isDivided = Set(outermost.map(\.rank)).count < outermost.count
    if isDivided { return }
    tasks = outermost.sorted { $0.rank < $1.rank }.map(\.place)
  }
}

/// Tells the steps of jobs apart.
struct StepKey: Hashable, Sendable {
  /// From the environment of the run: that is the same in all tasks, whether Slurm answered them or not.
  let cluster: String?
  let job: String
  let step: String
  /// How often the job was requeued before: its steps have the same numbers again.
  let restarts: String?

  /// Nil if the run is not of a step that srun has started.
  init?(_ run: RecordedRun) {
    guard let job = run.find("own_job_id")?.string, let step = run.find("own_step_id")?.string,
      Int(step).map({ $0 >= 0 && $0 < 0xFFFF_FFF0 }) == true
    else { return nil }
    cluster = run.find("own_cluster")?.string
    (self.job, self.step) = (job, step)
    restarts = run.find("own_restart_count")?.string
  }

  /// Whether the record is of the step itself, and not of its tasks. Its figures are those of srun.
  static func isOfStep(_ run: RecordedRun) -> Bool { run.find("step_task_count") != nil }

  /// The rank of the task that the run is of; nil if it is of all tasks on a node, or of the step.
  static func rank(of run: RecordedRun) -> Int? { run.find("own_procid")?.string.flatMap { Int($0) } }
}
