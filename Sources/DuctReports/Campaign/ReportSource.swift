public import DuctRecords
public import SlurmJobs

/// Jobs that a report is about, and the run that submitted them.
public struct ReportSource: Sendable {
  /// Nil for jobs that duct did not wrap.
  public let run: RecordedRun?
  public let jobs: [JobRecord]
  /// Ids of the users whose files may be shown as output of the jobs.
  let outputOwners: Set<UInt32>

  /// - Parameter jobs: the run's jobs, as they are when the report is made.
  public init(_ run: RecordedRun, jobs: [JobRecord]) {
    self.run = run
    self.jobs = jobs
    outputOwners = run.outputOwners
  }

  /// Jobs without a run.
  public init(_ jobs: [JobRecord], outputOwners: Set<UInt32>) {
    run = nil
    self.jobs = jobs
    self.outputOwners = outputOwners
  }

  /// The same source with other jobs.
  public func with(jobs: [JobRecord]) -> ReportSource {
    run.map { ReportSource($0, jobs: jobs) } ?? ReportSource(jobs, outputOwners: outputOwners)
  }
}
