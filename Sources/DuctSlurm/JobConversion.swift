internal import CSlurm
internal import OrderedCollections
internal import RecordText
internal import SlurmJobs

/// Turns what libslurm gives into records. Numbers that mean "not set" become nil.
struct JobConversion {
  /// Names of accounting's own numbers; the controller speaks in names.
  var tresNames = TresText.standardNames
  var qosNames: [UInt32: String] = [:]
  var userNames: [UInt32: String] = [:]
  /// For jobs that do not say it themselves.
  var cluster: String?
  /// Seconds since 1970, by the clock of the one that answered.
  var now: Int

  func submittedJob(_ job: duct_slurm_job, reason: String?) -> SubmittedJob {
    var record = JobRecord(state: JobState(number: job.state))
    record.cluster = slurmText(job.cluster) ?? cluster
    record.stateFlags = stateFlags(job.state)
    identify(&record, job)
    describe(&record, job)
    setTimes(&record, job)
    setExit(&record, job)
    setResources(&record, job)
    record.stateReason = reason == "None" ? nil : reason
    record.restarts = job.restarts < 0 ? nil : Int(job.restarts)
    var submitted = SubmittedJob(record: record)
    submitted.uid = job.user_id
    submitted.wckey = slurmText(job.wckey)
    if let node = slurmText(job.alloc_node) {
      submitted.allocNode = node
      submitted.allocSID = job.alloc_sid
    }
    return submitted
  }

  /// The names of the bits above the base state, lowest first.
  private func stateFlags(_ state: UInt32) -> [String] {
    (8..<32).compactMap { bit in
      state & 1 << bit == 0 ? nil : slurmText(duct_slurm_state_flag(1 << bit)) ?? "FLAG_\(bit)"
    }
  }

  private func identify(_ record: inout JobRecord, _ job: duct_slurm_job) {
    record.jobID = job.job_id
    if job.array_job_id != 0 {
      record.arrayJobID = job.array_job_id
      record.arrayTaskID = value(job.array_task_id)
    }
    if job.het_job_id != 0, let leader = value(job.het_job_id) {
      record.hetJobID = leader
      record.hetJobOffset = value(job.het_job_offset)
    }
  }

  private func describe(_ record: inout JobRecord, _ job: duct_slurm_job) {
    record.name = slurmText(job.name)
    record.user = slurmText(job.user_name) ?? userNames[job.user_id]
    record.account = slurmText(job.account)
    record.partition = slurmText(job.partition)
    record.qos = slurmText(job.qos) ?? qosNames[job.qos_id]
    record.workingDir = slurmText(job.working_dir)
    record.submitLine = slurmText(job.submit_line)
    record.dependency = slurmText(job.dependency)
    if let nodes = slurmText(job.nodes), nodes != "None assigned" { record.nodeList = nodes }
  }

  private func setTimes(_ record: inout JobRecord, _ job: duct_slurm_job) {
    record.submitTime = time(job.submit_time)
    record.eligibleTime = time(job.eligible_time)
    // A waiting job's start and end are the scheduler's estimates, a running one's end is its limit.
    let hasStarted = record.state != .pending && job.start_time != 0
    let hasEnded = !record.state.isActive
    if hasEnded { record.endTime = time(job.end_time) }
    // A job that was cancelled while it waited has "started" when it ended.
    let neverRan = hasEnded && record.nodeList == nil && job.start_time >= job.end_time
    if hasStarted, !neverRan { record.startTime = time(job.start_time) }
    record.timeLimitSeconds = value(job.time_limit_minutes).map { Int($0) * 60 }
    guard let start = record.startTime else {
      if hasEnded { record.elapsedSeconds = 0 }
      return
    }
    if job.elapsed >= 0 {
      record.elapsedSeconds = Int(job.elapsed)
    } else {
      record.elapsedSeconds = max(0, (record.endTime ?? now) - start)
    }
  }

  private func setExit(_ record: inout JobRecord, _ job: duct_slurm_job) {
    guard record.hasEnded || !record.state.isActive, let status = value(job.exit_code) else { return }
    record.exitCode = Int(status >> 8 & 0xFF)
    if status & 0x7F != 0 { record.signal = Int(status & 0x7F) }
    record.derivedExitCode = value(job.derived_exit_code).map { Int($0 >> 8 & 0xFF) }
  }

  private func setResources(_ record: inout JobRecord, _ job: duct_slurm_job) {
    record.tresRequested = TresText.parse(slurmText(job.tres_requested), names: tresNames)
    record.tresAllocated = TresText.parse(slurmText(job.tres_allocated), names: tresNames)
    record.memoryRequestedBytes = record.tresRequested?["mem"]
    record.nodeCount =
      (record.tresAllocated?["node"] ?? record.tresRequested?["node"]).map { Int($0) }
      ?? value(job.node_count).map { Int($0) }
    record.cpus =
      (record.tresAllocated?["cpu"] ?? record.tresRequested?["cpu"]).map { Int($0) }
      ?? value(job.cpu_count).map { Int($0) }
  }

  private func value(_ number: UInt32) -> UInt32? {
    number >= DUCT_SLURM_NO_VALUE ? nil : number
  }

  private func time(_ seconds: Int64) -> Int? {
    seconds <= 0 || seconds >= Int64(DUCT_SLURM_NO_VALUE) ? nil : Int(seconds)
  }
}
