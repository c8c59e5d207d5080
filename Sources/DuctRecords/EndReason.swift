public import SlurmJobs

/// Why a run ended: `end_reason` of info.json.
public enum EndReason: String, Sendable, CaseIterable {
  /// The command ended by itself, with an exit code.
  case exited
  /// A signal ended the command, and Slurm does not say more about it.
  case signaled

  // The command ended, by a signal or after duct had got SIGTERM, and slurmctld told what it does with the job that
  // duct runs in.

  /// The job reached its time limit.
  case timeLimit = "time_limit"
  /// Somebody cancelled the job.
  case cancelled
  /// The job had to make room for another one.
  case preempted
  /// Slurm put the job back into its queue, for example by `scontrol requeue`. It runs again.
  case requeued
  /// A node of the job failed.
  case nodeFailed = "node_failed"
  /// The job used more memory than it may.
  case outOfMemory = "out_of_memory"
  /// The job reached the time of `sbatch --deadline`.
  case deadline

  // Of processes that duct is attached to.

  /// The last of the processes ended.
  case ended
  /// A signal told duct to end. The processes went on.
  case detached

  // Of records that duct could not finish. Its relay or `con-duct recover` did.

  /// duct was killed.
  case killed
  /// The host was booted since the run began.
  case hostRebooted = "host_rebooted"
}

extension EndReason {
  /// What Slurm does with the job that duct runs in. Nil if the job goes on, or if it ends for another reason: then the
  /// end of the command says more than Slurm.
  ///
  /// - Parameters:
  ///   - job: as slurmctld has it while the processes of the job are being ended.
  ///   - restarts: how many times the job had been requeued when duct began.
  public init?(_ job: JobRecord, restarts: Int) {
    let isBack = job.state == .pending || !JobStateFlag.requeues.isDisjoint(with: job.stateFlags)
    if (job.restarts ?? 0) > restarts || isBack {
      self = job.state == .preempted ? .preempted : .requeued
      return
    }
    switch EndCause(job) {
    case .timeLimit: self = .timeLimit
    case .outOfMemory: self = .outOfMemory
    case .nodeFailure, .bootFailure: self = .nodeFailed
    case .deadline: self = .deadline
    case .preempted: self = .preempted
    case .cancelled, .cancelledWhileWaiting: self = .cancelled
    // squeue prints COMPLETING in place of the state.
    case .running where job.isCompleting && job.stateReason == "TimeLimit": self = .timeLimit
    default: return nil
    }
  }
}

extension EndReason {
  /// Whether the job ends, and squeue does not say how: it prints COMPLETING in place of the state.
  public static func isHidden(_ job: JobRecord) -> Bool { job.state == .running && job.isCompleting }
}

extension JobRecord {
  fileprivate var isCompleting: Bool { stateFlags.contains(JobStateFlag.completing) }
}
