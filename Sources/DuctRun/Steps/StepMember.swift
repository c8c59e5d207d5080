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
    restarts = environment["SLURM_RESTART_COUNT"].flatMap { Int($0) } ?? 0
  }

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
}
