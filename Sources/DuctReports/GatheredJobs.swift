public import DuctRecords
internal import SlurmJobs

/// What a report is about: runs with their jobs, and jobs of no run.
public struct GatheredJobs: Sendable {
  public private(set) var sources: [ReportSource] = []
  /// Why Slurm did not answer everything; nil if it did.
  public private(set) var problem: String?
  /// Something of what was asked for was not found.
  public var isIncomplete = false
  /// Why records could not be read, a line for each.
  public var unreadRecords: [String] = []

  public init() {}

  /// - Parameter refreshed: nil: the jobs are as recorded.
  public mutating func add(_ runs: [RecordedRun], _ refreshed: JobRefresh?) {
    let jobs = refreshed?.jobs ?? runs.map(\.jobs)
    sources += zip(runs, jobs).map { ReportSource($0, jobs: $1) }
    problem = problem ?? refreshed?.problem
  }

  /// Adds the jobs that a search has found and that no run has.
  public mutating func add(_ search: JobSearch) {
    problem = problem ?? search.problem
    let known = Set(sources.lazy.flatMap(\.jobs).map(Place.init))
    let others = search.jobs.filter { !known.contains(Place($0)) }
    if !others.isEmpty { sources.append(ReportSource(others, outputOwners: search.uids)) }
  }

  private struct Place: Hashable {
    var cluster: String?
    var id: UInt32?
    var task: UInt32?

    init(_ job: JobRecord) {
      cluster = job.cluster
      id = job.arrayJobID ?? job.jobID
      task = job.arrayTaskID
    }
  }
}

extension RecordedRun {
  /// Whether it began in a span of time, in seconds since 1970; nil is no bound. A run whose start is not known did.
  public func began(_ since: Int?, _ until: Int?) -> Bool {
    guard let start = summary?["start_time"]?.double else { return true }
    return since.map { start >= Double($0) } ?? true && until.map { start <= Double($0) } ?? true
  }
}
