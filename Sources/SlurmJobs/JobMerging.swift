/// Merges what slurmctld and slurmdbd report of one job. docs/records.md has the rules, under "When the two
/// differ".
struct JobMerging {
  let known: JobRecord
  let new: JobRecord
  /// The server that reported `new`.
  let source: JobSource
  /// `new` is a later run of a requeued job.
  let isRequeued: Bool
  /// slurmctld's last answer lists the job.
  let controllerHasIt: Bool

  init(known: JobRecord, new: JobRecord, from source: JobSource, isRequeued: Bool, controllerHasIt: Bool) {
    self.known = known
    self.new = new
    self.source = source
    self.isRequeued = isRequeued
    self.controllerHasIt = controllerHasIt
  }

  /// The merged record, without what the ledger itself adds: evidence and time.
  var merged: JobRecord {
    // slurmctld has precedence while it lists the job. Its last report on how a job ended is more exact than
    // slurmdbd's, which has exit code 0 for a cancelled or timed-out job.
    let keepsState =
      source == .slurmdbd && known.source == .slurmctld && !isRequeued && (known.hasEnded || controllerHasIt)
    var merged = keepsState ? known : new
    let other = keepsState ? new : known
    if !isRequeued { merged.fillRun(from: other, statesAgree: known.state == new.state) }
    merged.fillDescription(from: other)
    // slurmdbd replaces a double quote with a backtick.
    if source == .slurmdbd, known.name?.replacing("\"", with: "`") == new.name { merged.name = known.name }
    // Only slurmctld reports dependencies, and they are over when the job starts.
    merged.dependency =
      merged.startTime != nil ? nil : source == .slurmctld ? new.dependency : known.dependency
    // slurmdbd counts only the runs that were reported to it, which can be late.
    merged.restarts = [known.restarts, new.restarts].compactMap { $0 }.max()
    merged.addRuns(of: known)
    merged.addRuns(of: new)
    merged.source = keepsState ? known.source : source
    return merged
  }
}

extension JobRecord {
  /// The job has ended and accounting may have more data: its resource use, its request, who cancelled it, or its
  /// earlier runs.
  var isIncomplete: Bool {
    guard hasEnded else { return false }
    if jobID == nil {
      // A waiting task that was cancelled with its array. One that was cancelled alone has no end, and no record.
      return arrayJobID != nil && endTime != nil && state == .cancelled
        && (cancelledBy == nil || submitLine == nil)
    }
    return lacksAccounting || cancelledBy == nil && state == .cancelled || runs == nil && restarts ?? 0 > 0
  }

  /// The job has ended and accounting lacks data that it has for every job. The end of a job can reach slurmdbd
  /// before its start: until then its record lacks the requested resources and the submit line.
  var lacksAccounting: Bool {
    guard hasEnded, jobID != nil else { return false }
    return cpuSeconds == nil && startTime != nil || submitLine == nil || tresRequested == nil
      || lacksEndOfScript
  }

  /// At a time limit, the nodes can tell slurmctld that they are done before the script's end has reached it. Then the
  /// script seems to have ended with 0, until slurmdbd has its step.
  private var lacksEndOfScript: Bool {
    state == .timeout && startTime != nil && signal == nil && (exitCode ?? 0) == 0
  }

  /// Takes over the earlier runs of `other` if it has more of them.
  mutating func addRuns(of other: JobRecord) {
    if (other.runs?.count ?? 0) > (runs?.count ?? 0) { runs = other.runs }
  }

  /// Takes over values that belong to one run of the job and are unknown here.
  fileprivate mutating func fillRun(from other: JobRecord, statesAgree: Bool) {
    eligibleTime = eligibleTime ?? other.eligibleTime
    startTime = startTime ?? other.startTime
    maxRSSBytes = maxRSSBytes ?? other.maxRSSBytes
    maxRSSAllTasksBytes = maxRSSAllTasksBytes ?? other.maxRSSAllTasksBytes
    cpuSeconds = cpuSeconds ?? other.cpuSeconds
    readBytes = readBytes ?? other.readBytes
    writtenBytes = writtenBytes ?? other.writtenBytes
    energyJoules = energyJoules ?? other.energyJoules
    nodeList = nodeList ?? other.nodeList
    // These can contain the node's name or the number of restarts.
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
    // Only slurmdbd knows the steps that a job's own step manager runs.
    derivedExitCode = [derivedExitCode, other.derivedExitCode].compactMap { $0 }.max()
    derivedSignal = derivedSignal ?? other.derivedSignal
    derivedState = derivedState ?? other.derivedState
  }

  /// Takes over values that describe the job and do not depend on the run.
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
