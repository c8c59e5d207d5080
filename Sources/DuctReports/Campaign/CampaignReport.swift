public import RecordText
internal import SlurmJobs

/// What became of the jobs of a campaign and what they cost: the one value that every form of `con-duct report` shows.
public struct CampaignReport: Sendable {
  /// The version of the members in JSON and of the columns in CSV: see docs/report.md.
  static let schemaVersion = "1.0"

  let head: ReportHead
  /// What needs attention, in the order of the jobs.
  private(set) var attention: [AttentionGroup]
  /// What the runs themselves cancelled: see `OwnCancellation`.
  let cancelledByRun: [AttentionGroup]
  /// By name first, and then by the other kinds.
  let groups: [JobGroup]
  let advice: [ReportAdvice]
  /// The steps that duct has watched, or in whose tasks it ran.
  let steps: [ReportStep]
  /// Nil unless another campaign was named.
  private(set) var comparison: CampaignComparison?
  /// In the order of the runs, and of each run sorted by cluster, id and task.
  let jobs: [JobRow]

  /// What a report is to have.
  public struct Contents: Sendable {
    /// Lines of a job's output. With 0, no output file is read.
    public var lines: Int
    /// Columns that these lines may have; nil: any.
    public var width: Int?
    /// Read the output files of all jobs that need attention, and not only of those that are shown in full.
    public var allOutputs = false
    /// The states that the jobs were selected by; nil if they were not.
    public var onlyStates: [String]?
    /// Why records could not be read, a line for each: their jobs are not in the report.
    public var unreadRecords: [String] = []

    public init(lines: Int, width: Int? = nil) {
      self.lines = lines
      self.width = width
    }
  }

  /// - Parameters:
  ///   - problem: why Slurm did not answer everything; nil if it did.
  public init(_ sources: [ReportSource], problem: String?, _ contents: Contents) {
    var runs: [ReportRun] = []
    let places = sources.map { source -> Int? in
      guard let run = source.run else { return nil }
      runs.append(ReportRun(run, jobs: JobSummary.count(source.jobs)))
      return runs.count - 1
    }
    let all = JobRows(sources, runs: places)
    jobs = all.rows
    let unreadable = sources.reduce(0) { $0 + ($1.run?.unreadableJobs ?? 0) }
    head = ReportHead(
      runs, jobs, onlyStates: contents.onlyStates, unreadableJobs: unreadable,
      unreadRecords: contents.unreadRecords, problem: problem)
    attention = AttentionGroup.groups(jobs, .attention)
    cancelledByRun = AttentionGroup.groups(jobs, .cancelledByRun)
    let grouped = JobGroups(jobs)
    groups = grouped.groups
    advice = AdviceRules(sources: sources, runs: runs, jobs: all, groups: grouped).advice
    steps = ReportStep.steps(sources.compactMap(\.run))
    addOutputs(all, contents)
  }

  /// The runs that are no part of a step, and those that have submitted jobs.
  var runsOutsideOfSteps: [ReportRun] {
    if steps.isEmpty { return head.runs }
    let inside = steps.reduce(into: Set<String>()) { $0.formUnion($1.prefixes) }
    return head.runs.filter { $0.jobs > 0 || !inside.contains($0.prefix) }
  }

  /// Adds a comparison with another campaign.
  public mutating func compare(with other: CampaignReport, named campaign: String) {
    comparison = CampaignComparison(campaign: campaign, before: other.jobs, after: jobs)
  }

  /// Reads the output files side by side: they can be many, on a slow file system.
  private mutating func addOutputs(_ all: JobRows, _ contents: Contents) {
    guard contents.lines > 0 else { return }
    // Each piece of work is some rows of an entry, until one has lines. If all are wanted, each row is one.
    let work = attention.enumerated().flatMap { index, group -> [(entry: Int, rows: ArraySlice<Int>)] in
      guard contents.allOutputs else { return [(index, group.rows.prefix(AttentionGroup.mostInFull))] }
      return group.rows.indices.map { (index, group.rows[$0...$0]) }
    }
    let read = SideBySide.map(work) { entry, rows in
      var outputs: [JobOutputEnd] = []
      for row in rows {
        guard
          let output = JobOutputEnd(
            all.job(row), of: all.source(row), lines: contents.lines, width: contents.width)
        else { continue }
        outputs.append(output)
        if !output.lines.isEmpty { break }
      }
      return outputs
    }
    for (part, outputs) in zip(work, read) { attention[part.entry].outputs += outputs }
  }
}

extension CampaignReport: WrittenRecord {
  public mutating func list(_ members: inout RecordMembers) {
    var version = Self.schemaVersion
    members("schema_version", &version)
    var (head, own, groups, advice, steps, jobs) = (head, cancelledByRun, groups, advice, steps, jobs)
    head.list(&members)
    members("attention", &attention)
    members("cancelled_by_run", &own)
    members("groups", &groups)
    members("advice", &advice)
    members("comparison", &comparison)
    members("steps", &steps)
    members("jobs", &jobs)
  }
}
