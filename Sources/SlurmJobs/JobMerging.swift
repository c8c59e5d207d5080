/// Which word counts where slurmctld and slurmdbd tell different things of one job. The rules stand in docs/records.md,
/// "When the two differ".
struct JobMerging {
  let known: JobRecord
  let new: JobRecord
  /// Who told `new`.
  let source: JobSource
  /// `new` is a later run of a job that was requeued.
  let isRequeued: Bool
  /// slurmctld listed the job when it answered last.
  let controllerHasIt: Bool

  init(known: JobRecord, new: JobRecord, from source: JobSource, isRequeued: Bool, controllerHasIt: Bool) {
    self.known = known
    self.new = new
    self.source = source
    self.isRequeued = isRequeued
    self.controllerHasIt = controllerHasIt
  }

  /// Without what the ledger itself notes: evidence and time.
  var merged: JobRecord {
    // slurmctld speaks for a job as long as it has it, and its last word on how a job ended is more exact than
    // slurmdbd's: there a cancelled or timed-out job has exit code 0.
    let keepsState =
      source == .slurmdbd && known.source == .slurmctld && !isRequeued && (known.hasEnded || controllerHasIt)
    var merged = keepsState ? known : new
    let other = keepsState ? new : known
    if !isRequeued { merged.fillRun(from: other, statesAgree: known.state == new.state) }
    merged.fillDescription(from: other)
    // slurmdbd writes a double quote as a backtick.
    if source == .slurmdbd, known.name?.replacing("\"", with: "`") == new.name { merged.name = known.name }
    // What a job waits for is slurmctld's to say, and over when it starts.
    merged.dependency =
      merged.startTime != nil ? nil : source == .slurmctld ? new.dependency : known.dependency
    // slurmdbd counts the runs that it has been told of, which can be late.
    merged.restarts = [known.restarts, new.restarts].compactMap { $0 }.max()
    merged.addRuns(of: known)
    merged.addRuns(of: new)
    merged.source = keepsState ? known.source : source
    return merged
  }
}

extension JobRecord {
  /// Ended, and accounting may know more of it: its use, what it had asked for, who cancelled it, its earlier runs.
  var isIncomplete: Bool {
    guard hasEnded, jobID != nil else { return false }
    return lacksAccounting || cancelledBy == nil && state == .cancelled || runs == nil && restarts ?? 0 > 0
  }

  /// Ended, and accounting has not told all that it tells of every job. slurmdbd can be told of the end before the start:
  /// until then it has the job without what was asked for and how.
  var lacksAccounting: Bool {
    guard hasEnded, jobID != nil else { return false }
    return cpuSeconds == nil && startTime != nil || submitLine == nil || tresRequested == nil
  }

  /// Takes over the earlier runs of a record that has more of them.
  mutating func addRuns(of other: JobRecord) {
    if (other.runs?.count ?? 0) > (runs?.count ?? 0) { runs = other.runs }
  }

  /// Takes over what belongs to one run of the job and is not known here.
  fileprivate mutating func fillRun(from other: JobRecord, statesAgree: Bool) {
    eligibleTime = eligibleTime ?? other.eligibleTime
    startTime = startTime ?? other.startTime
    maxRSSBytes = maxRSSBytes ?? other.maxRSSBytes
    maxRSSAllTasksBytes = maxRSSAllTasksBytes ?? other.maxRSSAllTasksBytes
    cpuSeconds = cpuSeconds ?? other.cpuSeconds
    nodeList = nodeList ?? other.nodeList
    // The node, or the number of restarts, can be in them.
    stdoutPath = stdoutPath ?? other.stdoutPath
    stderrPath = stderrPath ?? other.stderrPath
    tresAllocated = tresAllocated ?? other.tresAllocated
    guard statesAgree else { return }
    endTime = endTime ?? other.endTime
    elapsedSeconds = elapsedSeconds ?? other.elapsedSeconds
    exitCode = exitCode ?? other.exitCode
    signal = signal ?? other.signal
    cancelledBy = cancelledBy ?? other.cancelledBy
    stateReason = stateReason ?? other.stateReason
    // Steps that the step manager of a job runs are told to slurmdbd alone.
    derivedExitCode = [derivedExitCode, other.derivedExitCode].compactMap { $0 }.max()
    derivedSignal = derivedSignal ?? other.derivedSignal
    derivedState = derivedState ?? other.derivedState
  }

  /// Takes over what describes the job, whichever of its runs.
  fileprivate mutating func fillDescription(from other: JobRecord) {
    jobID = jobID ?? other.jobID
    arrayTasks = arrayTasks ?? other.arrayTasks
    hetJobID = hetJobID ?? other.hetJobID
    hetJobOffset = hetJobOffset ?? other.hetJobOffset
    name = name ?? other.name
    user = user ?? other.user
    account = account ?? other.account
    partition = partition ?? other.partition
    qos = qos ?? other.qos
    timeLimitSeconds = timeLimitSeconds ?? other.timeLimitSeconds
    nodeCount = nodeCount ?? other.nodeCount
    cpus = cpus ?? other.cpus
    tresRequested = tresRequested ?? other.tresRequested
    memoryRequestedBytes = memoryRequestedBytes ?? other.memoryRequestedBytes
    workingDir = workingDir ?? other.workingDir
    submitLine = submitLine ?? other.submitLine
  }
}
