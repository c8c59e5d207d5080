internal import DuctRecords
import Glibc
internal import Logging
internal import OrderedCollections
internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What a job is known by that was printed and has not been found yet. The cluster is nil for our own.
struct JobHint: Hashable, Sendable {
  var id: UInt32
  var cluster: String?
}

/// The questions that the watcher asks, on its own thread and, at the end, on that of the last steps.
extension JobWatcher {
  /// How often slurmdbd is asked for an id that was printed before it counts as unknown.
  private static let mostLookUps = 3
  /// How many ids that were only printed go into one question: text can name any number.
  private static let mostHints = 100
  /// Clusters that were only named in text, of one look.
  private static let mostClusters = 4
  /// Seconds for the names of this host, which a name server that is down would hold up for long.
  private static let hostNamesLimit = 3.0

  struct PollOutcome {
    var isAnswered: Bool
    var hasChanged: Bool
    /// A job that was named has not been found yet.
    var expectsMore: Bool
  }

  /// The controller, then accounting for what the controller does not know any more.
  func poll(until deadline: MonotonicInstant) -> PollOutcome {
    let start = WallTime.now.seconds
    let asked = MonotonicInstant.now
    let answer = ask(jobsOfUser(), until: deadline)
    var hasChanged = false
    if let answer {
      learnHostNames(answer, until: deadline)
      hasChanged = take(answer, from: .slurmctld)
    }
    hasChanged = lookUp(missingFrom: answer, isLast: false, until: deadline) || hasChanged
    state.update { state in
      if state.ledger.markStale(notSeenSince: start) { hasChanged = true }
      guard let answer else {
        state.ledger.noteSilence()
        return
      }
      state.ledger.noteAbsences(
        from: answer, cluster: localCluster(state), askedAt: start, at: WallTime.now.seconds)
      state.lastAnswered = asked
    }
    if state.withLock({ !$0.ledger.isEmpty && $0.configuration == nil }) {
      if let answer = ask(.configuration, until: deadline) {
        note(answer.configuration)
        hasChanged = true
      }
    }
    let expectsMore = state.withLock { state in
      newHints(state, answer).contains { hint, mention in
        mention.form == .sentence && state.ledger.doubts[hint.id] == nil
          && state.lookUps[hint, default: 0] < Self.mostLookUps
      }
    }
    return PollOutcome(isAnswered: answer != nil, hasChanged: hasChanged, expectsMore: expectsMore)
  }

  /// Both at once: when the controller is down, it takes libslurm nine seconds to say so.
  ///
  /// - Parameter waits: somebody waits for the jobs, and can wait for what accounting has to say of them.
  func pollAll(until end: MonotonicInstant, waits: Bool) {
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
    let asked = MonotonicInstant.now
    let answer = ask(jobsOfUser(), until: deadline)
    if let answer {
      learnHostNames(answer, until: deadline)
      _ = take(answer, from: .slurmctld)
      state.update { $0.lastAnswered = asked }
    } else {
      state.update { $0.ledger.noteSilence() }
    }
    let accounted = byTag.wait(until: end) { $0.done ? Optional($0.answer) : nil }
    if let accounted, let accounted { _ = take(accounted, from: .slurmdbd) }
    _ = lookUp(missingFrom: answer, isLast: true, until: deadline)
    for pause in waits ? Self.longPauses : Self.shortPauses where isAwaited(before: deadline, pause) {
      _ = state.wait(until: .now + pause) { $0.isInterrupted ? true : nil }
      _ = lookUp(missingFrom: answer, isLast: true, until: deadline)
    }
    if state.withLock({ !$0.ledger.isEmpty && $0.configuration == nil }) {
      let answer = ask(.configuration, until: deadline)
      note(answer?.configuration)
    }
    state.update { _ = $0.ledger.markStale(notSeenSince: start) }
  }

  /// Seconds between the last questions for the use of jobs that have just ended. slurmctld hands the start of a job on
  /// every five seconds, and its end not before.
  private static let longPauses = shortPauses + [1.6, 3.2]
  private static let shortPauses = [0.2, 0.4, 0.8]

