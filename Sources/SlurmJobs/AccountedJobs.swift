internal import RecordText

/// A job in Slurm's accounting. A requeued job has one record per run, all with the same id.
public struct AccountedJob: Sendable, Equatable {
  public var job: SlurmJobFields
  public var steps: [SlurmStepFields]

  public init(_ job: SlurmJobFields, steps: [SlurmStepFields]) {
    self.job = job
    self.steps = steps
  }
}

extension JobConversion {
  /// Converts accounting's records: one job per id, with data from its steps and with its earlier runs.
  public func submittedJobs(_ jobs: [AccountedJob]) -> [SubmittedJob] {
    let started = Self.startedTasks(of: jobs)
    return Self.runs(of: jobs).map { runs in
      var latest = runs.latest.job
      latest.restarts = runs.before.count
      var submitted = submittedJob(latest)
      Self.addUse(runs.latest.steps, to: &submitted.record)
      // Sites that do not measure energy have 0 or a mark for "not set" here.
      if let energy = submitted.record.tresAllocated?["energy"], energy > 0, submitted.record.hasEnded {
        submitted.record.energyJoules = energy
      }
      submitted.record.runs = runs.before.isEmpty ? nil : runs.before.map(run)
      submitted.neverStarted = Self.neverStarted(latest, started)
      if submitted.neverStarted != nil { submitted.outputPaths = latest.outputPaths }
      return submitted
    }
  }

  // MARK: Tasks that never started

  /// The array tasks with records of their own, by array.
  private static func startedTasks(of jobs: [AccountedJob]) -> [UInt32: TaskSet] {
    var tasks: [UInt32: TaskSet] = [:]
    for job in jobs.lazy.map(\.job) {
      guard let array = job.arrayJobID, let task = job.arrayTaskID else { continue }
      tasks[array, default: []].insert(Int(task))
    }
    return tasks
  }

  /// Accounting has one record for all tasks of an array that were cancelled while they waited. It may not have heard of
  /// the last ones that started.
  private static func neverStarted(_ job: SlurmJobFields, _ started: [UInt32: TaskSet]) -> String? {
    guard let array = job.arrayJobID, job.arrayTaskID == nil, !job.state.isActive,
      let left = job.tasksLeft.flatMap(ArrayTasks.set)?.subtracting(started[array] ?? []), !left.isEmpty
    else { return nil }
    return ArrayTasks.expression(of: left)
  }

  // MARK: Runs

  private struct Runs {
    var latest: AccountedJob
    /// Earlier runs, oldest first.
    var before: [AccountedJob]
  }

  private static func runs(of jobs: [AccountedJob]) -> [Runs] {
    var all: [UInt32: [AccountedJob]] = [:]
    var order: [UInt32] = []
    for accounted in jobs {
      let id = accounted.job.jobID
      if all[id] == nil { order.append(id) }
      all[id, default: []].append(accounted)
    }
    return order.compactMap { id in
      guard var rest = all[id]?.sorted(by: { ($0.job.submitTime ?? 0) < ($1.job.submitTime ?? 0) }),
        let latest = rest.popLast()
      else { return nil }
      // Slurm can reuse an id, so only runs that a requeue ended belong to the same job.
      var next = latest
      var before: [AccountedJob] = []
      while let run = rest.popLast(), isRun(run.job, before: next.job) {
        before.insert(run, at: 0)
        next = run
      }
      return Runs(latest: latest, before: before)
    }
  }

  /// Whether a requeue ended this run and began `next`. A requeue sets the submit time to about the time of the
  /// end.
  private static func isRun(_ run: SlurmJobFields, before next: SlurmJobFields) -> Bool {
    if run.stateFlags.contains(JobStateFlag.requeue) { return true }
    let requeues: [JobState] = [.nodeFail, .preempted, .bootFail]
    guard requeues.contains(run.state), let end = run.endTime, let submit = next.submitTime else {
      return false
    }
    return abs(submit - end) <= longestRequeue
  }

