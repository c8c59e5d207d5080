import Glibc
internal import Logging
internal import OrderedCollections
internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Watches what the command submits to Slurm, on a thread of its own.
///
/// No answer is never an error: then what was known stays, marked as stale.
final class JobWatcher: Sendable {
  /// How often an id that was printed is looked up before it counts as unknown.
  private static let mostLookups = 3
  /// While someone waits for the jobs, in seconds.
  private static let longestPauseInWait = 15.0

  struct State: Sendable {
    var detection: JobDetection
    var ledger = JobLedger()
    var schedule = PollSchedule()
    var queries: OrderedDictionary<String, QueryStatistics> = [:]
    var configuration: ClusterConfiguration?
    var lookups: [UInt32: Int] = [:]
    /// Seconds that the controller's clock is ahead of ours.
    var skew = 0.0
    var problem: String?
    var hasSeenActivity = false
    /// The last poll that slurmctld answered.
    var lastAnswer: MonotonicInstant?
    var isStopped = false
    var isPolling = false
    /// Questions are being ended by us; their failure says nothing of Slurm.
    var isInterrupted = false
  }

  private let access: SlurmAccess
  private let clusterName: String?
  /// Seconds for one question while the command runs.
  private let limit: Double
  private let log: Logger
  private let root: pid_t
  private let changed: @Sendable () -> Void
  private let state: Monitor<State>

  /// - Parameter changed: called on the watcher's thread when a job is new or has changed.
  init(
    _ setup: SlurmSetup, detection: JobDetection, root: pid_t, limit: Double, log: Logger,
    changed: @escaping @Sendable () -> Void
  ) throws(Errno) {
    access = setup.access
    clusterName = setup.clusterName
    self.limit = limit
    self.log = log
    self.root = root
    self.changed = changed
    state = Monitor(State(detection: detection))
    _ = try OwnThread("duct jobs", stackSize: 4 << 20) { [self] in run() }
  }

  // MARK: What others see

  func note(_ news: TreeNews) {
    state.update { state in
      for session in news.sessions { state.detection.note(session) }
      if news.hasNewSbatch {
        state.detection.hasSeenSbatch = true
        state.schedule.noteSubmission(.now)
      }
      if news.hasChanged {
        state.hasSeenActivity = true
        state.schedule.noteActivity(.now)
      }
    }
  }

  func note(_ mentions: [JobMention]) {
    if mentions.isEmpty { return }
    state.update { state in
      let now = WallTime.now.seconds
      for mention in mentions { state.detection.note(mention, at: now) }
      if mentions.contains(where: { $0.form == .sentence }) { state.schedule.noteSubmission(.now) }
    }
  }

  /// The command may have submitted something, as far as its processes and its output tell.
  var mayHaveSubmitted: Bool {
    state.withLock { $0.hasSeenActivity || !$0.ledger.isEmpty || !$0.detection.mentionedIDs.isEmpty }
  }

  var snapshot: State { state.withLock { $0 } }

  // MARK: The end of the run

  /// Reads all states once more. What could not be asked by the deadline is stale.
  func finish(until deadline: MonotonicInstant) {
    // A question that is on its way may be about to wait for long; it is asked anew with all the time.
    var isFree = false
    while !isFree, deadline > .now {
      state.update { $0.isInterrupted = true }
      access.helper.cancel()
      isFree =
        state.wait(until: min(deadline, .now + 0.2)) { state -> Bool? in
          if state.isPolling { return nil }
          state.isStopped = true
          state.isInterrupted = false
          return true
        } ?? false
    }
    if !isFree {
      state.update {
        $0.isStopped = true
        $0.ledger.markStale(notSeenSince: WallTime.now.seconds)
      }
      return
    }
    pollAll(until: deadline)
  }

  /// Stops the thread, and whatever question it is waiting for.
  func cancel() {
    state.update {
      $0.isStopped = true
      $0.isInterrupted = true
    }
    access.helper.cancel()
  }

  /// Waits until every job has ended, or can never start.
  ///
  /// - Parameters:
  ///   - progress: called at each look with all jobs.
  ///   - isCancelled: asked twice a second.
  func waitForJobs(progress: ([JobRecord]) -> Void, isCancelled: () -> Bool) {
    let start = MonotonicInstant.now
    state.update { $0.schedule.hurry(start, longestPause: Self.longestPauseInWait) }
    while !isCancelled() {
      let isOver = state.wait(until: .now + 0.5) { state -> Bool? in
        guard let answer = state.lastAnswer, answer > start else { return nil }
        return state.ledger.jobs.allSatisfy { $0.hasEnded || $0.canNeverStart } ? true : nil
      }
      progress(state.withLock { $0.ledger.jobs })
      if isOver == true { return }
    }
  }

