import Glibc
internal import Logging
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Sends the requests to Slurm: during the run on the watcher's thread, at the end on the finalizer's.
///
/// Has no state of its own. `JobKnowledge` decides what an answer means.
struct JobQuestions: Sendable {
  /// Seconds that a lookup of this host's names may take, because a name server that is down would take long.
  private static let hostNamesLimit = 3.0
  /// The share of the time at the end that requests may use. In the rest, duct ends a helper that hangs, so that
  /// its failure is in the record.
  private static let shareOfRequests = 0.9
  /// Seconds between the last lookups of accounting data for jobs that have just ended. slurmctld reports the start
  /// of jobs to slurmdbd every five seconds, and reports the end of a job only after its start.
  private static let shortPauses = [0.2, 0.4, 0.8]
  private static let longPauses = shortPauses + [1.6, 3.2]

  let access: SlurmAccess
  let knowledge: Monitor<JobKnowledge>
  /// The pid of the command.
  let root: pid_t
  let log: Logger
  /// Whether duct itself cancels the requests. Their failure then does not show that Slurm fails.
  let isInterrupted: @Sendable () -> Bool
  /// Sleeps for this many seconds, or until duct interrupts the requests.
  let sleep: @Sendable (Double) -> Void

  struct PollOutcome {
    /// slurmctld has answered.
    var isAnswered: Bool
    /// A job is new or has changed.
    var hasChanged: Bool
    /// Slurm has not reported yet a job whose id was printed.
    var expectsMore: Bool
  }

  // MARK: While the command runs

  /// Sends a request to slurmctld, then looks up in slurmdbd the jobs that slurmctld does not know.
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

  /// Sends a request to slurmctld and, at the same time, one to slurmdbd for the jobs with the run's tag: if
  /// slurmctld is down, libslurm takes nine seconds to report that.
  ///
  /// - Parameter waits: the user waits for the jobs, so duct also waits longer for their accounting data.
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

  /// Asks slurmdbd for the jobs with the run's tag, on a thread of its own.
  private func askByTag(until deadline: MonotonicInstant) -> Monitor<TagAnswer> {
    let (tag, runStart) = knowledge.withLock { ($0.detection.tag, Int($0.detection.runStart)) }
    let result = Monitor(TagAnswer(isDone: tag == nil))
    guard let tag else { return result }
    do throws(Errno) {
      _ = try OwnThread("duct accounting", stackSize: 4 << 20) { [self] in
        // Ask from a minute before the start, in case slurmctld's clock is behind.
        let request = SlurmRequest.accountingOfUser(uid: getuid(), since: runStart - 60, tags: [tag])
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
    // It opens files in /proc: not under the lock, for which the sampler would have to wait.
    let owners = SessionOwners(root: root)
    return knowledge.update { $0.take(answer, from: source, owners: owners) }
  }

  /// Looks up jobs by id in slurmdbd, with one request per cluster. True if a job is new or has changed.
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

  /// Requests the configuration if there are jobs and it is not known. True if Slurm answered.
  private func learnConfiguration(until deadline: MonotonicInstant) -> Bool {
    guard knowledge.withLock({ $0.needsConfiguration }), let answer = ask(.configuration, until: deadline)
    else { return false }
    knowledge.update { $0.note(answer.configuration) }
    return true
  }

  /// slurmctld knows a submit host by the name that belongs to its address. duct requests this host's names at most
  /// once in a run, and only if a job was submitted from a host that may be this one under another name.
  private func learnHostNames(_ answer: SlurmAnswer, until deadline: MonotonicInstant) {
    guard knowledge.update({ $0.startAskingHostNames(answer) }) else { return }
    let names = ask(.hostNames, until: min(deadline, .now + Self.hostNamesLimit))
    // `finish` interrupts requests. The last poll then sends this one again.
    let isGivenUp = names == nil && isInterrupted()
    knowledge.update { $0.note(hostNames: names?.hostNames ?? [], isGivenUp: isGivenUp) }
  }

  /// Sends one request. Nil if Slurm did not answer; `knowledge` then has the reason.
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
