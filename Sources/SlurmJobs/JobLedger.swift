public import OrderedCollections

/// The jobs of a run, each once, with the latest that is known of it.
///
/// A job id can be used again, and a requeue keeps the id and sets the submit time anew: the same job
/// is one with the same cluster and id and either the same submit time or more restarts.
public struct JobLedger: Sendable {
  struct Key: Hashable, Sendable {
    var cluster: String?
    var id: UInt32
    var task: UInt32?
  }

  private var entries: OrderedDictionary<Key, JobRecord> = [:]
  /// Jobs that the command named but did not submit, by id, with the reason for thinking so.
  public private(set) var doubts: OrderedDictionary<UInt32, String> = [:]
  private static let mostDoubts = 100
  /// Submit times of jobs that slurmctld has spoken against, by id. slurmdbd does not know sessions, so
  /// that nothing would speak against them there.
  private var refuted: [UInt32: Int] = [:]
  /// Since when, and how often, slurmctld has answered without a job that slurmdbd did not tell of either.
  private var absences: [Key: (since: Double, times: Int)] = [:]
  private var lastAbsence: Double?
  private static let mostAbsences = 3
  /// Seconds.
  private static let longestAbsence = 10.0

  public init() {}

  /// Jobs that are known already, of records read back.
  public init(_ records: [JobRecord]) {
    for record in records {
      if let key = Self.key(of: record) { entries[key] = record }
    }
  }