  // MARK: The thread

  private func run() {
    enum Step { case poll, rearm, stop }
    while true {
      let next = state.withLock { $0.schedule.next }
      let step = state.wait(until: next) { state -> Step? in
        if state.isStopped { return .stop }
        if let due = state.schedule.next, due <= .now {
          state.isPolling = true
          return .poll
        }
        return state.schedule.next == next ? nil : .rearm
      }
      switch step {
      case .stop?: return
      case .rearm?, nil: continue
      case .poll?:
        let hasChanged = poll(until: .now + limit)
        state.update { state in
          state.isPolling = false
          state.schedule.notePoll(
            .now, hasChanged: hasChanged, hasActiveJobs: state.ledger.hasActiveJobs)
        }
        if hasChanged { changed() }
      }
    }
  }

  /// The controller, then accounting for what the controller does not know any more.
  private func poll(until deadline: MonotonicInstant) -> Bool {
    let start = WallTime.now.seconds
    let answer = ask(.jobsOfUser(uid: getuid()), until: deadline)
    var hasChanged = false
    if let answer { hasChanged = take(answer, from: .slurmctld) }
    hasChanged = lookUp(missingFrom: answer, withUsage: false, until: deadline) || hasChanged
    state.update { state in
      if state.ledger.markStale(notSeenSince: start) { hasChanged = true }
      if answer != nil { state.lastAnswer = .now }
    }
    if state.withLock({ !$0.ledger.isEmpty && $0.configuration == nil }) {
      if let answer = ask(.configuration, until: deadline) {
        state.update { $0.configuration = answer.configuration }
        hasChanged = true
      }
    }
    return hasChanged
  }

  /// Both at once: when the controller is down, it takes libslurm nine seconds to say so.
  private func pollAll(until end: MonotonicInstant) {
    let start = WallTime.now.seconds
    // A helper that must be ended takes a moment too; what it failed of is to be in the record.
    let deadline = MonotonicInstant.now + end.seconds(since: .now) * 0.9
    let (tag, runStart) = state.withLock { ($0.detection.tag, Int($0.detection.runStart)) }
    let byTag = Monitor<(done: Bool, answer: SlurmAnswer?)>((tag == nil, nil))
    if let tag {
      do throws(Errno) {
        _ = try OwnThread("duct accounting", stackSize: 4 << 20) { [self] in
          // A minute earlier, for a controller whose clock is behind.
          let request = SlurmRequest.accountingOfUser(uid: getuid(), since: runStart - 60, tag: tag)
          let answer = ask(request, until: deadline)
          byTag.update { $0 = (true, answer) }
        }
      } catch {
        byTag.update { $0 = (true, nil) }
      }
    }
    let answer = ask(.jobsOfUser(uid: getuid()), until: deadline)
    if let answer { _ = take(answer, from: .slurmctld) }
    let accounted = byTag.wait(until: end) { $0.done ? Optional($0.answer) : nil }
    if let accounted, let accounted { _ = take(accounted, from: .slurmdbd) }
    _ = lookUp(missingFrom: answer, withUsage: true, until: deadline)
    if state.withLock({ !$0.ledger.isEmpty && $0.configuration == nil }) {
      let answer = ask(.configuration, until: deadline)
      state.update { $0.configuration = answer?.configuration }
    }
    state.update { _ = $0.ledger.markStale(notSeenSince: start) }
  }

  /// Asks accounting for jobs by id: those that the controller does not list (or whose use is not known
  /// yet), and ids that were printed.
  private func lookUp(
    missingFrom answer: SlurmAnswer?, withUsage: Bool, until deadline: MonotonicInstant
  ) -> Bool {
    var hasChanged = false
    for (cluster, ids) in idsToLookUp(missingFrom: answer, withUsage: withUsage) {
      let request = SlurmRequest.accountingJobs(ids: ids, cluster: cluster ?? clusterName)
      if let found = ask(request, until: deadline) {
        hasChanged = take(found, from: .slurmdbd) || hasChanged
      }
    }
    return hasChanged
  }

