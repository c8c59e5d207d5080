/// Which jobs of a user a question is about. Whoever answers leaves out what cannot be meant before it makes anything
/// of it: a user can have tens of thousands of jobs that are none of the run's.
///
/// What is left is not yet the run's: `JobDetection` decides that.
public struct JobScope: Codable, Sendable, Equatable {
  /// Tags whose jobs are meant whatever else they are.
  public var tags: Set<String> = []
  /// Jobs, arrays and heterogeneous jobs that are meant likewise.
  public var ids: Set<UInt32> = []
  /// Seconds since 1970 by slurmctld's clock: jobs that were submitted since may be the run's. Nil where these are not
  /// meant.
  public var since: Int?
  /// Sessions whose jobs are not the run's.
  public var otherSessions: Set<UInt32> = []

  public init() {}

  enum CodingKeys: String, CodingKey {
    case tags, ids, since
    case otherSessions = "other_sessions"
  }

  /// - Parameters:
  ///   - ids: of the job, of its array and of its heterogeneous job; 0 for none.
  ///   - submit: seconds since 1970.
  ///   - sid: the session of the submitting process.
  public func contains(ids: [UInt32], submit: Int64, sid: UInt32, wckey: () -> String?) -> Bool {
    if ids.contains(where: { $0 != 0 && self.ids.contains($0) }) { return true }
    let run = JobTag.runID(of: wckey())
    if let run, tags.contains(JobTag.tag(ofRun: run)) { return true }
    guard let since else { return false }
    return run == nil && submit >= Int64(since) && !otherSessions.contains(sid)
  }

  public func contains(_ job: SlurmJobFields) -> Bool {
    contains(
      ids: [job.jobID, job.arrayJobID ?? 0, job.hetJobID ?? 0], submit: Int64(job.submitTime ?? 0),
      sid: job.allocSID ?? 0, wckey: { job.wckey })
  }
}
