import Glibc
internal import Logging
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// The requests to Slurm during a run, on the watcher's thread and, at the end, on that of the finalizer.
///
/// It keeps no state of its own: what an answer means is decided by `JobKnowledge`.
struct JobQuestions: Sendable {
  /// Seconds for the names of this host, because a name server that is down would take long.
  private static let hostNamesLimit = 3.0
  /// The part of the time at the end that requests may use. The rest is for ending a helper that hangs, so that its
  /// failure is in the record.
  private static let shareOfRequests = 0.9
  /// Seconds between the last requests for the use of jobs that have just ended. slurmctld reports the start of a job to
  /// slurmdbd every five seconds, and its end not before.
  private static let shortPauses = [0.2, 0.4, 0.8]
  private static let longPauses = shortPauses + [1.6, 3.2]

  let access: SlurmAccess
  let knowledge: Monitor<JobKnowledge>
  /// The pid of the command.
  let root: pid_t
  let log: Logger
  /// Whether duct itself cancels the requests: then their failure says nothing about Slurm.
  let isInterrupted: @Sendable () -> Bool
  /// Sleeps for so many seconds, unless requests are interrupted meanwhile.
  let sleep: @Sendable (Double) -> Void

  struct PollOutcome {
    /// slurmctld has answered.
    var isAnswered: Bool
    /// A job is new or has changed.
    var hasChanged: Bool
    /// A job whose id was printed has not been found yet.
    var expectsMore: Bool
  }

  // MARK: While the command runs

  /// Asks the controller, then accounting for what the controller does not know.
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
    knowledge.update { knowledge in
      if knowledge.markStale(notSeenSince: start) { hasChanged = true }
      guard let answer else { return knowledge.noteSilence() }
      knowledge.noteAbsences(from: answer, askedAt: start)
      knowledge.noteControllerAnswer(askedAt: asked)
    }
    hasChanged = learnConfiguration(until: deadline) || hasChanged
    return PollOutcome(
      isAnswered: answer != nil, hasChanged: hasChanged,
      expectsMore: knowledge.withLock { $0.expectsMore(answer) })
  }

  // MARK: At the end

  /// Asks the controller and accounting at the same time: if the controller is down, libslurm takes nine seconds to
  /// say so.
  ///
  /// - Parameter waits: the user waits for the jobs, and so for what accounting knows about them.
  func pollAll(until end: MonotonicInstant, waits: Bool) {
    let start = WallTime.now.seconds
    let deadline = MonotonicInstant.now + end.seconds(since: .now) * Self.shareOfRequests
    let byTag = askByTag(until: deadline)
    let asked = MonotonicInstant.now
    let answer = ask(jobsOfUser(), until: deadline)
    if let answer {
      learnHostNames(answer, until: deadline)
      _ = take(answer, from: .slurmctld)
      knowledge.update { $0.noteControllerAnswer(askedAt: asked) }
    } else {
      knowledge.update { $0.noteSilence() }
    }
    let accounted = byTag.wait(until: end) { $0.isDone ? Optional($0.answer) : nil }
    if let accounted, let accounted { _ = take(accounted, from: .slurmdbd) }
    _ = lookUp(missingFrom: answer, isLast: true, until: deadline)
    for pause in waits ? Self.longPauses : Self.shortPauses {
      guard knowledge.withLock({ $0.awaitsAccounting }), !isInterrupted(), .now + pause < deadline else {
        break
      }
      sleep(pause)
      _ = lookUp(missingFrom: answer, isLast: true, until: deadline)
    }
    _ = learnConfiguration(until: deadline)
    knowledge.update { $0.markStale(notSeenSince: start) }
  }

  private struct TagAnswer: Sendable {
    var isDone: Bool
    var answer: SlurmAnswer?
  }

  /// Asks accounting for the jobs with the run's tag, on a thread of its own.
  private func askByTag(until deadline: MonotonicInstant) -> Monitor<TagAnswer> {
    let (tag, runStart) = knowledge.withLock { ($0.detection.tag, Int($0.detection.runStart)) }
    let result = Monitor(TagAnswer(isDone: tag == nil))
    guard let tag else { return result }
    do throws(Errno) {
      _ = try OwnThread("duct accounting", stackSize: 4 << 20) { [self] in
        // A minute earlier, for a controller whose clock is behind.
        let request = SlurmRequest.accountingOfUser(uid: getuid(), since: runStart - 60, tag: tag)
        let answer = ask(request, until: deadline)
        result.update { $0 = TagAnswer(isDone: true, answer: answer) }
      }
    } catch {
      log.debug("Cannot start a thread to ask slurmdbd: \(error.description)")
      result.update { $0.isDone = true }
    }
    return result
  }

  // MARK: Single requests

  private func jobsOfUser() -> SlurmRequest { knowledge.withLock { $0.jobsOfUser(getuid()) } }

  private func take(_ answer: SlurmAnswer, from source: JobSource) -> Bool {
    knowledge.update { $0.take(answer, from: source, owners: SessionOwners(root: root)) }
  }

  /// Asks accounting for jobs by id, one request per cluster.
  private func lookUp(
    missingFrom answer: SlurmAnswer?, isLast: Bool, until deadline: MonotonicInstant
  ) -> Bool {
    var hasChanged = false
    let (lookUps, local) = knowledge.update {
      ($0.lookUps(missingFrom: answer, isLast: isLast), $0.localCluster)
    }
    for (cluster, lookUp) in lookUps {
      let request = SlurmRequest.accountingJobs(
        ids: lookUp.ids.sorted(), cluster: cluster ?? local, uid: getuid())
      guard let found = ask(request, until: deadline) else { continue }
      knowledge.update { $0.noteLookedUp(lookUp.hints) }
      hasChanged = take(found, from: .slurmdbd) || hasChanged
    }
    return hasChanged
  }

  /// Asks for the configuration once there are jobs. True if it was learned.
  private func learnConfiguration(until deadline: MonotonicInstant) -> Bool {
    guard knowledge.withLock({ $0.needsConfiguration }), let answer = ask(.configuration, until: deadline)
    else { return false }
    knowledge.update { $0.note(answer.configuration) }
    return true
  }

  /// slurmctld knows a submit host by its reverse address. duct asks for this host's names at most once in a run,
  /// and only if a job was submitted from a host whose name is not known to be this one's.
  private func learnHostNames(_ answer: SlurmAnswer, until deadline: MonotonicInstant) {
    guard knowledge.update({ $0.startAskingHostNames(answer) }) else { return }
    let names = ask(.hostNames, until: min(deadline, .now + Self.hostNamesLimit))
    // A request that was given up for the last poll is sent again by it.
    let isGivenUp = names == nil && isInterrupted()
    knowledge.update { $0.note(hostNames: names?.hostNames ?? [], isGivenUp: isGivenUp) }
  }

  /// Sends one request. Nil if it was not answered; the reason is kept.
  private func ask(_ request: SlurmRequest, until deadline: MonotonicInstant) -> SlurmAnswer? {
    if isInterrupted() { return nil }
    let start = WallTime.now.seconds
    do throws(SlurmFailure) {
      let answer = try access.ask(request, until: deadline)
      if knowledge.update({ $0.noteAnswer(to: request, at: start, by: answer.askedBy) }) {
        log.debug("Slurm answers again")
      }
      return answer
    } catch {
      if isInterrupted() { return nil }
      if knowledge.update({ $0.noteFailure(error, of: request, at: start) }) {
        log.debug("Slurm does not answer: \(error)")
      }
      return nil
    }
  }
}
