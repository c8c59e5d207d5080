/// Tells which jobs a run has cancelled itself, as dask-jobqueue and parsl end the workers that they need no more.
///
/// Such a job is no failure. All of this must hold:
/// - the run has finished, and its command ended with exit code 0;
/// - the state is CANCELLED, and accounting names the run's own user as the one who cancelled it;
/// - the job ended while the run went on, or at most `grace` before or after it.
///
/// A user who cancels a job by hand meanwhile looks the same to Slurm. But a command that needed the job's result does
/// not end with 0 then.
public struct OwnCancellation: Sendable {
  /// Seconds. A process that ignores SIGTERM is killed after KillWait, 30 s by default. Clocks of hosts differ, and
  /// Slurm's times are whole seconds: a job can seem to end before the run has begun.
  static let grace = 60.0

  private let uid: UInt32
  private let start: Double
  private let end: Double

  /// Of a run that has finished with exit code 0.
  ///
  /// - Parameters:
  ///   - uid: of its user.
  ///   - start: seconds since 1970.
  ///   - end: seconds since 1970.
  public init(uid: UInt32, start: Double, end: Double) {
    (self.uid, self.start, self.end) = (uid, start, end)
  }

  public func isOf(_ job: JobRecord) -> Bool {
    guard job.state == .cancelled, job.cancelledBy == uid, let time = job.endTime else { return false }
    return Double(time) >= start - Self.grace && Double(time) <= end + Self.grace
  }
}
