public import DuctRecords
public import DuctSettings
import Glibc
internal import RecordText
public import SlurmClient
public import SlurmJobs
internal import SystemCalls

/// Updates the jobs of recorded runs: one request to slurmctld for all of them, one to slurmdbd for the tags of up to
/// 100 runs that began within 30 days, and one per cluster for jobs that slurmctld does not know any more.
public struct JobRefresh: Sendable {
  /// The most settled runs that are asked for by tag.
  static let mostSettled = 100
  /// The most tags of one request. sacct gets them in one argument.
  static let mostTags = 100
  /// Seconds between the starts of the runs of one request by tag. slurmdbd searches all that happened since the first
  /// of them, so one old run would make the answer for many new ones slow.
  static let longestSpan = 30 * 86400
  /// The share of the remaining time for requests by tag. The rest is for those by id.
  private static let shareOfTags = 0.7

  /// The runs' jobs, in the order of the runs.
  public private(set) var jobs: [[JobRecord]]
  /// Why not everything is up to date; nil if everything is.
  public private(set) var problem: String?

  private let slurm: SlurmInquiry

  /// Asks for the jobs of `runs`.
  ///
  /// Jobs with the tag of a run count as its jobs even if its record does not name them: its jobs may have
  /// submitted them later, or the record may be older than they are.
  ///
  /// - Parameter limit: seconds for all requests together.
  public init(
    _ runs: [RecordedRun], _ surroundings: Surroundings, by: SlurmBy, limit: Double
  ) {
    jobs = runs.map(\.jobs)
    slurm = SlurmInquiry(surroundings, by: by, limit: limit)
    let start = WallTime.now.seconds
    let tags = runs.map { $0.tag }
    guard jobs.contains(where: { !$0.isEmpty }) || tags.contains(where: { $0 != nil }) else { return }

    var ledgers = jobs.map { JobLedger($0) }
    var scope = JobScope()
    scope.tags = Set(tags.compactMap { $0 })
    scope.ids = ledgers.reduce(into: []) { $0.formUnion($1.ids) }
    let controller = ask(.jobsOfUser(uid: getuid(), scope: scope))
    if let controller { Self.apply(controller, .slurmctld, tags, &ledgers) }
    let end = MonotonicInstant.now + slurm.secondsLeft * Self.shareOfTags
    for request in Self.requests(for: Self.askedByTag(runs).map { runs[$0] }) {
      if let answer = ask(request, limit: end.seconds(since: .now)) {
        Self.apply(answer, .slurmdbd, tags, &ledgers)
      }
    }
    lookUp(controller, tags, &ledgers)
    for index in ledgers.indices { ledgers[index].markStale(notSeenSince: start) }
    jobs = ledgers.map(\.jobs)
  }

  /// Asks slurmctld and slurmdbd for the jobs of a run by its tag alone.
  ///
  /// - Parameters:
  ///   - runID: a run id or a tag.
  ///   - limit: seconds for all requests together.
  public init(runID: String, _ surroundings: Surroundings, by: SlurmBy, limit: Double) {
    slurm = SlurmInquiry(surroundings, by: by, limit: limit)
    jobs = []
    let tag = runID.hasPrefix(JobTag.prefix) ? runID : JobTag.tag(ofRun: runID)
    var ledgers = [JobLedger()]
    var scope = JobScope()
    scope.tags = [tag]
    if let answer = ask(.jobsOfUser(uid: getuid(), scope: scope)) {
      Self.apply(answer, .slurmctld, [tag], &ledgers)
    }
    // The id contains a local time, which may be that of another time zone: begin a day earlier. For an id
    // without a time: from 1970 on.
    let since = JobTag.runID(of: tag).flatMap(RunID.startTime).map { $0 - 86400 } ?? 1
    if let answer = ask(.accountingOfUser(uid: getuid(), since: since, tags: [tag])) {
      Self.apply(answer, .slurmdbd, [tag], &ledgers)
    }
    jobs = ledgers.map(\.jobs)
  }

