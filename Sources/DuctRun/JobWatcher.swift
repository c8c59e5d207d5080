internal import DuctRecords
import Glibc
internal import Logging
internal import OrderedCollections
internal import ProcessSampling
internal import RecordText
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Watches what the command submits to Slurm, on a thread of its own.
///
/// No answer is never an error: then what was known stays, marked as stale.
final class JobWatcher: Sendable {
  /// While someone waits for the jobs, in seconds.
  private static let longestPauseInWait = 15.0

  struct State: Sendable {
    var detection: JobDetection
    var ledger = JobLedger()
    var schedule = PollSchedule()
    var queries: OrderedDictionary<String, QueryStatistics> = [:]
    var configuration: ClusterConfiguration?
    /// How often slurmdbd has answered when it was asked for an id that was printed.
    var lookUps: [JobHint: Int] = [:]
    var hasAskedHostNames = false
    /// Sessions of jobs that are not the command's.
    var otherSessions: Set<UInt32> = []
    /// Seconds that the controller's clock is ahead of ours.
    var skew = 0.0
    /// By the kind of question: the last of each kind was not answered, the latest of them stands last.
    var problems: OrderedDictionary<String, String> = [:]
    /// By which way the last answer came.
    var askedBy: SlurmWay?
    var hasSeenActivity = false
    /// When slurmctld was asked the last question that it has answered.
    var lastAnswered: MonotonicInstant?
    var isStopped = false
    var isPolling = false
    /// Questions are being ended by us; their failure says nothing of Slurm.
    var isInterrupted = false

    /// What is not known, and why; nil while all questions are answered. slurmctld's word says more than slurmdbd's,
    /// which is asked for what slurmctld does not tell.
    var problem: String? { controllerProblem ?? problems.values.last }
    private var controllerProblem: String? { problems[SlurmRequest.jobsOfUser(uid: 0).name] }

    /// sbatch was called, and slurmctld has never said whether there are jobs, or does not any more.
    var mayHaveUnknownJobs: Bool {
      detection.hasSeenSbatch && (lastAnswered == nil || controllerProblem != nil)
    }
  }

  let access: SlurmAccess
  let clusterName: String?
  /// Seconds for one question while the command runs.
  private let limit: Double
  let log: Logger
  let root: pid_t
  private let changed: @Sendable () -> Void
  let state: Monitor<State>

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
  ///
  /// - Parameter waits: somebody waits for the jobs (`--wait-jobs`).
  func finish(until deadline: MonotonicInstant, waits: Bool) {
    // A question that is on its way may be about to wait for long; it is asked anew with all the time.
    var isFree = false
    while !isFree, deadline > .now {
      state.update { $0.isInterrupted = true }
      access.cancel()
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
    pollAll(until: deadline, waits: waits)
  }

  /// Stops the thread, and whatever question it is waiting for.
  func cancel() {
    state.update {
      $0.isStopped = true
      $0.isInterrupted = true
    }
    access.cancel()
  }

  /// Waits until every job has ended, can never start, or is lost to Slurm itself; or until no job is known
  /// and slurmctld has not answered for the limit of a question.
  ///
  /// - Parameters:
  ///   - progress: called at each look with all jobs.
  ///   - isCancelled: asked twice a second.
  func waitForJobs(progress: ([JobRecord]) -> Void, isCancelled: () -> Bool) {
    enum End { case ofJobs, ofPatience }
    let start = MonotonicInstant.now
    state.update { $0.schedule.hurry(start, longestPause: Self.longestPauseInWait) }
    while !isCancelled() {
      let end = state.wait(until: .now + 0.5) { state -> End? in
        // An answer to a question from before may lack what was submitted since.
        if let asked = state.lastAnswered, asked >= start {
          return state.ledger.jobs.allSatisfy(state.isSettled) ? .ofJobs : nil
        }
        return state.ledger.isEmpty && start + limit <= .now ? .ofPatience : nil
      }
      progress(state.withLock { $0.ledger.jobs })
      switch end {
      case .ofJobs?:
        warnOfLostJobs()
        return
      case .ofPatience?:
        let reason = state.withLock { $0.problem }.map { ": \($0)" } ?? ""
        log.warning(
          "Not waiting for jobs: no job is known, and Slurm has not answered for \(fixed(limit, decimals: 0)) s\(reason)"
        )
        return
      case nil: break
      }
    }
  }

  private func warnOfLostJobs() {
    for job in state.withLock({ state in state.ledger.jobs.filter { state.ledger.isLost($0) } }) {
      log.warning(
        "Not waiting for job \(job.displayID): slurmctld does not know it any more, and accounting cannot tell what became of it (\(job.state) when last seen)"
      )
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
          state.schedule.noteStart(.now)
          return .poll
        }
        return state.schedule.next == next ? nil : .rearm
      }
      switch step {
      case .stop?: return
      case .rearm?, nil: continue
      case .poll?:
        let outcome = poll(until: .now + limit)
        state.update { state in
          state.isPolling = false
          state.schedule.notePoll(
            .now, isAnswered: outcome.isAnswered, hasChanged: outcome.hasChanged,
            expectsMore: outcome.expectsMore || state.ledger.hasActiveJobs)
        }
        if outcome.hasChanged { changed() }
      }
    }
  }
}

extension JobWatcher.State {
  /// Waiting changes nothing for the job.
  fileprivate func isSettled(_ job: JobRecord) -> Bool {
    job.hasEnded || job.canNeverStart || ledger.isLost(job)
  }
}
