internal import DuctRecords
internal import SlurmJobs

/// The rows of a report, each job once.
struct JobRows {
  private struct Key: Hashable {
    var cluster: String?
    var id: UInt32
    var task: UInt32?
    var tasks: String?
    var submitTime: Int?

    init(_ job: JobRecord) {
      cluster = job.cluster
      id = job.arrayJobID ?? job.jobID ?? 0
      task = job.arrayTaskID
      tasks = job.arrayTasks
      submitTime = job.submitTime
    }
  }

  /// Where the job of a row is: by its indices, because a copy of each job would be large.
  private struct Place {
    var source: Int
    var job: Int
  }

  private(set) var rows: [JobRow] = []
  private var places: [Place] = []
  private let sources: [ReportSource]

  /// - Parameter runs: for each source, the index of its run in the report.
  init(_ sources: [ReportSource], runs: [Int?]) {
    let count = sources.reduce(0) { $0 + $1.jobs.count }
    self.sources = sources
    rows.reserveCapacity(count)
    places.reserveCapacity(count)
    var known: [Key: Int] = [:]
    var scripts = ScriptNames()
    for (index, source) in sources.enumerated() {
      let own = OwnCancellation(source.run)
      // By their indices, because a copy of each job would be large.
      for place in source.jobs.indices {
        let row = JobRow(
          source.jobs[place], run: runs[index],
          script: source.jobs[place].submitLine.flatMap { scripts.script(of: $0) },
          isOwnCancellation: own?.isOf(source.jobs[place]) ?? false)
        // A run and a duct within one of its jobs can both name a job.
        if sources.count > 1 {
          let key = Key(source.jobs[place])
          if let same = known[key] {
            guard (row.lastSeen ?? 0) > (rows[same].lastSeen ?? 0) else { continue }
            (rows[same], places[same]) = (row, Place(source: index, job: place))
            continue
          }
          known[key] = rows.count
        }
        rows.append(row)
        places.append(Place(source: index, job: place))
      }
    }
  }

  /// The job of a row.
  func job(_ row: Int) -> JobRecord { sources[places[row].source].jobs[places[row].job] }

  /// What the row's job is from.
  func source(_ row: Int) -> ReportSource { sources[places[row].source] }
}