  /// The indices of the runs whose tags slurmdbd is asked for. Those come first that have most likely submitted
  /// jobs since their record was written.
  ///
  /// A run that is not settled can have submitted more: jobs that had not ended can submit jobs, and so can the
  /// command of a duct that was killed. In a settled run, only a process that the command left behind can do
  /// so. There may be many settled runs, so only the latest of them are asked for.
  static func askedByTag(_ runs: [RecordedRun]) -> [Int] {
    let tagged = runs.indices.filter { runs[$0].tag != nil }.sorted { runs[$0].since > runs[$1].since }
    return tagged.filter { !runs[$0].isSettled } + tagged.filter { runs[$0].isSettled }.prefix(mostSettled)
  }

  /// As few requests by tag as possible, in the order of the runs.
  static func requests(for runs: [RecordedRun]) -> [SlurmRequest] {
    var parts: [(tags: [String], first: Int, last: Int)] = []
    for run in runs {
      guard let tag = run.tag else { continue }
      let since = run.since
      if let part = parts.last, part.tags.count < mostTags,
        max(part.last, since) - min(part.first, since) <= longestSpan
      {
        parts[parts.count - 1] = (part.tags + [tag], min(part.first, since), max(part.last, since))
      } else {
        parts.append(([tag], since, since))
      }
    }
    return parts.map { .accountingOfUser(uid: getuid(), since: $0.first, tags: $0.tags) }
  }

  private mutating func lookUp(
    _ controller: SlurmAnswer?, _ tags: [String?], _ ledgers: inout [JobLedger]
  ) {
    let parts = controller.map { AnswerDivision.parts(of: $0, tags, ledgers) }
    for (cluster, ids) in Self.idsToLookUp(notIn: parts, ledgers, withUsage: true) {
      if let answer = ask(.accountingJobs(ids: ids, cluster: cluster)) {
        Self.apply(answer, .slurmdbd, tags, &ledgers)
      }
    }
  }

  /// The ids that slurmdbd is asked for, by cluster; none is empty.
  ///
  /// - Parameters:
  ///   - parts: of slurmctld's answer, those of each ledger; nil if it did not answer.
  ///   - withUsage: as of `JobLedger.idsToLookUp`.
  static func idsToLookUp(
    notIn parts: [SlurmAnswer]?, _ ledgers: [JobLedger], withUsage: Bool
  ) -> [(cluster: String?, ids: [UInt32])] {
    var ids: [String?: Set<UInt32>] = [:]
    for (index, ledger) in ledgers.enumerated() {
      for cluster in Set(ledger.jobs.map(\.cluster)) {
        ids[cluster, default: []].formUnion(
          ledger.idsToLookUp(notIn: parts?[index], cluster: cluster, withUsage: withUsage))
      }
    }
    return ids.filter { !$0.value.isEmpty }.map { ($0.key, $0.value.sorted()) }
  }

  /// Merges an answer into the ledgers of runs.
  static func apply(
    _ answer: SlurmAnswer, _ source: JobSource, _ tags: [String?], _ ledgers: inout [JobLedger]
  ) {
    let parts = AnswerDivision.parts(of: answer, tags, ledgers)
    for index in ledgers.indices {
      let tag = tags[index]
      ledgers[index].apply(parts[index], from: source, at: WallTime.now.seconds) { job in
        guard let tag, let run = JobTag.runID(of: job.wckey), JobTag.tag(ofRun: run) == tag else { return [] }
        return [.tag]
      }
    }
  }

  private mutating func ask(_ request: SlurmRequest, limit: Double = .infinity) -> SlurmAnswer? {
    do throws(SlurmFailure) {
      return try slurm.ask(request, limit: limit)
    } catch {
      problem = problem ?? error.message
      return nil
    }
  }
}

extension RecordedRun {
  /// The earliest time at which its jobs can have been submitted, in seconds since 1970.
  var since: Int {
    // A minute earlier, because slurmctld's clock may be behind. The record may contain any number.
    let start = (summary?["start_time"]?.double ?? 1) - 60
    return max(Int(saturating: min(start, WallTime.now.seconds)), 1)
  }

  /// When the record was written, the run was over, all its known jobs had ended, and no request to Slurm had
  /// failed.
  fileprivate var isSettled: Bool {
    state == "finished" && jobs.allSatisfy(\.hasEnded) && (info["slurm"]?["problem"]?.isNull ?? true)
  }
}
