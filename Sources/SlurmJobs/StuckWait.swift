public import SystemCalls

/// Decides when nobody waits any longer for jobs that do not start by themselves.
///
/// slurmctld reports the reason that its last scheduling pass found, so a job that was just released still looks held. The
/// last of the other jobs may have released it. So the clock starts with the first answer in which only such jobs are
/// left, and starts anew when another one goes on.
public struct StuckWait: Sendable {
  /// Seconds.
  static let delay = 20.0

  private var since: MonotonicInstant?

  public init() {}

  /// Whether no job is left to wait for.
  ///
  /// - Parameters:
  ///   - jobs: as of the answer to a request that was sent at `asked`.
  ///   - isLost: whether Slurm does not know a job any more.
  public mutating func isOver(
    _ jobs: some Sequence<JobRecord>, asked: MonotonicInstant, isLost: (JobRecord) -> Bool
  ) -> Bool {
    var isStuck = false
    for job in jobs where !job.hasEnded && !isLost(job) {
      guard StateReason.neverStarts(job) else {
        since = nil
        return false
      }
      isStuck = true
    }
    if !isStuck { return true }
    let begin = since ?? asked
    since = begin
    return asked >= begin + Self.delay
  }
}
