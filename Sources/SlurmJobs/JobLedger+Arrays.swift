/// The waiting tasks of job arrays.
///
/// Slurm has one record for all of them, `3_[1-5,9%2]`. A task gets its own record when it starts. A task that is
/// cancelled while it waits leaves no record: slurmctld removes it from the array's expression and does not report
/// it to accounting.
extension JobLedger {
  struct ArrayKey: Hashable {
    var cluster: String?
    var id: UInt32
  }

  var knownArrays: Set<ArrayKey> {
    Set(entries.compactMap { $0.value.arrayJobID == nil ? nil : $0.key.array })
  }

  /// Restores the array id of records that lack it: squeue shows waiting tasks that were cancelled together as a
  /// job that is no array.
  func markingArrays(_ answer: SlurmAnswer, _ arrays: Set<ArrayKey>) -> SlurmAnswer {
    if arrays.isEmpty { return answer }
    var answer = answer
    for index in answer.jobs.indices where answer.jobs[index].record.arrayJobID == nil {
      guard let id = answer.jobs[index].record.jobID,
        arrays.contains(ArrayKey(cluster: answer.jobs[index].record.cluster, id: id))
      else { continue }
      answer.jobs[index].record.arrayJobID = id
    }
    return answer
  }

  /// Accounting's record of an array that has ended, as the tasks that never started; unless the ledger has that record
  /// as one job.
  func withTasksNeverStarted(_ job: SubmittedJob) -> (job: SubmittedJob, isNeverStarted: Bool) {
    guard let tasks = job.neverStarted, let array = job.record.arrayJobID,
      entries[Key(cluster: job.record.cluster, id: array)] == nil
    else { return (job, false) }
    var job = job
    job.record.arrayTasks = tasks
    return (job, true)
  }

  /// Whether the ledger may take a task from accounting's record of all that never started. That may contain tasks
  /// that were cancelled before the others, or have run: what the ledger has of these is more.
  func endedTogether(_ task: JobRecord, _ key: Key) -> Bool {
    guard let known = entries[key] else { return true }
    guard known.state == task.state, let end = known.endTime else { return false }
    return task.endTime.map { abs($0 - end) <= 1 } ?? false
  }

  /// Whether this is accounting's single record for the waiting tasks of an array that the ledger has as separate
  /// tasks.
  func isDivided(_ record: JobRecord) -> Bool {
    guard let array = record.arrayJobID, record.arrayTaskID == nil, record.arrayTasks == nil,
      entries[Key(cluster: record.cluster, id: array)] == nil
    else { return false }
    return entries.keys.contains { $0.id == array && $0.task != nil && $0.cluster == record.cluster }
  }

  /// Removes an array's record for its waiting tasks when slurmctld does not list it and its tasks have records of
  /// their own.
  mutating func removeSplitRecords() {
    let gone = entries.filter { key, record in
      record.arrayJobID != nil && key.task == nil && !record.hasEnded && !isListed(key)
        && largeArrays[key] == nil
    }
    for key in gone.keys where entries.contains(where: { $0.key.array == key.array && $0.key != key }) {
      entries[key] = nil
    }
  }

  /// Finds waiting tasks that are missing from an answer that contains their array. Marks them as cancelled once it
  /// is certain that they have not run in between.
  ///
  /// - Returns: whether any record changed.
  mutating func settleWaitingTasks(_ answer: SlurmAnswer, _ source: JobSource, at time: Double) -> Bool {
    let arrays = knownArrays
    // A record without an expression (from sacct) may stand for any of the tasks.
    let ofArrays = Dictionary(grouping: answer.jobs.map(\.record).filter { $0.arrayJobID != nil }) { record in
      ArrayKey(cluster: record.cluster, id: record.arrayJobID ?? 0)
    }
    let told = ofArrays.filter { arrays.contains($0.key) }
    if told.isEmpty { return false }
    let keys = keys(of: answer)
    var hasChanged = false
    for (key, record) in entries where record.isWaitingTask && !keys.contains(key) {
      guard let records = told[key.array] else { continue }
      // When the record for all waiting tasks has ended, the tasks without their own record ended with it.
      let over = records.first { $0.arrayTaskID == nil && $0.arrayTasks == nil && !$0.state.isActive }
      switch source {
      case .slurmctld where over == nil:
        if couldNotHaveRun(record, by: time) {
          cancel(key, by: source, at: time, like: nil)
          hasChanged = true
        } else {
          vanished.insert(key)
        }
      default:
        if over != nil || vanished.contains(key) {
          cancel(key, by: source, at: time, like: over)
          hasChanged = true
        }
      }
    }
    return settleLargeArrays(told, source, at: time) || hasChanged
  }

