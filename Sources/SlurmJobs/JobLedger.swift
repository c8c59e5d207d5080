public import OrderedCollections

/// The jobs of a run, each once, with the latest known state.
///
/// Slurm can reuse a job id, and a requeue keeps the id but sets a new submit time. Two records are the same job if
/// they have the same cluster and id and either the same submit time or a larger number of restarts.
public struct JobLedger: Sendable {
  struct Key: Hashable, Sendable {
    var cluster: String?
    var id: UInt32
    var task: UInt32?
    /// The record for all tasks of a very large array that were cancelled while they waited.
    var isCancelledPart = false
  }

  var entries: OrderedDictionary<Key, JobRecord> = [:]
  /// Jobs whose id the command printed but that it did not submit, by id, with the reason.
  public private(set) var doubts: OrderedDictionary<UInt32, String> = [:]
  private static let mostDoubts = 100
  /// Submit times, by id, of jobs that slurmctld showed not to be the command's. slurmdbd does not know sessions,
  /// so its answer alone would not show it.
  private var refuted: [UInt32: Int] = [:]
  /// For jobs that neither slurmctld nor slurmdbd reports: since when, and in how many answers of slurmctld.
  private var absences: [Key: (since: Double, times: Int)] = [:]
  private var lastAbsence: Double?
  private static let mostAbsences = 3
  /// Seconds.
  private static let longestAbsence = 10.0
  /// The jobs in slurmctld's last answer: for these it has precedence. Empty while it does not answer.
  private var listed: Set<Key> = []
  /// Waiting tasks that slurmctld's records do not contain any longer. duct asks accounting before it counts them
  /// as cancelled.
  var vanished: Set<Key> = []
  var largeArrays: [Key: LargeArray] = [:]
  /// Seconds that slurmctld keeps a job that has ended; nil while not known.
  public var minJobAge: Int?

  public init() {}

  /// Starts with the jobs of records that were read back.
  public init(_ records: [JobRecord]) {
    for record in records {
      if let key = Self.key(of: record) { entries[key] = record }
    }
  }

  /// Sorted by cluster, id and task.
  public var jobs: [JobRecord] {
    entries.values.sorted { left, right in
      let a = (left.cluster ?? "", left.arrayJobID ?? left.jobID ?? 0, left.arrayTaskID ?? 0)
      let b = (right.cluster ?? "", right.arrayJobID ?? right.jobID ?? 0, right.arrayTaskID ?? 0)
      return a < b
    }
  }

  /// The same in another order. Sorting many jobs takes long.
  public var unsortedJobs: some Collection<JobRecord> { entries.values }

  public var isEmpty: Bool { entries.isEmpty }

  /// The ids of the jobs, of their arrays and of their heterogeneous jobs.
  public var ids: Set<UInt32> {
    Set(entries.values.flatMap { [$0.jobID, $0.arrayJobID, $0.hetJobID].compactMap { $0 } })
  }

  /// Whether slurmctld has dropped the job and slurmdbd does not know how it ended. Waiting does not change this.
  public func isLost(_ record: JobRecord) -> Bool {
    guard !record.hasEnded, let key = Self.key(of: record), let absence = absences[key],
      let last = lastAbsence
    else { return false }
    return absence.times >= Self.mostAbsences && last - absence.since >= Self.longestAbsence
  }

  /// Whether accounting data is missing for a job that ended recently. Accounting learns of jobs some seconds after
  /// slurmctld.
  ///
  /// - Parameter time: only jobs that ended since then, in seconds since 1970.
  public func lacksAccounting(ofJobsEndedSince time: Double) -> Bool {
    entries.values.contains { $0.lacksAccounting && Double($0.endTime ?? 0) >= time }
  }

  /// Whether a job has not ended, as far as is known.
  public var hasActiveJobs: Bool { entries.values.contains { !$0.hasEnded } }

