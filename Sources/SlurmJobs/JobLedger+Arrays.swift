/// The waiting tasks of job arrays. Slurm has one record for all of them, `3_[1-5,9%2]`; a task gets a record of its
/// own when it starts. A task that is cancelled while it waits leaves no record: slurmctld takes it out of the array's
/// expression, and accounting is not told of it.
extension JobLedger {
  struct ArrayKey: Hashable {
    var cluster: String?
    var id: UInt32
  }

  var knownArrays: Set<ArrayKey> {
    Set(entries.compactMap { $0.value.arrayJobID == nil ? nil : $0.key.array })
  }

  /// squeue shows the record for waiting tasks that were cancelled together as a job that is no array.
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

  /// Accounting has one record for the waiting tasks of an array; the controller has told them apart.
  func isDivided(_ record: JobRecord) -> Bool {
    guard let array = record.arrayJobID, record.arrayTaskID == nil, record.arrayTasks == nil else {
      return false
    }
    return entries.keys.contains { $0.id == array && $0.task != nil && $0.cluster == record.cluster }
  }

  /// An array's record for its waiting tasks, where they could not be told apart, goes when they have started.
  mutating func removeSplitRecords() {
    let gone = entries.filter { key, record in
      record.arrayJobID != nil && key.task == nil && !record.hasEnded && !isListed(key)
    }
    for key in gone.keys where entries.contains(where: { $0.key.array == key.array && $0.key != key }) {
      entries[key] = nil
    }
  }

  /// Finds the waiting tasks that an answer does not have any more, though it tells of their array, and takes them for
  /// cancelled once it is sure that they have not run in between.
  ///
  /// - Returns: whether any was.
  mutating func settleWaitingTasks(
    _ answer: SlurmAnswer, _ source: JobSource, _ arrays: Set<ArrayKey>, at time: Double
  ) -> Bool {
    // Without an expression (by sacct) a record may stand for any of the tasks.
    let ofArrays = Dictionary(grouping: answer.jobs.map(\.record).filter { $0.arrayJobID != nil }) { record in
      ArrayKey(cluster: record.cluster, id: record.arrayJobID ?? 0)
    }
    let told = ofArrays.filter { arrays.contains($0.key) }
    if told.isEmpty { return false }
    let keys = keys(of: answer)
    var hasChanged = false
    for (key, record) in entries where record.isWaitingTask && !keys.contains(key) {
      guard let records = told[key.array] else { continue }
      // Once the record for all waiting tasks is over, those that have no record of their own ended with it.
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

  /// It was seen waiting so lately that slurmctld would still have it, had it run and ended since.
  private func couldNotHaveRun(_ record: JobRecord, by time: Double) -> Bool {
    guard let minJobAge, let seen = record.lastSeen, record.source == .slurmctld else { return false }
    // slurmctld's own clock counts in whole seconds.
    return time - seen < Double(minJobAge - 2)
  }

  /// - Parameter whole: the record for all waiting tasks, where these have ended together.
  private mutating func cancel(_ key: Key, by source: JobSource, at time: Double, like whole: JobRecord?) {
    vanished.remove(key)
    entries[key]?.state = whole?.state ?? .cancelled
    entries[key]?.setCancelled(by: source, at: time, like: whole)
  }

  // MARK: Arrays that are too large for a record a task

  private mutating func settleLargeArrays(
    _ told: [ArrayKey: [JobRecord]], _ source: JobSource, at time: Double
  ) -> Bool {
    guard source == .slurmctld else { return false }
    var hasChanged = false
    for (array, records) in told {
      let key = Key(cluster: array.cluster, id: array.id)
      guard let before = largeArrays[key], let known = entries[key] ?? records.first else { continue }
      var left = before
      for record in records {
        if let tasks = record.arrayTasks.flatMap(ArrayTasks.set) { left.subtract(tasks) }
        if let task = record.arrayTaskID { left.remove(Int(task)) }
      }
      for other in entries.keys where other.array == array {
        if let task = other.task { left.remove(Int(task)) }
      }
      if !left.isEmpty {
        add(cancelled: left, of: array, like: known, at: time)
        hasChanged = true
      }
    }
    for (array, records) in told {
      let waiting = records.first { $0.arrayTasks != nil && $0.state.isActive }?.arrayTasks
      let key = Key(cluster: array.cluster, id: array.id)
      let isLarge = entries[key] != nil && waiting.map { ArrayTasks.ids(in: $0) == nil } ?? false
      largeArrays[key] = isLarge ? waiting.flatMap(ArrayTasks.set) : nil
    }
    return hasChanged
  }

  private mutating func add(
    cancelled tasks: TaskSet, of array: ArrayKey, like known: JobRecord, at time: Double
  ) {
    let key = Key(cluster: array.cluster, id: array.id, isCancelledPart: true)
    let before = entries[key]?.arrayTasks
    var record = entries[key] ?? known
    record.arrayTaskID = nil
    record.arrayTasks = ArrayTasks.union(before, ArrayTasks.expression(of: tasks))
    record.state = .cancelled
    record.setCancelled(by: .slurmctld, at: time, like: nil)
    entries[key] = record
  }
}

extension JobLedger.Key {
  var array: JobLedger.ArrayKey { JobLedger.ArrayKey(cluster: cluster, id: id) }
  /// Of a task, or of tasks, whose array may stand here as one record.
  var isOfArray: Bool { task != nil || isCancelledPart }
}

extension JobRecord {
  /// A task of an array that has not been given an id of its own yet, as far as is known.
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
