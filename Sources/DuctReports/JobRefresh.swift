public import DuctCore
import Glibc
internal import RecordText
public import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Brings the jobs of recorded runs up to date: one question to slurmctld for all of them, one to
/// slurmdbd for what slurmctld has forgotten.
public struct JobRefresh: Sendable {
  /// The runs' jobs, in the order of the runs.
  public private(set) var jobs: [[JobRecord]]
  /// Why not everything is up to date; nil if it is.
  public private(set) var problem: String?

  private let helper: SlurmHelper
  private let deadline: MonotonicInstant

  /// Asks for the jobs of `runs`, within `limit` seconds all in all.
  ///
  /// Jobs with the tag of a run are its jobs, also where its record does not name them: its jobs may
  /// have submitted them since, or the record may be older than they are.
  public init(_ runs: [RecordedRun], _ surroundings: Surroundings, limit: Double) {
    jobs = runs.map(\.jobs)
    helper = Self.helper(surroundings)
    deadline = .now + limit
    let tags = runs.map { $0.tag }
    guard jobs.contains(where: { !$0.isEmpty }) || tags.contains(where: { $0 != nil }) else { return }

    var ledgers = jobs.map { JobLedger($0) }
    let controller = ask(.jobsOfUser(uid: getuid()))
    if let controller { Self.apply(controller, .slurmctld, tags, &ledgers) }
    for (index, run) in runs.enumerated() where run.state == "running" || run.state == "interrupted" {
      guard let tag = run.tag, let answer = ask(.accountingOfUser(uid: getuid(), since: run.since, tag: tag))
      else { continue }
      Self.apply(answer, .slurmdbd, [tag], &ledgers, at: index)
    }
    lookUp(controller, tags, &ledgers)
    let start = WallTime.now.seconds - limit
    for index in ledgers.indices { ledgers[index].markStale(notSeenSince: start) }
    jobs = ledgers.map(\.jobs)
  }

  /// The jobs of a run by its tag alone, from slurmctld and slurmdbd.
  public init(runID: String, _ surroundings: Surroundings, limit: Double) {
    helper = Self.helper(surroundings)
    deadline = .now + limit
    jobs = []
    let tag = runID.hasPrefix(JobTag.prefix) ? runID : JobTag.tag(ofRun: runID)
    var ledgers = [JobLedger()]
    if let answer = ask(.jobsOfUser(uid: getuid())) { Self.apply(answer, .slurmctld, [tag], &ledgers) }
    // A day earlier than the id says, for another time zone; without a time in it, from the first day.
    let since = JobTag.runID(of: tag).flatMap(RunID.startTime).map { $0 - 86400 } ?? 1
    if let answer = ask(.accountingOfUser(uid: getuid(), since: since, tag: tag)) {
      Self.apply(answer, .slurmdbd, [tag], &ledgers)
    }
    jobs = ledgers.map(\.jobs)
  }

  private static func helper(_ surroundings: Surroundings) -> SlurmHelper {
    SlurmHelper(
      program: HelperPrograms(environment: surroundings.environment).slurm,
      children: ChildProcesses(reaping: .byWaiters))
  }

  private mutating func lookUp(
    _ controller: SlurmAnswer?, _ tags: [String?], _ ledgers: inout [JobLedger]
  ) {
    var ids: [String?: Set<UInt32>] = [:]
    for ledger in ledgers {
      for cluster in Set(ledger.jobs.map(\.cluster)) {
        ids[cluster, default: []].formUnion(
          ledger.idsToLookUp(notIn: controller, cluster: cluster, withUsage: true))
      }
    }
    for (cluster, ids) in ids where !ids.isEmpty {
      if let answer = ask(.accountingJobs(ids: ids.sorted(), cluster: cluster)) {
        Self.apply(answer, .slurmdbd, tags, &ledgers)
      }
    }
  }

  private static func apply(
    _ answer: SlurmAnswer, _ source: JobSource, _ tags: [String?], _ ledgers: inout [JobLedger],
    at only: Int? = nil
  ) {
    for index in ledgers.indices where only == nil || only == index {
      let tag = tags.count == 1 ? tags[0] : tags[index]
      ledgers[index].apply(answer, from: source, at: WallTime.now.seconds) { job in
        guard let tag, let run = JobTag.runID(of: job.wckey), JobTag.tag(ofRun: run) == tag else { return [] }
        return [.tag]
      }
    }
  }

  private mutating func ask(_ request: SlurmRequest) -> SlurmAnswer? {
    let limit = deadline.seconds(since: .now)
    do throws(SlurmFailure) {
      if limit <= 0 { throw SlurmFailure(.timeout, "no time was left to ask for \(request.name)") }
      return try helper.ask(request, limit: limit)
    } catch {
      problem = problem ?? error.message
      return nil
    }
  }
}

extension RecordedRun {
  /// From when on its jobs can have been submitted, in seconds since 1970.
  var since: Int {
    // A minute earlier, for a controller whose clock is behind. The record may hold any number.
    let start = (summary?["start_time"]?.double ?? 1) - 60
    return max(Int(saturating: min(start, WallTime.now.seconds)), 1)
  }
}
