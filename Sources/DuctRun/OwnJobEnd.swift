public import SlurmJobs

/// When the time limit ends the job that this process is in, by slurmctld: Slurm 22.05 does not tell it in the environment.
public struct OwnJobEnd: Sendable {
  private let id: UInt32

  /// Nil outside of a job.
  public init?(_ environment: [String: String]) {
    guard let id = environment["SLURM_JOB_ID"].flatMap({ UInt32($0) }) else { return nil }
    self.id = id
  }

  /// In seconds since 1970. Nil if there is no limit, or if Slurm does not answer.
  public func seconds(_ ask: (SlurmRequest) throws(SlurmFailure) -> SlurmAnswer) -> Double? {
    let answer = try? ask(.jobs(ids: [id]))
    return answer?.record(ofJob: id)?.latestEnd.map(Double.init)
  }
}