  /// Merges an answer of Slurm. Returns true if anything that info.json shows has changed, except the times of the
  /// answers.
  ///
  /// - Parameters:
  ///   - evidence: evidence for a job that is not yet in the ledger.
  ///   - time: time of the answer, in seconds since 1970.
  @discardableResult
  public mutating func apply(
    _ answer: SlurmAnswer, from source: JobSource, at time: Double,
    evidence: (SubmittedJob) -> Set<JobEvidence>, doubt: (SubmittedJob) -> String? = { _ in nil }
  ) -> Bool {
    var hasChanged = false
    let arrays = knownArrays
    let answer = markingArrays(answer, arrays)
    if source == .slurmctld { listed = [] }
    for job in answer.jobs {
      let (job, isNeverStarted) = withTasksNeverStarted(job)
      guard let key = Self.key(of: job.record), !isDivided(job.record) else { continue }
      var found = self.evidence(of: job, source, evidence)
      // A task is the command's if its array is.
      if found.isEmpty, let array = entries[JobLedger.Key(cluster: key.cluster, id: key.id)], key.isOfArray {
        found = Set(array.detectedBy)
      }
      guard job.record.arrayTasks != nil else {
        hasChanged = take(job.record, key, found, source, at: time) || hasChanged
        note(doubt, about: job, key, found, source)
        continue
      }
      // Decides before it makes a record per task: arrays of others can be very large.
      if found.isEmpty, !arrays.contains(key.array) {
        note(doubt, about: job, key, found, source)
        continue
      }
      for record in job.unfolded {
        guard let key = Self.key(of: record), !isNeverStarted || endedTogether(record, key) else { continue }
        hasChanged = take(record, key, found, source, at: time) || hasChanged
      }
    }
    hasChanged = settleWaitingTasks(answer, source, at: time) || hasChanged
    if source == .slurmctld { removeSplitRecords() }
    return hasChanged
  }

  /// Notes that slurmctld has not answered, so it has no precedence for any job.
  public mutating func noteSilence() { listed = [] }

  func isListed(_ key: Key) -> Bool { listed.contains(key) }

  /// Ids of jobs that slurmctld did not list although they had not ended when last seen. slurmdbd is asked for
  /// these.
  ///
  /// - Parameter withUsage: also jobs that have ended and for which accounting may have more data.
  public func idsToLookUp(
    notIn answer: SlurmAnswer?, cluster: String?, withUsage: Bool
  ) -> [UInt32] {
    let listed = answer.map { keys(of: $0) } ?? []
    var ids: Set<UInt32> = []
    for (key, record) in entries where cluster == nil || key.cluster == nil || key.cluster == cluster {
      let isMissing = !listed.contains(key) && !record.hasEnded
      if isMissing || withUsage && record.isIncomplete,
        let id = record.arrayJobID ?? record.hetJobID ?? record.jobID
      {
        ids.insert(id)
      }
    }
    for (key, large) in largeArrays where !large.vanished.isEmpty {
      if cluster == nil || key.cluster == nil || key.cluster == cluster { ids.insert(key.id) }
    }
    return ids.sorted()
  }

  /// Marks jobs as stale that had not ended and have not been seen since `time`, because neither server could be
  /// asked.
  @discardableResult
  public mutating func markStale(notSeenSince time: Double) -> Bool {
    var hasChanged = false
    for (key, record) in entries where !record.hasEnded && (record.lastSeen ?? 0) < time && !record.stale {
      entries[key]?.stale = true
      hasChanged = true
    }
    return hasChanged
  }

