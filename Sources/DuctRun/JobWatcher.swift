import Glibc
internal import Logging
internal import OrderedCollections
internal import ProcessSampling
internal import RecordText
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Watches the jobs that the command submits to Slurm, on a thread of its own.
///
/// A request without an answer is not an error: duct keeps what it knew and marks it as stale.
final class JobWatcher: Sendable {
  /// The most seconds between two polls while the user waits for the jobs.
  private static let longestPauseInWait = 15.0

  /// When to poll next, and whether to stop.
  private struct Control: Sendable {
    var schedule = PollSchedule()
    var isStopped = false
    var isPolling = false
    /// duct itself cancels the requests. Their failure then does not show that Slurm fails.
    var isInterrupted = false
  }

  private let access: SlurmAccess
  private let questions: JobQuestions
  private let knowledge: Monitor<JobKnowledge>
  private let control = Monitor(Control())
  /// Seconds that one poll may take while the command runs.
  private let limit: Double
  private let log: Logger
  private let changed: @Sendable () -> Void

  /// - Parameters:
  ///   - root: the pid of the command.
  ///   - limit: seconds that one poll may take while the command runs.
  ///   - changed: called on the watcher's thread when a job is new or has changed.
  init(
    _ setup: SlurmSetup, detection: JobDetection, root: pid_t, limit: Double, log: Logger,
    changed: @escaping @Sendable () -> Void
  ) throws(Errno) {
    access = setup.access
    self.limit = limit
    self.log = log
    self.changed = changed
    knowledge = Monitor(JobKnowledge(detection: detection, clusterName: setup.clusterName))
    questions = JobQuestions(
      access: access, knowledge: knowledge, root: root, log: log,
      isInterrupted: { [control] in control.withLock { $0.isInterrupted } },
      sleep: { [control] in _ = control.wait(until: .now + $0) { $0.isInterrupted ? true : nil } })
    _ = try OwnThread("duct jobs", stackSize: 4 << 20) { [self] in run() }
  }

  // MARK: Input and state

  func note(_ news: TreeNews) {
    knowledge.update { $0.note(news) }
    control.update { control in
      if news.hasNewSbatch { control.schedule.noteSubmission(.now) }
      if news.hasChanged { control.schedule.noteActivity(.now) }
    }
  }

  func note(_ mentions: [JobMention]) {
    if mentions.isEmpty { return }
    knowledge.update { $0.note(mentions) }
    guard mentions.contains(where: { $0.form == .sentence }) else { return }
    control.update { $0.schedule.noteSubmission(.now) }
  }

  /// What is known at this moment.
  var snapshot: JobKnowledge { knowledge.withLock { $0 } }

  // MARK: The end of the run

  /// Asks for the states of all jobs once more. Marks jobs as stale if Slurm does not report them by the deadline.
  ///
  /// - Parameter waits: the user waits for the jobs (`--wait-jobs`).
  func finish(until deadline: MonotonicInstant, waits: Bool) {
    // A request in progress may take long. Cancel it: `pollAll` sends it again, with all the time that is left.
    var isFree = false
    while !isFree, deadline > .now {
      control.update { $0.isInterrupted = true }
      access.cancel()
      isFree =
        control.wait(until: min(deadline, .now + 0.2)) { control -> Bool? in
          if control.isPolling { return nil }
          control.isStopped = true
          control.isInterrupted = false
          return true
        } ?? false
    }
    if !isFree {
      control.update { $0.isStopped = true }
      knowledge.update { $0.markStale(notSeenSince: WallTime.now.seconds) }
      return
    }
    questions.pollAll(until: deadline, waits: waits)
  }

  /// Stops the thread, and cancels its request in progress.
  func cancel() {
    control.update {
      $0.isStopped = true
      $0.isInterrupted = true
    }
    access.cancel()
  }

  /// Waits until every job has ended, can never start, or is lost to Slurm. Also returns if no job is known and
  /// slurmctld has not answered for as long as one poll may take.
  ///
  /// - Parameters:
  ///   - progress: called twice a second; nil if nobody looks.
  ///   - isCancelled: called twice a second; true ends the wait.
  func waitForJobs(progress: ((JobCounts) -> Void)?, isCancelled: () -> Bool) {
    enum End { case ofJobs, ofPatience }
    var stuck = StuckWait()
    let start = MonotonicInstant.now
    control.update { $0.schedule.hurry(start, longestPause: Self.longestPauseInWait) }
    while !isCancelled() {
      let end = knowledge.wait(until: .now + 0.5) { known -> End? in
        // The answer to an earlier request may lack jobs that the command submitted after that request.
        if let asked = known.lastAnswered, asked >= start {
          let isOver = stuck.isOver(known.ledger.unsortedJobs, asked: asked, isLost: known.ledger.isLost)
          return isOver ? .ofJobs : nil
        }
        return known.ledger.isEmpty && start + limit <= .now ? .ofPatience : nil
      }
      progress?(knowledge.withLock { JobCounts($0.ledger.unsortedJobs) })
      switch end {
      case .ofJobs?:
        warnOfLostJobs()
        warnOfStuckJobs()
        return
      case .ofPatience?:
        let reason = knowledge.withLock { $0.problem }.map { ": \($0)" } ?? ""
        log.warning(
          "Not waiting for jobs: no job is known, and Slurm has not answered for \(fixed(limit, decimals: 0)) s\(reason)"
        )
        return
      case nil: break
      }
    }
  }

  private func warnOfLostJobs() {
    for job in knowledge.withLock({ known in known.ledger.jobs.filter { known.ledger.isLost($0) } }) {
      log.warning(
        "Not waiting for job \(job.displayID): slurmctld does not know it any more, and accounting cannot tell what became of it (\(job.state) when last seen)"
      )
    }
  }

  private func warnOfStuckJobs() {
    let stuck = knowledge.withLock { known in known.ledger.jobs.filter(StateReason.neverStarts) }
    for (reason, jobs) in OrderedDictionary(grouping: stuck, by: { $0.stateReason ?? "" }) {
      let cause = StateReason(reason)
      let ids = jobs.prefix(Self.mostNamed).map(\.displayID).joined(separator: ", ")
      let more = jobs.count > Self.mostNamed ? " and \(jobs.count - Self.mostNamed) more" : ""
      let advice = cause.advice.map { ". \($0)" } ?? ""
      log.warning(
        "Not waiting for job \(ids)\(more), which does not start by itself (\(reason)): \(cause.text)\(advice)"
      )
    }
  }

  private static let mostNamed = 5

  // MARK: The thread

  private func run() {
    enum Step { case poll, rearm, stop }
    while true {
      let next = control.withLock { $0.schedule.next }
      let step = control.wait(until: next) { control -> Step? in
        if control.isStopped { return .stop }
        if let due = control.schedule.next, due <= .now {
          control.isPolling = true
          control.schedule.noteStart(.now)
          return .poll
        }
        return control.schedule.next == next ? nil : .rearm
      }
      switch step {
      case .stop?: return
      case .rearm?, nil: continue
      case .poll?:
        let before = threadProcessorTime()
        let outcome = questions.poll(until: .now + limit)
        let cost = threadProcessorTime() - before
        let hasActiveJobs = knowledge.withLock { $0.ledger.hasActiveJobs }
        control.update { control in
          control.isPolling = false
          control.schedule.notePoll(
            .now, isAnswered: outcome.isAnswered, hasChanged: outcome.hasChanged,
            expectsMore: outcome.expectsMore || hasActiveJobs, cost: cost)
        }
        if outcome.hasChanged { changed() }
      }
    }
  }
}
