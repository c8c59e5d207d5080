public import DuctRecords
public import RecordText
public import SlurmJobs

/// `con-duct jobs`: the jobs of runs.
public struct JobListing: Sendable {
  public struct Run: WrittenRecord {
    var prefix: String?
    var runID: String?
    /// As `RecordedRun.presentState`; nil if no record was read.
    var state: String?
    var jobs: [JobRecord]
    /// Number of entries in the record that cannot be read; nil if there are none.
    var unreadableJobs: Int?
    /// Why not all of its jobs are known; nil if they are.
    var problem: String?
    /// Not shown.
    private(set) var campaign: String?
    /// Tells what the run cancelled itself; nil if that is not known. Not shown.
    private let own: OwnCancellation?

    /// - Parameter record: of the run; nil if it was not read.
    public init(
      prefix: String?, runID: String?, state: String? = nil, jobs: [JobRecord], unreadableJobs: Int = 0,
      problem: String? = nil, campaign: String? = nil, record: RecordedRun? = nil
    ) {
      self.prefix = prefix
      self.runID = runID
      self.state = state
      self.jobs = jobs
      self.unreadableJobs = unreadableJobs > 0 ? unreadableJobs : nil
      self.problem = problem
      self.campaign = campaign
      own = OwnCancellation(record)
    }

    fileprivate func chosen(_ choice: JobChoice) -> [JobRecord] {
      jobs.filter { choice.contains($0) && !(choice.onlyFailed && own?.isOf($0) == true) }
    }

    public mutating func list(_ members: inout RecordMembers) {
      members("prefix", &prefix)
      members("run_id", &runID)
      members("run_state", &state)
      members("jobs", &jobs)
      members("unreadable_jobs", &unreadableJobs)
      members("problem", &problem)
    }
  }

  var runs: [Run]
  /// Only some of the jobs are in it.
  private var isFiltered = false

  public init(_ runs: [Run]) { self.runs = runs }

  /// Only the chosen jobs, and only the runs that have such jobs or that may have some that are not known.
  public func filtered(_ choice: JobChoice) -> JobListing {
    if choice.isOfAll { return self }
    var listing = JobListing(
      runs.compactMap { run in
        var run = run
        run.jobs = run.chosen(choice)
        return run.jobs.isEmpty && run.problem == nil && run.unreadableJobs == nil ? nil : run
      })
    listing.isFiltered = true
    return listing
  }

  /// The jobs of each run, with its campaign.
  public var jobsByCampaign: [(jobs: [JobRecord], campaign: String?)] { runs.map { ($0.jobs, $0.campaign) } }

  /// All jobs, in the order of the runs.
  public var jobs: [JobRecord] { runs.flatMap(\.jobs) }

  public func json() -> String { String(decoding: runs.json(indent: 2), as: UTF8.self) + "\n" }

  var text: String { text(width: nil) }

  /// - Parameter width: columns of the terminal that tables must fit into; nil: any width.
  public func text(width: Int?) -> String {
    runs.map { run in
      var name = run.prefix ?? run.runID.map { "run \($0)" } ?? ""
      if let state = run.state, state != "finished" { name += " (\(state))" }
      let unreadable = run.unreadableJobs.map { "\($0) that cannot be read" }
      if run.jobs.isEmpty {
        // No jobs and no answer from Slurm are different results.
        let question = isFiltered ? "whether it has such Slurm jobs" : "which Slurm jobs it has"
        let unknown = run.problem.map { "\(question) is not known: \($0)" }
        let none = isFiltered ? "no such Slurm jobs are known" : "no Slurm jobs"
        let read = isFiltered ? unreadable.map { "\(none), but there are \($0)" } : unreadable
        return "\(name): \(read ?? unknown ?? none)".forDisplay + "\n"
      }
      let title = "\(name): \(JobSummary.text(run.jobs))" + (unreadable.map { ", and \($0)" } ?? "")
      return title.forDisplay + "\n" + Self.table(run.jobs).text(width: width)
    }.joined(separator: "\n")
  }

  private static func table(_ jobs: [JobRecord]) -> TextTable {
    var table = TextTable([
      ("JOBID", .left), ("NAME", .left), ("PARTITION", .left), ("STATE", .left), ("EXIT", .right),
      ("WAIT", .right), ("ELAPSED", .right), ("CPU", .right), ("MEM", .right), ("REQMEM", .right),
      ("REASON", .left),
    ])
    for job in jobs {
      table.add([
        job.displayID, (job.name ?? "").shortened(to: 24), job.partition ?? "", job.stateText,
        job.exitText, duration(job.waitSeconds), duration(job.elapsedSeconds),
        job.cpuSeconds.map { shortDuration($0.rounded()) } ?? "-",
        size(job.maxRSSAllTasksBytes ?? job.maxRSSBytes),
        size(job.memoryRequestedBytes), job.stateReason ?? "",
      ])
    }
    return table
  }

  private static func duration(_ seconds: Int?) -> String { seconds.map(shortDuration) ?? "-" }
  private static func size(_ bytes: Int64?) -> String { bytes.map { memory(Double($0)) } ?? "-" }
}

extension JobRecord {
  /// The state with its flags that matter here, and `?` if it may be old.
  var stateText: String {
    var text = state.rawValue
    if stateFlags.contains(JobStateFlag.completing) { text += " (completing)" }
    if let restarts, restarts > 0 { text += " (requeued \(restarts)x)" }
    return stale ? text + " ?" : text
  }

  /// `3` for exit code 3, `0:9` for signal 9, `-` if neither is known.
  var exitText: String {
    if let signal, signal != 0 { return "\(exitCode ?? 0):\(signal)" }
    return exitCode.map(String.init) ?? "-"
  }
}
