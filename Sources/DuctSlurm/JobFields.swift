internal import CSlurm
internal import SlurmJobs

extension SlurmJobFields {
  /// Converts the data from libslurm. Numbers that mean "not set" become nil.
  init(_ job: duct_slurm_job, reason: String? = nil) {
    self.init(jobID: job.job_id, state: JobState(number: job.state))
    stateFlags = flagNames(job.state)
    self.reason = reason
    if job.array_job_id != 0 {
      arrayJobID = job.array_job_id
      arrayTaskID = value(job.array_task_id)
    }
    arrayTasks = slurmText(job.array_task_str)
    if job.het_job_id != 0, let leader = value(job.het_job_id) {
      hetJobID = leader
      hetJobOffset = value(job.het_job_offset)
    }
    userID = job.user_id
    setNumbers(job)
    setTexts(job)
  }

  private mutating func setNumbers(_ job: duct_slurm_job) {
    exitStatus = value(job.exit_code)
    derivedExitStatus = value(job.derived_exit_code)
    cancelledBy = job.cancelled_by == .max ? nil : job.cancelled_by
    restarts = job.restarts < 0 ? nil : Int(job.restarts)
    submitTime = time(job.submit_time)
    eligibleTime = time(job.eligible_time)
    startTime = time(job.start_time)
    endTime = time(job.end_time)
    elapsed = job.elapsed < 0 ? nil : Int(job.elapsed)
    timeLimitMinutes = value(job.time_limit_minutes)
    nodeCount = value(job.node_count)
    cpuCount = value(job.cpu_count)
    allocSID = job.alloc_sid
  }

  private mutating func setTexts(_ job: duct_slurm_job) {
    nodes = slurmText(job.nodes)
    tresRequested = slurmText(job.tres_requested)
    tresAllocated = slurmText(job.tres_allocated)
    allocNode = slurmText(job.alloc_node)
    cluster = slurmText(job.cluster)
    name = slurmText(job.name)
    userName = slurmText(job.user_name)
    account = slurmText(job.account)
    partition = slurmText(job.partition)
    qos = slurmText(job.qos)
    wckey = slurmText(job.wckey)
    workingDir = slurmText(job.working_dir)
    submitLine = slurmText(job.submit_line)
    dependency = slurmText(job.dependency)
  }
}

/// The names of the flags in a job state, lowest bit first.
private func flagNames(_ state: UInt32) -> [String] {
  (8..<32).compactMap { bit in
    state & 1 << bit == 0 ? nil : slurmText(duct_slurm_state_flag(1 << bit)) ?? "FLAG_\(bit)"
  }
}

private func value(_ number: UInt32) -> UInt32? {
  number >= DUCT_SLURM_NO_VALUE ? nil : number
}

private func time(_ seconds: Int64) -> Int? {
  seconds <= 0 || seconds >= Int64(DUCT_SLURM_NO_VALUE) ? nil : Int(seconds)
}
