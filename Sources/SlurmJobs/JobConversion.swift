internal import OrderedCollections
internal import RecordText

/// Turns what Slurm tells of jobs into records.
public struct JobConversion: Sendable {
  /// Names of accounting's own numbers; the controller and Slurm's commands speak in names.
  public var tresNames = TresText.standardNames
  /// For jobs that do not say it themselves.
  public var cluster: String?
  /// Seconds since 1970, by the clock of the one that answered.
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
    record.stateReason = job.reason == "None" ? nil : job.reason
    record.restarts = job.restarts
    var submitted = SubmittedJob(record: record)
    submitted.uid = job.userID
    submitted.wckey = job.wckey
    if let node = job.allocNode {
      submitted.allocNode = node
      submitted.allocSID = job.allocSID
    }
    return submitted
  }

  /// A job; of a record that stands for waiting tasks of an array each of them, where that can be told.
  ///
  /// - Parameter describe: adds to the record of a task what depends on its id.
  public func submittedJobs(
    _ submitted: SubmittedJob, of job: SlurmJobFields,
    describe: (inout JobRecord, UInt32) -> Void = { _, _ in }
  ) -> [SubmittedJob] {
    guard submitted.record.arrayTaskID == nil, let tasks = job.arrayTasks else { return [submitted] }
    return ArrayTasks.expand(submitted.record, tasks: tasks).map { record in
      var task = submitted
      task.record = record
      if let id = record.arrayTaskID, record.jobID == nil { describe(&task.record, id) }
      return task
    }
  }

  private func identify(_ record: inout JobRecord, _ job: SlurmJobFields) {
    record.jobID = job.jobID
    if let array = job.arrayJobID {
      record.arrayJobID = array
      record.arrayTaskID = job.arrayTaskID
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
    // A waiting job's start and end are the scheduler's estimates, a running one's end is its limit.
    let hasStarted = record.state != .pending && job.startTime != nil
    let hasEnded = !record.state.isActive
    if hasEnded { record.endTime = job.endTime }
    // A job that was cancelled while it waited has "started" when it ended.
    let neverRan = hasEnded && record.nodeList == nil && (job.startTime ?? 0) >= (job.endTime ?? 0)
    if hasStarted, !neverRan { record.startTime = job.startTime }
    record.timeLimitSeconds = job.timeLimitMinutes.map { Int($0) * 60 }
    guard let start = record.startTime else {
      if hasEnded { record.elapsedSeconds = 0 }
      return
    }
    record.elapsedSeconds = job.elapsed ?? max(0, (record.endTime ?? now) - start)
  }

  private func setExit(_ record: inout JobRecord, _ job: SlurmJobFields) {
    guard record.hasEnded || !record.state.isActive, let status = job.exitStatus else { return }
    record.exitCode = Int(status >> 8 & 0xFF)
    if status & 0x7F != 0 { record.signal = Int(status & 0x7F) }
    record.derivedExitCode = job.derivedExitStatus.map { Int($0 >> 8 & 0xFF) }
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