  /// In the order of their ids.
  public var jobs: [JobRecord] {
    entries.values.sorted { left, right in
      let a = (left.cluster ?? "", left.arrayJobID ?? left.jobID ?? 0, left.arrayTaskID ?? 0)
      let b = (right.cluster ?? "", right.arrayJobID ?? right.jobID ?? 0, right.arrayTaskID ?? 0)
      return a < b
    }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The job has left slurmctld, and slurmdbd cannot tell what became of it: this will not change by waiting.
  public func isLost(_ record: JobRecord) -> Bool {
    guard !record.hasEnded, let key = Self.key(of: record), let absence = absences[key],
      let last = lastAbsence
    else { return false }
    return absence.times >= Self.mostAbsences && last - absence.since >= Self.longestAbsence
  }

  /// Some job has not ended as far as is known.
  public var hasActiveJobs: Bool { entries.values.contains { !$0.hasEnded } }

  /// Takes in an answer. True if anything that info.json shows has changed, times of looking aside.
  ///
  /// - Parameters:
  ///   - evidence: of a job that is not known yet.
  ///   - time: of the answer, in seconds since 1970.
  @discardableResult
  public mutating func apply(
    _ answer: SlurmAnswer, from source: JobSource, at time: Double,
    evidence: (SubmittedJob) -> Set<JobEvidence>, doubt: (SubmittedJob) -> String? = { _ in nil }
  ) -> Bool {
    var hasChanged = false
    for job in answer.jobs {
      guard let key = Self.key(of: job.record), !isDivided(job.record) else { continue }
      var found = evidence(job)
      if source == .slurmdbd, found == [.output], isRefuted(job.record) { found = [] }
      if let known = entries[key], Self.isOlder(job.record, than: known) {
        // Of an earlier run of a requeued job, or of another job that had the id before.
        continue
      } else if let known = entries[key], Self.isSameJob(known, job.record) {
        let merged = Self.merge(known, job.record, from: source, at: time, found)
        if !Self.isEqual(known, merged) { hasChanged = true }
        entries[key] = merged
      } else if !found.isEmpty {
        var record = job.record
        record.source = source
        record.lastSeen = time
        record.detectedBy = found.sorted()
        entries[key] = record
        dropDoubts(of: record)
        hasChanged = true
      } else if entries[key] == nil, let reason = doubt(job), !isClaimed(job.record) {
        note(reason, against: job.record, from: source)
      }
    }
    if source == .slurmctld { removeSplitRecords(answer) }
    return hasChanged
  }

  /// Ids of jobs that slurmctld did not list, though they had not ended when last seen: for slurmdbd.
  ///
  /// - Parameter withUsage: also jobs that have ended and whose use of resources is not known yet.
  public func idsToLookUp(
    notIn answer: SlurmAnswer?, cluster: String?, withUsage: Bool
  ) -> [UInt32] {
    let listed = Set((answer?.jobs ?? []).compactMap { Self.key(of: $0.record) })
    var ids: Set<UInt32> = []
    for (key, record) in entries where cluster == nil || key.cluster == nil || key.cluster == cluster {
      let isMissing = !listed.contains(key) && !record.hasEnded
      let lacksUsage = withUsage && record.hasEnded && record.cpuSeconds == nil && record.startTime != nil
      if isMissing || lacksUsage, let id = record.arrayJobID ?? record.hetJobID ?? record.jobID {
        ids.insert(id)
      }
    }
    return ids.sorted()
  }

  /// Nobody could be asked: what was not final may have changed since.
  @discardableResult
  public mutating func markStale(notSeenSince time: Double) -> Bool {
    var hasChanged = false
    for (key, record) in entries where !record.hasEnded && (record.lastSeen ?? 0) < time && !record.stale {
      entries[key]?.stale = true
      hasChanged = true
    }
    return hasChanged
  }

  /// Notes which jobs slurmctld has answered without, when slurmdbd has not told of them either.
  ///
  /// - Parameters:
  ///   - answer: all jobs of the user that slurmctld knows.
  ///   - cluster: slurmctld's own; nil if it is not known.
  ///   - start: when the questions began: what was seen since is not absent.
  ///   - time: now. Both in seconds since 1970.
  public mutating func noteAbsences(
    from answer: SlurmAnswer, cluster: String?, askedAt start: Double, at time: Double
  ) {
    let listed = Set(answer.jobs.compactMap { Self.key(of: $0.record) })
    lastAbsence = time
    for (key, record) in entries where cluster == nil || key.cluster == nil || key.cluster == cluster {
      if record.hasEnded || listed.contains(key) || (record.lastSeen ?? 0) >= start {
        absences[key] = nil
      } else {
        let before = absences[key] ?? (since: time, times: 0)
        absences[key] = (before.since, before.times + 1)
      }
    }
  }

  // MARK: Doubts

  private mutating func note(_ reason: String, against record: JobRecord, from source: JobSource) {
    guard let id = record.jobID ?? record.arrayJobID else { return }
    if source == .slurmctld, let submit = record.submitTime { refuted[id] = submit }
    if doubts[id] == nil, doubts.count < Self.mostDoubts { doubts[id] = reason }
  }

  private func isRefuted(_ record: JobRecord) -> Bool {
    guard let id = record.jobID ?? record.arrayJobID, let submit = refuted[id] else { return false }
    return submit == record.submitTime
  }

  /// Some job, task or component of that id is the command's.
  private func isClaimed(_ record: JobRecord) -> Bool {
    guard let id = record.jobID ?? record.arrayJobID else { return false }
    return entries.values.contains { [$0.jobID, $0.arrayJobID, $0.hetJobID].contains(id) }
  }

  private mutating func dropDoubts(of record: JobRecord) {
    for id in [record.jobID, record.arrayJobID, record.hetJobID].compactMap({ $0 }) {
      doubts[id] = nil
      refuted[id] = nil
    }
  }

  // MARK: Identity

  private static func key(of record: JobRecord) -> Key? {
    if let array = record.arrayJobID, array != 0 {
      return Key(cluster: record.cluster, id: array, task: record.arrayTaskID)
    }
    return record.jobID.map { Key(cluster: record.cluster, id: $0, task: nil) }
  }

  private static func isOlder(_ new: JobRecord, than known: JobRecord) -> Bool {
    guard let knownSubmit = known.submitTime, let newSubmit = new.submitTime else { return false }
    return newSubmit < knownSubmit
  }

  private static func isSameJob(_ known: JobRecord, _ new: JobRecord) -> Bool {
    guard let knownSubmit = known.submitTime, let newSubmit = new.submitTime else { return true }
    if knownSubmit == newSubmit { return true }
    // slurmdbd does not count restarts: a job that has not ended and goes on later was requeued.
    return newSubmit > knownSubmit
      && ((new.restarts ?? 0) > (known.restarts ?? 0) || (new.restarts == nil && !known.hasEnded))
  }

  /// Accounting has one record for the waiting tasks of an array; the controller has told them apart.
  private func isDivided(_ record: JobRecord) -> Bool {
    guard let array = record.arrayJobID, record.arrayTaskID == nil else { return false }
    return entries.keys.contains { $0.id == array && $0.task != nil && $0.cluster == record.cluster }
  }

  /// An array's record for its waiting tasks, where they could not be told apart, goes when they start.
  private mutating func removeSplitRecords(_ answer: SlurmAnswer) {
    let listed = Set(answer.jobs.compactMap { Self.key(of: $0.record) })
    entries.removeAll { key, record in
      record.arrayJobID != nil && key.task == nil && !record.hasEnded && !listed.contains(key)
    }
  }

  // MARK: Merging

  private static func merge(
    _ known: JobRecord, _ new: JobRecord, from source: JobSource, at time: Double,
    _ found: Set<JobEvidence>
  ) -> JobRecord {
    // The controller's last word on how a job ended is more exact than the database's: there a
    // cancelled or timed-out job has exit code 0.
    let isRequeued =
      (new.restarts ?? 0) > (known.restarts ?? 0) || isOlder(known, than: new)
    let keepsState =
      source == .slurmdbd && known.source == .slurmctld && known.hasEnded && !isRequeued
    var merged = keepsState ? known : new
    let other = keepsState ? new : known
    if !isRequeued { merged.fillTimes(from: other, statesAgree: known.state == new.state) }
    merged.fillDescription(from: other)
    // slurmdbd counts the runs that it has been told of, which can be late.
    merged.restarts = [known.restarts, new.restarts].compactMap { $0 }.max()
    merged.source = keepsState ? known.source : source
    merged.lastSeen = time
    merged.stale = false
    merged.detectedBy = Set(known.detectedBy).union(found).sorted()
    return merged
  }

  private static func isEqual(_ left: JobRecord, _ right: JobRecord) -> Bool {
    var left = left
    var right = right
    left.lastSeen = nil
    right.lastSeen = nil
    // A running job's elapsed time grows with each look.
    if left.state == .running, right.state == .running {
      left.elapsedSeconds = nil
      right.elapsedSeconds = nil
    }
    return left == right
  }
}

extension JobRecord {
  /// Takes over what belongs to one run of the job and is not known here.
  fileprivate mutating func fillTimes(from other: JobRecord, statesAgree: Bool) {
    eligibleTime = eligibleTime ?? other.eligibleTime
    startTime = startTime ?? other.startTime
    maxRSSBytes = maxRSSBytes ?? other.maxRSSBytes
    cpuSeconds = cpuSeconds ?? other.cpuSeconds
    nodeList = nodeList ?? other.nodeList
    tresAllocated = tresAllocated ?? other.tresAllocated
    guard statesAgree else { return }
    endTime = endTime ?? other.endTime
    elapsedSeconds = elapsedSeconds ?? other.elapsedSeconds
    exitCode = exitCode ?? other.exitCode
    signal = signal ?? other.signal
    derivedExitCode = derivedExitCode ?? other.derivedExitCode
    stateReason = stateReason ?? other.stateReason
  }

  /// Takes over what describes the job, whichever of its runs.
  fileprivate mutating func fillDescription(from other: JobRecord) {
    jobID = jobID ?? other.jobID
    hetJobID = hetJobID ?? other.hetJobID
    hetJobOffset = hetJobOffset ?? other.hetJobOffset
    name = name ?? other.name
    user = user ?? other.user
    account = account ?? other.account
    partition = partition ?? other.partition
    qos = qos ?? other.qos
    timeLimitSeconds = timeLimitSeconds ?? other.timeLimitSeconds
    nodeCount = nodeCount ?? other.nodeCount
    cpus = cpus ?? other.cpus
    tresRequested = tresRequested ?? other.tresRequested
    memoryRequestedBytes = memoryRequestedBytes ?? other.memoryRequestedBytes
    workingDir = workingDir ?? other.workingDir
    stdoutPath = stdoutPath ?? other.stdoutPath
    stderrPath = stderrPath ?? other.stderrPath
    submitLine = submitLine ?? other.submitLine
    dependency = dependency ?? other.dependency
  }
}
