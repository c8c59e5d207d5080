public import RecordText

/// Selects the jobs of a user that a query is about. A user can have tens of thousands of jobs that are not the
/// run's, so the program that asks Slurm drops those before it converts any.
///
/// The jobs that remain are only candidates: `JobDetection` decides which of them are the run's.
public struct JobScope: Record, Equatable {
  /// Jobs with these tags are always selected.
  public var tags: Set<String> = []
  /// Jobs, arrays and heterogeneous jobs with these ids are always selected.
  public var ids: Set<UInt32> = []
  /// Jobs submitted since then may be the run's, in seconds since 1970 by slurmctld's clock. Nil: no job is
  /// selected by its submit time.
  public var since: Int?
  /// Sessions that are not the command's. `since` does not select their jobs.
  public var otherSessions: Set<UInt32> = []

  public init() {}

  public mutating func list(_ members: inout RecordMembers) {
    var (tags, ids, others) = (self.tags.sorted(), self.ids.sorted(), otherSessions.sorted())
    members("tags", &tags)
    members("ids", &ids)
    members("since", &since)
    members("other_sessions", &others)
    guard members.isReading else { return }
    (self.tags, self.ids, otherSessions) = (Set(tags), Set(ids), Set(others))
  }

  /// - Parameters:
  ///   - ids: those of the job, its array and its heterogeneous job; 0 if there is none.
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