  /// Longest time, in seconds, from the end of a run to the new submit time, which slurmctld sets when the
  /// processes have gone.
  private static let longestRequeue = 600

  private func run(_ accounted: AccountedJob) -> JobRun {
    var job = accounted.job
    let isRequeued = job.stateFlags.contains(JobStateFlag.requeue)
    // A requeued job has the base state PENDING, but this run of it has ended.
    if isRequeued { (job.state, job.stateFlags) = (.cancelled, []) }
    var record = submittedJob(job).record
    Self.addUse(accounted.steps, to: &record)
    var run = JobRun(state: isRequeued ? "REQUEUED" : record.state.rawValue)
    run.exitCode = record.exitCode
    run.signal = record.signal
    run.submitTime = record.submitTime
    run.startTime = record.startTime
    run.endTime = record.endTime
    run.elapsedSeconds = record.elapsedSeconds
    run.nodeList = record.nodeList
    run.maxRSSBytes = record.maxRSSBytes
    run.maxRSSAllTasksBytes = record.maxRSSAllTasksBytes
    run.cpuSeconds = record.cpuSeconds
    return run
  }

  // MARK: Use of resources

  /// Adds the resources that the steps used. The job's own CPU time in the database is zero, so this sums up its
  /// steps.
  private static func addUse(_ steps: [SlurmStepFields], to record: inout JobRecord) {
    guard !steps.isEmpty else { return }
    if record.hasEnded {
      record.cpuSeconds = steps.map(\.cpuSeconds).reduce(0, +)
      record.maxRSSBytes = steps.compactMap(\.maxRSSBytes).max()
      record.maxRSSAllTasksBytes = largestSum(steps, end: record.endTime)
      record.readBytes = sum(steps.compactMap(\.readBytes))
      record.writtenBytes = sum(steps.compactMap(\.writtenBytes))
    }
    addFailedStep(steps, to: &record)
    // Accounting has exit code 0 for a cancelled or timed-out job. The batch step has the status of the script.
    if record.state.isFailure, record.exitCode == 0, record.signal == nil,
      let status = steps.first(where: \.isBatch)?.exitStatus, status > 0
    {
      record.setExit(status)
    }
  }

  /// slurmdbd 22.05 under load loses the derived exit code of a job, but not the exit codes of its steps.
  private static func addFailedStep(_ steps: [SlurmStepFields], to record: inout JobRecord) {
    guard record.state == .completed, record.derivedExitCode ?? 0 == 0, record.derivedSignal == nil,
      record.derivedState == nil,
      let worst = steps.lazy.filter({ !$0.isBatch }).compactMap(\.exitStatus).max(), worst > 0
    else { return }
    record.setDerivedExit(worst)
  }

  /// Nil if no step has a value.
  private static func sum(_ values: [Int64]) -> Int64? {
    values.isEmpty ? nil : Int64(Int(saturating: values.reduce(0.0) { $0 + Double($1) }))
  }

  /// The largest memory of all steps that ran at the same time, in bytes. A step without times counts alone.
  private static func largestSum(_ steps: [SlurmStepFields], end: Int?) -> Int64? {
    let measured = steps.filter { $0.totalRSSBytes != nil }
    // The sum is largest at a moment when one of the steps starts.
    let sums = measured.map { step -> Int64 in
      guard let moment = step.startTime else { return step.totalRSSBytes ?? 0 }
      return measured.reduce(0) { sum, other in
        guard let start = other.startTime, start <= moment, isRunning(other, at: moment, end) else {
          return sum
        }
        return sum.addingReportingOverflow(other.totalRSSBytes ?? 0).partialValue
      }
    }
    return sums.max()
  }

  /// Whether the step runs at `moment`. A step that ends in the second in which another starts does not overlap it. But
  /// the script of a batch job still runs then: it has started the other.
  private static func isRunning(_ step: SlurmStepFields, at moment: Int, _ end: Int?) -> Bool {
    guard let stepEnd = step.endTime ?? end else { return true }
    return stepEnd > moment || step.startTime == moment || step.isBatch && stepEnd == moment
  }
}
