internal import DuctRecords
internal import DuctSettings
internal import ResilientIO
internal import SlurmJobs

/// A step as the prolog and the epilog of srun know it, from the environment that srun gives them.
struct SrunStep: Sendable {
  let job: UInt32
  let step: String
  let description: StepDescription
  private let restarts: Int

  /// Nil if the environment is not of a step.
  init?(_ environment: [String: String]) {
    guard let job = environment["SLURM_JOB_ID"].flatMap({ UInt32($0) }),
      let step = environment["SLURM_STEP_ID"].flatMap(StepNumber.name)
    else { return nil }
    (self.job, self.step) = (job, step)
    restarts = environment["SLURM_RESTART_COUNT"].flatMap { Int($0) } ?? 0
    description = Self.description(environment)
  }

  /// In a job, SLURM_NODELIST and SLURM_NNODES can be those of the whole job; SLURM_TASKS_PER_NODE is the step's. Of a
  /// step with several components, srun tells those of one.
  private static func description(_ environment: [String: String]) -> StepDescription {
    if environment["SLURM_HET_SIZE"] != nil {
      return StepDescription(nodeList: nil, nodeCount: nil, taskCount: nil)
    }
    let nodes = environment["SLURM_TASKS_PER_NODE"].flatMap(nodeCount)
    let all = environment["SLURM_NNODES"].flatMap { Int($0) }
    return StepDescription(
      nodeList: nodes != nil && nodes == all ? environment["SLURM_NODELIST"] : nil, nodeCount: nodes,
      taskCount: environment["SLURM_NTASKS"].flatMap { Int($0) })
  }

  /// The number of nodes in `2,1(x2)`: 3. Nil if it is not of this form.
  static func nodeCount(_ tasksPerNode: String) -> Int? {
    var count = 0
    for part in tasksPerNode.split(separator: ",") {
      let pieces = part.split(separator: "(")
      guard let first = pieces.first, Int(first) != nil, pieces.count <= 2 else { return nil }
      if pieces.count == 1 {
        count += 1
      } else if pieces[1].hasPrefix("x"), pieces[1].hasSuffix(")"),
        let times = Int(pieces[1].dropFirst().dropLast())
      {
        guard times > 0, times <= 1 << 20 else { return nil }
        count += times
      } else {
        return nil
      }
    }
    return count > 0 ? count : nil
  }

  /// The name of the folder in the spool by which prolog, watch and epilog find each other. A node's folder has a `-`
  /// behind the step, so no node can have this name.
  var folderName: String {
    "\(SpoolFolder.sharedStart)\(job).\(step)+srun" + (restarts > 0 ? "-restart\(restarts)" : "")
  }

  /// The surroundings without what is of another step: in the script of a batch job, srun hands on the script's own.
  func own(_ surroundings: Surroundings) -> Surroundings {
    surroundings.without([
      "SLURM_PROCID", "SLURM_LOCALID", "SLURM_TASK_PID", "SLURM_NODEID", "SLURMD_NODENAME",
    ])
  }
}
