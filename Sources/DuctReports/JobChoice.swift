public import SlurmJobs

/// Which jobs a command line asks for.
public struct JobChoice: Sendable {
  /// Only jobs in one of these states; nil: in any.
  public var states: Set<JobState>?
  /// Only jobs that failed, or of which a step failed.
  public var onlyFailed = false
  /// Only jobs of this cluster, in lower case; nil: of any.
  public var cluster: String?

  public init() {}

  /// Every job is asked for.
  public var isOfAll: Bool { states == nil && !onlyFailed && cluster == nil }

  public func contains(_ job: JobRecord) -> Bool {
    (!onlyFailed || job.hasFailed) && states?.contains(job.state) != false
      && (cluster == nil || job.cluster?.lowercased() == cluster)
  }
}