  /// Whether slurmctld saw the task waiting so recently that it would still list it if it had run and ended since.
  private func couldNotHaveRun(_ record: JobRecord, by time: Double) -> Bool {
    guard let seen = record.lastSeen, record.source == .slurmctld else { return false }
    return couldNotHaveRun(seen: seen, by: time)
  }

  private func couldNotHaveRun(seen: Double, by time: Double) -> Bool {
    // slurmctld counts whole seconds.
    minJobAge.map { time - seen < Double($0 - 2) } ?? false
  }

  /// - Parameter whole: the record for all waiting tasks, if they ended together.
  private mutating func cancel(_ key: Key, by source: JobSource, at time: Double, like whole: JobRecord?) {
    vanished.remove(key)
    entries[key]?.state = whole?.state ?? .cancelled
    entries[key]?.setCancelled(by: source, at: time, like: whole)
  }

  // MARK: Arrays that are too large for one record per task

  /// An array that stays one record.
  struct LargeArray: Sendable {
    /// The tasks that waited at slurmctld's last answer, and its time in seconds since 1970.
    var waiting: TaskSet
    var seen: Double
    /// Tasks that are not waiting any longer and may have run: duct asks accounting for them.
    var vanished: TaskSet = []
  }

  private mutating func settleLargeArrays(
    _ told: [ArrayKey: [JobRecord]], _ source: JobSource, at time: Double
  ) -> Bool {
    var hasChanged = false
    for (array, records) in told {
      let key = Key(cluster: array.cluster, id: array.id)
      var large = largeArrays[key]
      let own = TaskSet(entries.keys.lazy.filter { $0.array == array }.compactMap { $0.task.map { Int($0) } })
      let isCertain = large.map { couldNotHaveRun(seen: $0.seen, by: time) } ?? false
      var cancelled: TaskSet = []
      switch source {
      case .slurmctld:
        // A task in this answer has not vanished.
        let there = records.reduce(into: own) { $0.formUnion($1.tasks) }
        large?.vanished.subtract(there)
        let gone = large?.waiting.subtracting(there) ?? []
        if isCertain { cancelled = gone } else { large?.vanished.formUnion(gone) }
        let waiting = records.first { $0.arrayTasks != nil && $0.state.isActive }?.arrayTasks
        let isLarge = entries[key] != nil && waiting.map { ArrayTasks.ids(in: $0) == nil } ?? false
        let tasks = isLarge ? waiting.flatMap(ArrayTasks.set) ?? [] : []
        large = LargeArray(waiting: tasks, seen: time, vanished: large?.vanished ?? [])
      case .slurmdbd:
        cancelled = large?.vanished.subtracting(own) ?? []
        large?.vanished = []
      }
      if !cancelled.isEmpty, let known = entries[key] ?? records.first {
        add(cancelled: cancelled, of: array, by: source, like: known, at: time)
        hasChanged = true
      }
      largeArrays[key] = large.flatMap { $0.waiting.isEmpty && $0.vanished.isEmpty ? nil : $0 }
    }
    return hasChanged
  }

  private mutating func add(
    cancelled tasks: TaskSet, of array: ArrayKey, by source: JobSource, like known: JobRecord, at time: Double
  ) {
    let key = Key(cluster: array.cluster, id: array.id, isCancelledPart: true)
    let before = entries[key]?.arrayTasks
    var record = entries[key] ?? known
    record.arrayTaskID = nil
    record.arrayTasks = ArrayTasks.union(before, ArrayTasks.expression(of: tasks))
    record.state = .cancelled
    record.setCancelled(by: source, at: time, like: nil)
    entries[key] = record
  }
}

extension JobLedger.Key {
  var array: JobLedger.ArrayKey { JobLedger.ArrayKey(cluster: cluster, id: id) }
  /// Whether it is a task or a group of tasks, whose array may be in the ledger as one record.
  var isOfArray: Bool { task != nil || isCancelledPart }
}

extension JobRecord {
  /// The task ids that the record stands for.
  fileprivate var tasks: TaskSet {
    arrayTasks.flatMap(ArrayTasks.set) ?? arrayTaskID.map { [Int($0)] } ?? []
  }

  /// Whether it is an array task that has no job id of its own and has not ended, as far as is known.
  fileprivate var isWaitingTask: Bool {
    jobID == nil && arrayJobID != nil && arrayTaskID != nil && !hasEnded
  }

  fileprivate mutating func setCancelled(by source: JobSource, at time: Double, like whole: JobRecord?) {
    stateFlags = []
    stateReason = nil
    endTime = whole?.endTime
    cancelledBy = whole?.cancelledBy
    elapsedSeconds = 0
    dependency = nil
    lastSeen = time
    stale = false
    self.source = source
  }
}
