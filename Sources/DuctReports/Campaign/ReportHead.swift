internal import RecordText
internal import SlurmJobs

/// What a report says of the campaign as a whole.
struct ReportHead: WrittenRecord {
  struct StateCount: WrittenRecord {
    var state: JobState
    var count: Int

    mutating func list(_ members: inout RecordMembers) {
      members("state", &state)
      members("count", &count)
    }
  }

  /// The campaign of all runs; nil if they have none, or not the same.
  var campaign: String?
  /// Did all run? One sentence.
  var verdict: String
  var verdictKind: ReportVerdict.Kind
  var runs: [ReportRun]
  var users: [String]
  var clusters: [String]
  /// Seconds since 1970.
  var firstSubmission: Int?
  /// Seconds since 1970; nil also while a job has not ended.
  var lastEnd: Int?
  /// Jobs and array tasks.
  var jobCount: Int
  var states: [StateCount]
  /// Jobs that the runs themselves cancelled: see `OwnCancellation`.
  var jobsCancelledByRun: Int
  var totals: ReportTotals
  /// The states that the report was asked to be about; nil: all.
  var onlyStates: [String]?
  /// Number of jobs whose state may be old, because Slurm could not be asked.
  var staleJobs: Int
  /// When the first of them was last seen, in seconds since 1970.
  var staleSince: Double?
  /// Number of entries in the records that cannot be read; nil if there are none.
  var unreadableJobs: Int?
  /// Why records could not be read, a line for each; nil if all could.
  var unreadRecords: [String]?
  /// Why Slurm did not answer everything; nil if it did.
  var problem: String?

  init(
    _ runs: [ReportRun], _ rows: [JobRow], onlyStates: [String]?, unreadableJobs: Int,
    unreadRecords: [String], problem: String?
  ) {
    self.runs = runs
    let campaigns = Set(runs.map(\.campaign))
    campaign = campaigns.count == 1 ? campaigns.first ?? nil : nil
    users = Set(rows.compactMap(\.user)).sorted()
    clusters = Set(rows.compactMap(\.cluster)).sorted()
    firstSubmission = rows.lazy.compactMap(Self.firstSubmission).min()
    let isOver = rows.allSatisfy { $0.standing != .active && !$0.state.isActive }
    lastEnd = isOver ? rows.lazy.compactMap(\.endTime).max() : nil
    let counts = rows.reduce(into: [JobState: Int]()) { $0[$1.state, default: 0] += $1.count }
    states = counts.sorted { JobState.displayOrder($0.key, $1.key) }.map {
      StateCount(state: $0.key, count: $0.value)
    }
    jobCount = counts.values.reduce(0, +)
    jobsCancelledByRun = Self.count(rows, .cancelledByRun)
    totals = ReportTotals(rows)
    self.onlyStates = onlyStates
    staleJobs = rows.reduce(0) { $0 + ($1.stale ? $1.count : 0) }
    staleSince = rows.lazy.compactMap { $0.stale ? $0.lastSeen : nil }.min()
    self.unreadableJobs = unreadableJobs > 0 ? unreadableJobs : nil
    self.unreadRecords = unreadRecords.isEmpty ? nil : unreadRecords
    self.problem = problem
    let verdict = ReportVerdict(
      rows, runs, onlyStates: onlyStates, unreadableJobs: unreadableJobs, unreadRecords: unreadRecords.count,
      problem: problem)
    (self.verdict, verdictKind) = (verdict.text, verdict.kind)
  }

  /// A requeue sets a new submit time.
  private static func firstSubmission(of row: JobRow) -> Int? {
    guard (row.restarts ?? 0) > 0 else { return row.submitTime }
    return (row.earlierRuns.map(\.submitTime) + [row.submitTime]).compactMap { $0 }.min()
  }

  static func count(_ rows: [JobRow], _ standing: JobRow.Standing) -> Int {
    rows.reduce(0) { $0 + ($1.standing == standing ? $1.count : 0) }
  }

  mutating func list(_ members: inout RecordMembers) {
    members("campaign", &campaign)
    members("verdict", &verdict)
    members("runs", &runs)
    members("users", &users)
    members("clusters", &clusters)
    members("first_submit_time", &firstSubmission)
    members("last_end_time", &lastEnd)
    members("job_count", &jobCount)
    members("states", &states)
    members("jobs_cancelled_by_run", &jobsCancelledByRun)
    members("totals", &totals)
    members("only_states", &onlyStates)
    members("stale_jobs", &staleJobs)
    members("stale_since", &staleSince)
    members("unreadable_jobs", &unreadableJobs)
    members("unread_records", &unreadRecords)
    members("problem", &problem)
  }
}
