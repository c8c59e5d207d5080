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
  /// The index of each run that has a record, by its prefix.
  private var places: [String: Int] = [:]
  /// What each run cancelled itself, by its index.
  private var own: [Int: OwnCancellation] = [:]
  /// The runs that still go on, by their indices.
  private var active: Set<Int> = []
  /// Why the record of a run that went on cannot be read; nil if it can.
  private var recordProblem: String?
  private var slurmProblem: String?
  private var stuck = StuckWait()
  /// The last answer has told that no job is left to wait for.
  private var isSettled = false

  public init() {}

  /// All jobs.
  public var jobs: [JobRecord] { ledgers.flatMap(\.jobs) }

  /// A run that still goes on can submit jobs.
  public var hasActiveRuns: Bool { !active.isEmpty }

  /// Why the last poll was not answered, or a record could not be read, in a sentence; nil if all was well.
  public var problem: String? {
    slurmProblem.map { "Slurm does not answer: \($0)" }
      ?? recordProblem.map { "A record cannot be read: \($0)" }
  }

  /// Neither slurmctld nor slurmdbd knows what became of it.
  public func isLost(_ job: JobRecord) -> Bool { ledgers.contains { $0.isLost(job) } }

  /// No run goes on, and no job's state will change by itself.
  public var allSettled: Bool { !hasActiveRuns && isSettled }

  /// Every job has ended, and well. What a run cancelled itself is no failure.
  public var hasEndedWell: Bool {
    ledgers.enumerated().allSatisfy { place, ledger in
      ledger.unsortedJobs.allSatisfy { job in
        job.hasEnded && (!job.needsAttention || own[place]?.isOf(job) == true)
      }
    }
  }

  /// Adds a run that is known by its tag alone.
  public mutating func add(tag: String, jobs: [JobRecord]) {
    tags.append(tag)
    ledgers.append(JobLedger(jobs))
  }

  /// Takes the runs as their records are now.
  ///
  /// - Parameters:
  ///   - jobs: of each run: those that a refresh has found, or those of the record.
  ///   - problem: why not all records could be read; nil if all could. A run whose record could not be read goes on if it
  ///     did before.
  public mutating func take(_ runs: [RecordedRun], jobs: [[JobRecord]], problem: String? = nil) {
    var seen: Set<Int> = []
    for (run, jobs) in zip(runs, jobs) {
      let place = place(of: run, jobs)
      seen.insert(place)
      own[place] = OwnCancellation(run)
      if run.presentState == "running" { active.insert(place) } else { active.remove(place) }
    }
    if problem == nil { active.formIntersection(seen) }
    recordProblem = active.isSubset(of: seen) ? nil : problem
  }

  /// The index of a run. Adds what its record tells.
  private mutating func place(of run: RecordedRun, _ jobs: [JobRecord]) -> Int {
    guard let place = places[run.prefix] else {
      places[run.prefix] = ledgers.count
      tags.append(run.tag)
      ledgers.append(JobLedger(jobs))
      return ledgers.count - 1
    }
    // The record may name jobs that no tag tells of. What is known of the others is newer than the record.
    let known = ledgers[place].ids
    let new = jobs.filter { job in
      known.isDisjoint(with: [job.jobID, job.arrayJobID, job.hetJobID].compactMap { $0 })
    }
    if !new.isEmpty { ledgers[place] = JobLedger(ledgers[place].jobs + new) }
    return place
  }

  /// Asks once.
  ///
  /// - Parameter limit: seconds for all requests together.
  public mutating func poll(_ surroundings: Surroundings, by: SlurmBy, limit: Double) {
    let slurm = SlurmInquiry(surroundings, by: by, limit: limit)
    let start = WallTime.now.seconds
    let asked = MonotonicInstant.now
    var scope = JobScope()
    scope.tags = Set(tags.compactMap { $0 })
    scope.ids = ledgers.reduce(into: []) { $0.formUnion($1.ids) }
    slurmProblem = nil
    let answer: SlurmAnswer?
    do throws(SlurmFailure) {
      answer = try slurm.ask(.jobsOfUser(uid: getuid(), scope: scope))
    } catch {
      slurmProblem = error.message
      answer = nil
    }
    if let answer {
      JobRefresh.apply(answer, .slurmctld, tags, &ledgers)
    }
    let parts = answer.map { AnswerDivision.parts(of: $0, tags, ledgers) }
    lookUp(missingFrom: parts, slurm)
    for index in ledgers.indices {
      if let parts {
        // If slurmdbd could not tell, a job that slurmctld does not list is not lost.
        if slurmProblem == nil {
          ledgers[index].noteAbsences(
            from: parts[index], cluster: nil, askedAt: start, at: WallTime.now.seconds)
        }
      } else {
        ledgers[index].noteSilence()
      }
      ledgers[index].markStale(notSeenSince: start)
    }
    // A run that goes on may release jobs at its end.
    if hasActiveRuns { stuck = StuckWait() }
    isSettled =
      answer != nil && stuck.isOver(ledgers.lazy.flatMap(\.unsortedJobs), asked: asked, isLost: isLost)
  }

  private mutating func lookUp(missingFrom parts: [SlurmAnswer]?, _ slurm: SlurmInquiry) {
    for (cluster, ids) in JobRefresh.idsToLookUp(notIn: parts, ledgers, withUsage: false) {
      do throws(SlurmFailure) {
        let found = try slurm.ask(.accountingJobs(ids: ids, cluster: cluster, uid: getuid()))
        JobRefresh.apply(found, .slurmdbd, tags, &ledgers)
      } catch {
        slurmProblem = slurmProblem ?? error.message
      }
    }
  }
}
