internal import OrderedCollections
internal import RecordText

/// Converts job data from Slurm into records.
public struct JobConversion: Sendable {
  /// Names for the TRES numbers of accounting. slurmctld and Slurm's commands use names.
  public var tresNames = TresText.standardNames
  /// For jobs without a cluster name.
  public var cluster: String?
  /// Seconds since 1970, by the clock of the server that answered.
  public var now: Int

  public init(cluster: String?, now: Int) {
    self.cluster = cluster
    self.now = now
  }

  public func submittedJob(_ job: SlurmJobFields) -> SubmittedJob {
    var record = JobRecord(state: job.state)
    record.cluster = job.cluster ?? cluster
    record.stateFlags = job.stateFlags
    identify(&record, job)
    describe(&record, job)
    setTimes(&record, job)
    setExit(&record, job)
    setResources(&record, job)
    setReason(&record, job)
    record.restarts = job.restarts
    if let paths = job.outputPaths { paths.set(&record) }
    var submitted = SubmittedJob(record: record)
    submitted.uid = job.userID
    submitted.wckey = job.wckey
    if record.arrayTasks != nil { submitted.outputPaths = job.outputPaths }
    if let node = job.allocNode {
      submitted.allocNode = node
      submitted.allocSID = job.allocSID
    }
    return submitted
  }

  private func identify(_ record: inout JobRecord, _ job: SlurmJobFields) {
    record.jobID = job.jobID
    if let array = job.arrayJobID {
      record.arrayJobID = array
      record.arrayTaskID = job.arrayTaskID
      if job.arrayTaskID == nil { record.arrayTasks = job.arrayTasks }
    }
    if let leader = job.hetJobID {
      record.hetJobID = leader
      record.hetJobOffset = job.hetJobOffset
    }
  }

  private func describe(_ record: inout JobRecord, _ job: SlurmJobFields) {
    record.name = job.name
    record.user = job.userName
    record.account = job.account
    record.partition = job.partition
    record.qos = job.qos
    record.workingDir = job.workingDir
    record.submitLine = job.submitLine
    record.dependency = job.dependency
    if let nodes = job.nodes, nodes != "None assigned" { record.nodeList = nodes }
  }

  private func setTimes(_ record: inout JobRecord, _ job: SlurmJobFields) {
    record.submitTime = job.submitTime
    record.eligibleTime = job.eligibleTime
    // The start and end of a waiting job are estimates of the scheduler; the end of a running one is its time
    // limit.
    let hasStarted = record.state != .pending && job.startTime != nil
    let hasEnded = !record.state.isActive
    if hasEnded { record.endTime = job.endTime }
    // A job that was cancelled while it waited has a start time, the time of its end.
    let neverRan = hasEnded && record.nodeList == nil && (job.startTime ?? 0) >= (job.endTime ?? 0)
    if hasStarted, !neverRan { record.startTime = job.startTime }
    record.timeLimitSeconds = job.timeLimitMinutes.map { Int($0) * 60 }
    guard let start = record.startTime else {
      if hasEnded { record.elapsedSeconds = 0 }
      return
    }
    record.elapsedSeconds = job.elapsed ?? max(0, (record.endTime ?? now) - start)
  }

  /// For a job that was cancelled while it waited, Slurm keeps the reason for the wait. It does not explain the
  /// end, so the record has no reason.
  private func setReason(_ record: inout JobRecord, _ job: SlurmJobFields) {
    let isStale = record.state == .cancelled && record.startTime == nil
    record.stateReason = isStale || job.reason == "None" ? nil : job.reason
  }

  private func setExit(_ record: inout JobRecord, _ job: SlurmJobFields) {
    if record.state == .cancelled { record.cancelledBy = job.cancelledBy }
    // A job that never ran has no exit code: Slurm's zero means nothing.
    guard !record.state.isActive, record.startTime != nil else { return }
    if let status = job.exitStatus { record.setExit(status) }
    if let derived = job.derivedExitStatus { record.setDerivedExit(derived) }
  }

  private func setResources(_ record: inout JobRecord, _ job: SlurmJobFields) {
    record.tresRequested = TresText.parse(job.tresRequested, names: tresNames)
    record.tresAllocated = TresText.parse(job.tresAllocated, names: tresNames)
    record.memoryRequestedBytes = record.tresRequested?["mem"]
    record.nodeCount =
      (record.tresAllocated?["node"] ?? record.tresRequested?["node"]).map { Int($0) }
      ?? job.nodeCount.map { Int($0) }
    record.cpus =
      (record.tresAllocated?["cpu"] ?? record.tresRequested?["cpu"]).map { Int($0) }
      ?? job.cpuCount.map { Int($0) }
  }
}

extension JobRecord {
  /// Sets exit code and signal from a status in the format of wait(2).
  mutating func setExit(_ status: UInt32) {
    exitCode = Self.exitCode(of: status)
    signal = Self.signal(of: status)
  }

  /// Sets what the status of the worst step says.
  mutating func setDerivedExit(_ status: UInt32) {
    derivedExitCode = Self.exitCode(of: status)
    derivedSignal = Self.signal(of: status)
    if status & 0x7F == Self.outOfMemoryMark { derivedState = .outOfMemory }
  }

  /// Zero if a signal, or one of Slurm's marks, ended it: the other bits mean nothing then, and may be set.
  private static func exitCode(of status: UInt32) -> Int { status & 0x7F == 0 ? Int(status >> 8 & 0xFF) : 0 }

  /// Slurm's mark, in place of a signal, for a job or step that ran out of memory.
  static let outOfMemoryMark: UInt32 = 125

  /// The signal in a status. Numbers above Linux's 64 signals are marks of Slurm's own.
  static func signal(of status: UInt32) -> Int? {
    let signal = Int(status & 0x7F)
    return (1...64).contains(signal) ? signal : nil
  }
}
