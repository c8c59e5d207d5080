extension EndCause {
  /// What the job's user can do: an imperative sentence without a full stop. Nil if duct knows nothing better than to
  /// read the job's output, or if only time helps.
  public var advice: String? {
    switch self {
    case .outOfMemory, .probablyOutOfMemory, .stepFailed(.outOfMemory), .stepFailed(.probablyOutOfMemory):
      "Ask for more memory (--mem)"
    case .timeLimit: "Ask for a longer time limit (--time)"
    case .nodeFailure, .bootFailure: "Submit it again"
    case .deadline: "Ask for a shorter time limit or a later deadline"
    case .preempted: "Submit it again, or have Slurm do so (--requeue)"
    case .neverStarts(let reason): StateReason(reason).advice
    case .failed(let reason), .waiting(let reason): reason.flatMap { StateReason($0).advice }
    case .completed, .stepFailed, .exitCode, .signal, .cancelled, .cancelledWhileWaiting, .running,
      .suspended,
      .unknown:
      nil
    }
  }
}