  /// Accounting answers, and has not been told yet of a job that has just ended.
  private func isAwaited(before deadline: MonotonicInstant, _ pause: Double) -> Bool {
    state.withLock { state in
      let question = SlurmRequest.accountingJobs(ids: [], cluster: nil).name
      return state.problems[question] == nil && !state.isInterrupted && .now + pause < deadline
        && state.ledger.lacksAccounting(ofJobsEndedSince: WallTime.now.seconds + state.skew - 10)
    }
  }

  /// The question for the jobs that can be the command's.
  private func jobsOfUser() -> SlurmRequest {
    let scope = state.withLock { state in
      state.detection.scope(known: state.ledger.ids, skew: state.skew, otherSessions: state.otherSessions)
    }
    return .jobsOfUser(uid: getuid(), scope: scope)
  }

  private func note(_ configuration: ClusterConfiguration?) {
    state.update { state in
      state.configuration = configuration
      state.ledger.minJobAge = configuration?.minJobAge
    }
  }

  // MARK: Accounting by id

  private struct LookUp {
    var ids: Set<UInt32>
    var hints: [JobHint] = []
  }

  /// Asks accounting for jobs by id: those that the controller does not list (or, at the end, whose use is
  /// not known yet), and ids that were printed.
  private func lookUp(
    missingFrom answer: SlurmAnswer?, isLast: Bool, until deadline: MonotonicInstant
  ) -> Bool {
    var hasChanged = false
    let lookUps = state.withLock { self.lookUps($0, missingFrom: answer, isLast: isLast) }
    if lookUps.isEmpty {
      // What could not be told before was told by others since.
      state.update { $0.problems[SlurmRequest.accountingJobs(ids: [], cluster: nil).name] = nil }
    }
    for (cluster, lookUp) in lookUps {
      let request = SlurmRequest.accountingJobs(
        ids: lookUp.ids.sorted(), cluster: cluster ?? state.withLock { localCluster($0) },
        uid: getuid())
      guard let found = ask(request, until: deadline) else { continue }
      state.update { state in
        for hint in lookUp.hints { state.lookUps[hint, default: 0] += 1 }
      }
      hasChanged = take(found, from: .slurmdbd) || hasChanged
    }
    return hasChanged
  }

  /// By cluster; nil is our own.
  private func lookUps(
    _ state: State, missingFrom answer: SlurmAnswer?, isLast: Bool
  ) -> OrderedDictionary<String?, LookUp> {
    let local = localCluster(state)
    var lookUps: OrderedDictionary<String?, LookUp> = [:]
    let others = Set(state.ledger.jobs.compactMap(\.cluster)).filter { $0 != local }
    for cluster in [nil] + others.sorted().map(Optional.some) {
      let ids = state.ledger.idsToLookUp(notIn: answer, cluster: cluster ?? local, withUsage: isLast)
      if !ids.isEmpty { lookUps[cluster] = LookUp(ids: Set(ids)) }
    }
    var hints = newHints(state, answer).map { hint, mention in
      (hint, isSentence: mention.form == .sentence, times: state.lookUps[hint, default: 0])
    }
    if !isLast { hints.removeAll { $0.times >= Self.mostLookUps } }
    // Those that were asked for least, the newest first, as they come.
    let order = hints.indices.sorted { a, b in
      let (left, right) = (hints[a], hints[b])
      if left.isSentence != right.isSentence { return left.isSentence }
      return (left.times, a) < (right.times, b)
    }
    var clusters: Set<String> = []
    for (hint, _, _) in order.lazy.map({ hints[$0] }).prefix(Self.mostHints) {
      if let cluster = hint.cluster, !clusters.contains(cluster) {
        if clusters.count == Self.mostClusters { continue }
        clusters.insert(cluster)
      }
      lookUps[hint.cluster, default: LookUp(ids: [])].ids.insert(hint.id)
      lookUps[hint.cluster]?.hints.append(hint)
    }
    return lookUps
  }

