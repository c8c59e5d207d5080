internal import ProcessSampling
internal import ResilientIO
internal import SlurmJobs

/// A task of a step on this node, or the script of a batch job, as its prolog and epilog know it. From the environment
/// that Slurm gives them.
struct StepMember: Sendable {
  let step: StepName
  /// Rank of the task in the step; 0 for the script of a batch job.
  let procID: Int
  /// The process of the task. Nil in the epilog.
  let pid: Int32?

  /// Nil if the environment is not of a task.
  init?(_ environment: [String: String]) {
    guard let job = environment["SLURM_JOB_ID"].flatMap({ UInt32($0) }) else { return nil }
    // Not each release sets it for the script of a batch job.
    guard let name = environment["SLURM_STEP_ID"].map(StepNumber.name) ?? "batch" else { return nil }
    step = StepName(job: job, step: name)
    procID = environment["SLURM_PROCID"].flatMap { Int($0) } ?? 0
    pid = environment["SLURM_TASK_PID"].flatMap { Int32($0) }
    node = (environment["SLURMD_NODENAME"] ?? "").filter { $0.isASCII && $0 != "/" && $0 != "\0" }
    taskCount = Self.taskCount(environment, isScript: name == "batch")
    restarts = environment["SLURM_RESTART_COUNT"].flatMap { Int($0) } ?? 0
  }

  /// How many tasks the step has on this node. Nil if Slurm does not tell.
  let taskCount: Int?

  /// How often the job was requeued: its steps have the same numbers again.
  private let restarts: Int

  /// The node's name, of which several can be one host.
  private let node: String

  /// The name of the folder in the spool by which the tasks of the step on this node find each other. Hidden, because
  /// it is no folder of a run.
  var folderName: String {
    let name = "\(SpoolFolder.sharedStart)\(step.job).\(step.step ?? "")-\(node)"
    return restarts > 0 ? "\(name)-restart\(restarts)" : name
  }

  /// The number for this node in a list such as `2(x3),1`: three nodes with two tasks each and one with one.
  private static func taskCount(_ environment: [String: String], isScript: Bool) -> Int? {
    if isScript { return 1 }
    guard var place = environment["SLURM_NODEID"].flatMap({ Int($0) }), place >= 0 else { return nil }
    for part in (environment["SLURM_STEP_TASKS_PER_NODE"] ?? "").split(separator: ",") {
      let words = part.split(separator: "(x")
      guard let count = words.first.flatMap({ Int($0) }) else { return nil }
      let nodes = words.count == 1 ? 1 : Int(words[1].dropLast()) ?? 0
      if place < nodes { return count }
      place -= nodes
    }
    return nil
  }
}
