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
  /// Accounting's jobs, each once, with what their steps tell of them.
  public func submittedJobs(_ jobs: [AccountedJob]) -> [SubmittedJob] {
    Self.latestRuns(of: jobs).flatMap { accounted, restarts in
      var submitted = submittedJob(accounted.job)
      submitted.record.restarts = restarts
      Self.addUsage(accounted.steps, to: &submitted.record)
      return submittedJobs(submitted, of: accounted.job)
    }
  }

  private static func latestRuns(of jobs: [AccountedJob]) -> [(AccountedJob, restarts: Int)] {
    var runs: [UInt32: [AccountedJob]] = [:]
    var order: [UInt32] = []
    for accounted in jobs {
      let id = accounted.job.jobID
      if runs[id] == nil { order.append(id) }
      runs[id, default: []].append(accounted)
    }
    return order.compactMap { id in
      guard let all = runs[id]?.sorted(by: { ($0.job.submitTime ?? 0) < ($1.job.submitTime ?? 0) }),
        let latest = all.last
      else { return nil }
      // An id can be used again: only runs that a requeue ended count.
      return (latest, all.dropLast().filter { $0.job.stateFlags.contains("REQUEUE") }.count)
    }
  }

  /// The job's own CPU time in the database is zero: it is the sum of its steps'.
  private static func addUsage(_ steps: [SlurmStepFields], to record: inout JobRecord) {
    guard !steps.isEmpty else { return }
    if record.hasEnded {
      record.cpuSeconds = steps.map(\.cpuSeconds).reduce(0, +)
      record.maxRSSBytes = steps.compactMap(\.maxRSSBytes).max()
    }
    // A cancelled or timed-out job has exit code 0 here; what ended its script is with the script.
    if record.state.isFailure, record.exitCode == 0, record.signal == nil,
      let status = steps.first(where: \.isBatch)?.exitStatus, status > 0
    {
      record.exitCode = Int(status >> 8 & 0xFF)
      if status & 0x7F != 0 { record.signal = Int(status & 0x7F) }
    }
  }
}