  private func idsToLookUp(missingFrom answer: SlurmAnswer?, withUsage: Bool) -> [(String?, [UInt32])] {
    state.update { state in
      var own = Set(state.ledger.idsToLookUp(notIn: answer, cluster: clusterName, withUsage: withUsage))
      let known = Set(
        state.ledger.jobs.flatMap { [$0.jobID, $0.arrayJobID, $0.hetJobID].compactMap { $0 } })
      let listed = Set(
        (answer?.jobs ?? []).flatMap {
          [$0.record.jobID, $0.record.arrayJobID, $0.record.hetJobID].compactMap { $0 }
        })
      let elsewhere = state.detection.mentionedClusters.filter { $0.key != clusterName }
      func isNew(_ id: UInt32) -> Bool {
        guard !known.contains(id), !listed.contains(id), state.ledger.doubts[id] == nil,
          state.lookups[id, default: 0] < Self.mostLookups
        else { return false }
        state.lookups[id, default: 0] += 1
        return true
      }
      var result: [(String?, [UInt32])] = []
      for (cluster, mentioned) in elsewhere {
        var ids = Set(mentioned.filter(isNew))
        ids.formUnion(state.ledger.idsToLookUp(notIn: nil, cluster: cluster, withUsage: withUsage))
        if !ids.isEmpty { result.append((cluster, ids.sorted())) }
      }
      own.formUnion(state.detection.mentionedIDs.filter(isNew))
      if !own.isEmpty { result.append((nil, own.sorted())) }
      return result
    }
  }

  /// Takes an answer in. True if a job is new or has changed.
  private func take(_ answer: SlurmAnswer, from source: JobSource) -> Bool {
    let now = WallTime.now.seconds
    return state.update { state in
      if let time = answer.controllerTime { state.skew = (Double(time) - now).rounded() }
      state.detection.add(answer.hostNames)
      let (detection, skew) = (state.detection, state.skew)
      let files = ProcFiles()
      let owner: (UInt32) -> JobDetection.SessionOwner = { [root] sid in
        sessionOwner(sid, root: root, files)
      }
      return state.ledger.apply(
        answer, from: source, at: now,
        evidence: { detection.evidence(for: $0, skew: skew, owner: owner) },
        doubt: { detection.doubt(about: $0, skew: skew, owner: owner) })
    }
  }

  /// One question, with its statistics. Nil when there was no answer.
  private func ask(_ request: SlurmRequest, until deadline: MonotonicInstant) -> SlurmAnswer? {
    if state.withLock({ $0.isInterrupted }) { return nil }
    let start = WallTime.now.seconds
    do throws(SlurmFailure) {
      let answer = try access.ask(request, until: deadline)
      let hadProblem = state.update { state -> Bool in
        state.note(request, at: start, failure: nil)
        defer { state.problem = nil }
        return state.problem != nil
      }
      if hadProblem { log.debug("Slurm answers again") }
      return answer
    } catch {
      let isNew = state.update { state -> Bool in
        if state.isInterrupted { return false }
        state.note(request, at: start, failure: error)
        defer { state.problem = error.message }
        return state.problem == nil
      }
      if isNew { log.debug("Slurm does not answer: \(error)") }
      return nil
    }
  }
}

extension JobWatcher.State {
  fileprivate mutating func note(_ request: SlurmRequest, at time: Double, failure: SlurmFailure?) {
    var statistics = queries[request.name] ?? QueryStatistics(query: request.name)
    statistics.asked += 1
    statistics.lastTime = time
    if let failure {
      statistics.failed += 1
      statistics.lastFailureTime = time
      statistics.lastFailure = failure
    } else {
      statistics.answered += 1
      statistics.lastAnswerTime = time
    }
    queries[request.name] = statistics
  }
}

/// Whose session it is, by the parents of its leader.
private func sessionOwner(_ sid: UInt32, root: pid_t, _ files: ProcFiles) -> JobDetection.SessionOwner {
  guard var stat = files.stat(Int32(bitPattern: sid)), !stat.isZombie else { return .gone }
  let own = getpid()
  for _ in 0..<1000 {
    if stat.pid == root { return .command }
    // duct's children are the command, adopted orphans of it, and helpers, which submit nothing.
    if stat.parent == own, stat.pid != own { return .command }
    guard stat.parent > 1, let parent = files.stat(stat.parent) else { return .other }
    stat = parent
  }
  return .other
}