  /// Ids that were printed, and are neither known jobs nor in the controller's answer.
  private func newHints(_ state: State, _ answer: SlurmAnswer?) -> [(JobHint, JobMention)] {
    let mentions = state.detection.hints
    if mentions.isEmpty { return [] }
    let local = localCluster(state)
    let seen = Set(
      (state.ledger.jobs + (answer?.jobs ?? []).map(\.record)).flatMap { record in
        // While our own cluster's name is not known, a job may be of it.
        let clusters: [String?] =
          record.cluster == local ? [nil] : local == nil ? [nil, record.cluster] : [record.cluster]
        return [record.jobID, record.arrayJobID, record.hetJobID].compactMap { $0 }.flatMap { id in
          clusters.map { JobHint(id: id, cluster: $0) }
        }
      })
    return mentions.compactMap { mention in
      let cluster = mention.cluster?.lowercased()
      let hint = JobHint(id: mention.jobID, cluster: cluster == local ? nil : cluster)
      return seen.contains(hint) ? nil : (hint, mention)
    }
  }

  private func localCluster(_ state: State) -> String? {
    state.configuration?.clusterName ?? clusterName
  }

  // MARK: Names of this host

  /// slurmctld knows a submitting host by its reverse address. Those of this host are asked for once in a
  /// run, and only if a job was submitted on a host by a name that is not known to be ours.
  private func learnHostNames(_ answer: SlurmAnswer, until deadline: MonotonicInstant) {
    let now = WallTime.now.seconds
    let skew = Double(answer.controllerTime ?? Int(now)) - now
    let isNeeded = state.update { state -> Bool in
      guard !state.hasAskedHostNames,
        answer.jobs.contains(where: { state.detection.isFromUnknownHost($0, skew: skew) })
      else { return false }
      state.hasAskedHostNames = true
      return true
    }
    if !isNeeded { return }
    let names = ask(.hostNames, until: min(deadline, .now + Self.hostNamesLimit))
    state.update { state in
      state.detection.add(names?.hostNames ?? [])
      // The question was given up for the last look, which asks it again.
      if names == nil, state.isInterrupted { state.hasAskedHostNames = false }
    }
  }

  // MARK: One question

  /// Takes an answer in. True if a job is new or has changed.
  private func take(_ answer: SlurmAnswer, from source: JobSource) -> Bool {
    let now = WallTime.now.seconds
    return state.update { state in
      if let time = answer.controllerTime { state.skew = (Double(time) - now).rounded() }
      state.detection.add(answer.hostNames)
      let (detection, skew) = (state.detection, state.skew)
      let owners = SessionOwners(root: root)
      if source == .slurmctld {
        // One job of each session: a look at its leader costs some reads of /proc.
        for (sid, jobs) in Dictionary(grouping: answer.jobs, by: \.allocSID) {
          guard let sid, let job = jobs.first, !state.otherSessions.contains(sid) else { continue }
          if detection.isOfOtherSession(job, skew: skew, owner: owners.owner) {
            state.otherSessions.insert(sid)
          }
        }
      }
      return state.ledger.apply(
        answer, from: source, at: now,
        evidence: { detection.evidence(for: $0, skew: skew, owner: owners.owner) },
        doubt: { detection.doubt(about: $0, skew: skew, owner: owners.owner) })
    }
  }

  /// One question, with its statistics. Nil when there was no answer.
  private func ask(_ request: SlurmRequest, until deadline: MonotonicInstant) -> SlurmAnswer? {
    if state.withLock({ $0.isInterrupted }) { return nil }
    let start = WallTime.now.seconds
    do throws(SlurmFailure) {
      let answer = try access.ask(request, until: deadline)
      let isCured = state.update { state -> Bool in
        state.note(request, at: start, failure: nil)
        state.askedBy = answer.askedBy
        return state.problems.removeValue(forKey: request.name) != nil && state.problems.isEmpty
      }
      if isCured { log.debug("Slurm answers again") }
      return answer
    } catch {
      let isNew = state.update { state -> Bool in
        if state.isInterrupted { return false }
        state.note(request, at: start, failure: error)
        defer {
          state.problems.removeValue(forKey: request.name)
          state.problems[request.name] = error.message
        }
        return state.problems.isEmpty
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