  /// Counts absences of jobs that are missing in slurmctld's answer and that slurmdbd has not reported either.
  ///
  /// - Parameters:
  ///   - answer: all jobs of the user that slurmctld knows.
  ///   - cluster: slurmctld's own; nil if not known.
  ///   - start: when the queries began, in seconds since 1970: a job seen since then is not absent.
  ///   - time: the present time, in seconds since 1970.
  public mutating func noteAbsences(
    from answer: SlurmAnswer, cluster: String?, askedAt start: Double, at time: Double
  ) {
    let listed = keys(of: answer)
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

  // MARK: One record

  private func evidence(
    of job: SubmittedJob, _ source: JobSource, _ evidence: (SubmittedJob) -> Set<JobEvidence>
  ) -> Set<JobEvidence> {
    let found = evidence(job)
    return source == .slurmdbd && found == [.output] && isRefuted(job.record) ? [] : found
  }

  private mutating func take(
    _ new: JobRecord, _ key: Key, _ found: Set<JobEvidence>, _ source: JobSource, at time: Double
  ) -> Bool {
    if source == .slurmctld { listed.insert(key) }
    if let known = entries[key] {
      // An earlier run of a requeued job, or another job that had the id before.
      if Self.isOlder(new, than: known) {
        entries[key]?.addRuns(of: new)
        return entries[key]?.runs != known.runs
      }
      if Self.isSameJob(known, new) {
        let isListed = source == .slurmdbd && known.source == .slurmctld && listed.contains(key)
        let merging = JobMerging(
          known: known, new: new, from: source, isRequeued: Self.isRequeued(new, after: known),
          controllerHasIt: isListed)
        var merged = merging.merged
        if key.isCancelledPart { merged.arrayTasks = ArrayTasks.union(known.arrayTasks, new.arrayTasks) }
        merged.lastSeen = time
        merged.stale = false
        merged.detectedBy = Set(known.detectedBy).union(found).sorted()
        entries[key] = merged
        return !Self.isEqual(known, merged)
      }
    }
    guard !found.isEmpty else { return false }
    var record = new
    record.source = source
    record.lastSeen = time
    record.detectedBy = found.sorted()
    entries[key] = record
    dropDoubts(of: record)
    return true
  }

  // MARK: Doubts

  private mutating func note(
    _ doubt: (SubmittedJob) -> String?, about job: SubmittedJob, _ key: Key, _ found: Set<JobEvidence>,
    _ source: JobSource
  ) {
    guard found.isEmpty, entries[key] == nil, let reason = doubt(job), !isClaimed(job.record) else { return }
    note(reason, against: job.record, from: source)
  }

  private mutating func note(_ reason: String, against record: JobRecord, from source: JobSource) {
    guard let id = record.jobID ?? record.arrayJobID else { return }
    if source == .slurmctld, let submit = record.submitTime { refuted[id] = submit }
    if doubts[id] == nil, doubts.count < Self.mostDoubts { doubts[id] = reason }
  }

  private func isRefuted(_ record: JobRecord) -> Bool {
    guard let id = record.jobID ?? record.arrayJobID, let submit = refuted[id] else { return false }
    return submit == record.submitTime
  }

  /// Whether a job, task or component with that id is the command's.
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

  static func key(of record: JobRecord) -> Key? {
    if let array = record.arrayJobID, array != 0 {
      let isCancelledPart = record.arrayTasks != nil && record.state == .cancelled
      return Key(
        cluster: record.cluster, id: array, task: record.arrayTaskID, isCancelledPart: isCancelledPart)
    }
    return record.jobID.map { Key(cluster: record.cluster, id: $0, task: nil) }
  }

  /// The keys of the jobs in an answer. For arrays in the ledger, also the keys of their tasks.
  func keys(of answer: SlurmAnswer) -> Set<Key> {
    let arrays = knownArrays
    var keys: Set<Key> = []
    for job in answer.jobs {
      guard let key = Self.key(of: job.record) else { continue }
      keys.insert(key)
      guard let tasks = job.record.arrayTasks, arrays.contains(key.array) else { continue }
      for task in ArrayTasks.ids(in: tasks) ?? [] {
        keys.insert(Key(cluster: key.cluster, id: key.id, task: task))
      }
    }
    return keys
  }

  private static func isOlder(_ new: JobRecord, than known: JobRecord) -> Bool {
    guard let knownSubmit = known.submitTime, let newSubmit = new.submitTime else { return false }
    return newSubmit < knownSubmit
  }

  private static func isSameJob(_ known: JobRecord, _ new: JobRecord) -> Bool {
    guard let knownSubmit = known.submitTime, let newSubmit = new.submitTime else { return true }
    if knownSubmit == newSubmit { return true }
    // slurmdbd does not count restarts: an active job with a later submit time was requeued.
    return newSubmit > knownSubmit
      && ((new.restarts ?? 0) > (known.restarts ?? 0) || (new.restarts == nil && !known.hasEnded))
  }

  private static func isRequeued(_ new: JobRecord, after known: JobRecord) -> Bool {
    (new.restarts ?? 0) > (known.restarts ?? 0) || isOlder(known, than: new)
  }

  private static func isEqual(_ left: JobRecord, _ right: JobRecord) -> Bool {
    var left = left
    var right = right
    left.lastSeen = nil
    right.lastSeen = nil
    // A running job's elapsed time grows with each answer.
    if left.state == .running, right.state == .running {
      left.elapsedSeconds = nil
      right.elapsedSeconds = nil
    }
    return left == right
  }
}
