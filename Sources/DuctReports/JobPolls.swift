public import DuctRecords
public import DuctSettings
import Glibc
public import SlurmClient
public import SlurmJobs
internal import SystemCalls

/// Asks again and again for the jobs of runs: slurmctld once each time, and slurmdbd only for jobs that slurmctld does
/// not list any more.
public struct JobPolls: Sendable {
  /// The runs whose jobs these are, by tag; nil if a run has none.
  private var tags: [String?] = []
  private var ledgers: [JobLedger] = []
  /// A run that still goes on can submit jobs.
  public private(set) var hasActiveRuns = false
  /// Why the last poll was not answered; nil if it was.
  public private(set) var problem: String?

  public init() {}

  /// All jobs.
  public var jobs: [JobRecord] { ledgers.flatMap(\.jobs) }

  /// Whether the job's state will not change by itself: it has ended, does not start by itself, or Slurm does not know
  /// it any more.
  public func isSettled(_ job: JobRecord) -> Bool {
    job.hasEnded || StateReason.neverStarts(job) || isLost(job)
  }

  /// Neither slurmctld nor slurmdbd knows what became of it.
  public func isLost(_ job: JobRecord) -> Bool { ledgers.contains { $0.isLost(job) } }

  public var allSettled: Bool { !hasActiveRuns && ledgers.allSatisfy { $0.jobs.allSatisfy(isSettled) } }

  /// Adds a run that is known by its tag alone.
  public mutating func add(tag: String, jobs: [JobRecord]) {
    tags.append(tag)
    ledgers.append(JobLedger(jobs))
  }

  /// Takes the runs as their records are now.
  ///
  /// - Parameter jobs: of each run: those that a refresh has found, or those of the record.
  public mutating func take(_ runs: [RecordedRun], jobs: [[JobRecord]]) {
    hasActiveRuns = runs.contains { $0.presentState == "running" }
    for (index, run) in runs.enumerated() {
      guard index < ledgers.count else {
        tags.append(run.tag)
        ledgers.append(JobLedger(jobs[index]))
        continue
      }
      // The record may name jobs that no tag tells of. What is known of the others is newer than the record.
      let known = ledgers[index].ids
      let new = jobs[index].filter { job in
        known.isDisjoint(with: [job.jobID, job.arrayJobID, job.hetJobID].compactMap { $0 })
      }
      if !new.isEmpty { ledgers[index] = JobLedger(ledgers[index].jobs + new) }
    }
  }

  /// Asks once.
  ///
  /// - Parameter limit: seconds for all requests together.
  public mutating func poll(_ surroundings: Surroundings, by: SlurmBy, limit: Double) {
    let slurm = SlurmInquiry(surroundings, by: by, limit: limit)
    let start = WallTime.now.seconds
    var scope = JobScope()
    scope.tags = Set(tags.compactMap { $0 })
    scope.ids = ledgers.reduce(into: []) { $0.formUnion($1.ids) }
    problem = nil
    let answer: SlurmAnswer?
    do throws(SlurmFailure) {
      answer = try slurm.ask(.jobsOfUser(uid: getuid(), scope: scope))
    } catch {
      problem = error.message
      answer = nil
    }
    if let answer { JobRefresh.apply(answer, .slurmctld, tags, &ledgers) }
    lookUp(missingFrom: answer, slurm)
    for index in ledgers.indices {
      if let answer {
        ledgers[index].noteAbsences(
          from: answer, cluster: nil, askedAt: start, at: WallTime.now.seconds)
      } else {
        ledgers[index].noteSilence()
      }
      ledgers[index].markStale(notSeenSince: start)
    }
  }

  private mutating func lookUp(missingFrom answer: SlurmAnswer?, _ slurm: SlurmInquiry) {
    var ids: [String?: Set<UInt32>] = [:]
    for ledger in ledgers {
      for cluster in Set(ledger.jobs.map(\.cluster)) {
        ids[cluster, default: []].formUnion(
          ledger.idsToLookUp(notIn: answer, cluster: cluster, withUsage: false))
      }
    }
    for (cluster, ids) in ids where !ids.isEmpty {
      do throws(SlurmFailure) {
        let found = try slurm.ask(.accountingJobs(ids: ids.sorted(), cluster: cluster, uid: getuid()))
        JobRefresh.apply(found, .slurmdbd, tags, &ledgers)
      } catch {
        problem = problem ?? error.message
      }
    }
  }
}
