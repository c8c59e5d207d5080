/// A job as accounting has it. A requeued job has a record a run, all with the same id.
public struct AccountedJob: Sendable, Equatable {
  public var job: SlurmJobFields
  public var steps: [SlurmStepFields]

  public init(_ job: SlurmJobFields, steps: [SlurmStepFields]) {
    self.job = job
    self.steps = steps
  }
}

extension JobConversion {
  /// Accounting's jobs, each once, with what their steps tell of them and with the runs before.
  public func submittedJobs(_ jobs: [AccountedJob]) -> [SubmittedJob] {
    Self.runs(of: jobs).map { runs in
      var latest = runs.latest.job
      latest.restarts = runs.before.count
      var submitted = submittedJob(latest)
      Self.addUse(runs.latest.steps, to: &submitted.record)
      submitted.record.runs = runs.before.isEmpty ? nil : runs.before.map(run)
      return submitted
    }
  }

  // MARK: Runs

  private struct Runs {
    var latest: AccountedJob
    /// The first one first.
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
      // An id can be used again: only runs that a requeue has ended are of the same job.
      var next = latest
      var before: [AccountedJob] = []
      while let run = rest.popLast(), isRun(run.job, before: next.job) {
        before.insert(run, at: 0)
        next = run
      }
      return Runs(latest: latest, before: before)
    }
  }

  /// Whether a requeue ended this run and began the next one: that sets the time of submission to the one of the end.
  private static func isRun(_ run: SlurmJobFields, before next: SlurmJobFields) -> Bool {
    if run.stateFlags.contains(JobStateFlag.requeue) { return true }
    let requeues: [JobState] = [.nodeFail, .preempted, .bootFail]
    guard requeues.contains(run.state), let end = run.endTime, let submit = next.submitTime else {
      return false
    }
    return abs(submit - end) <= longestRequeue
  }

  /// Seconds from the end of a run to the new submission, which slurmctld makes once the processes have gone.
  private static let longestRequeue = 600

  private func run(_ accounted: AccountedJob) -> JobRun {
    var job = accounted.job
    let isRequeued = job.stateFlags.contains(JobStateFlag.requeue)
    // Its base state is PENDING by then; it has ended all the same.
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

  /// The job's own CPU time in the database is zero: it is the sum of its steps'.
  private static func addUse(_ steps: [SlurmStepFields], to record: inout JobRecord) {
    guard !steps.isEmpty else { return }
    if record.hasEnded {
      record.cpuSeconds = steps.map(\.cpuSeconds).reduce(0, +)
      record.maxRSSBytes = steps.compactMap(\.maxRSSBytes).max()
      record.maxRSSAllTasksBytes = largestSum(steps, end: record.endTime)
    }
    // A cancelled or timed-out job has exit code 0 here; what ended its script is with the script.
    if record.state.isFailure, record.exitCode == 0, record.signal == nil,
      let status = steps.first(where: \.isBatch)?.exitStatus, status > 0
    {
      record.setExit(status)
    }
  }

  /// Of all moments that at which the steps that ran had the most memory together. A step without times counts alone.
  private static func largestSum(_ steps: [SlurmStepFields], end: Int?) -> Int64? {
    let measured = steps.filter { $0.totalRSSBytes != nil }
    // The most are there at once when one of them starts.
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

  /// A step that ends in the second in which the next one starts has made room for it.
  private static func isRunning(_ step: SlurmStepFields, at moment: Int, _ end: Int?) -> Bool {
    guard let stepEnd = step.endTime ?? end else { return true }
    return stepEnd > moment || step.startTime == moment
  }
}
