internal import SystemCalls

/// Decides when to poll slurmctld next: soon after duct sees a submission, less and less often while nothing
/// changes, and not at all while nothing can have changed.
struct PollSchedule: Sendable {
  /// In seconds, as the following ones.
  static let afterSubmission = 0.5
  static let shortestPause = 2.0
  static let pauseAfterChange = 5.0
  /// Also the time in which one more poll is allowed: in the long run, less than one a minute, whatever changes.
  static let longestPauseOfRun = 75.0
  /// So many polls may come sooner, after a start or a quiet time.
  static let quickPolls = 6.0
  var longestPause = longestPauseOfRun
  /// The largest share of the time that duct spends on polls. With 10,000 jobs, the answer to one takes half a second
  /// of CPU time. `longestPause` comes first.
  static let share = 0.01

  private(set) var next: MonotonicInstant?
  private var pause = shortestPause
  private var lastPoll: MonotonicInstant?
  /// CPU time of the last poll.
  private var cost = 0.0
  /// The least pause by that cost.
  private var affordable: Double { min(cost / Self.share, longestPause) }

  /// Polls that may be made now.
  private var credit = quickPolls
  private var creditTime: MonotonicInstant?
  /// The user waits for the jobs.
  private var isHurried = false

  /// When the next poll is allowed.
  private var allowed: MonotonicInstant? {
    guard let creditTime, credit < 1, !isHurried else { return nil }
    return creditTime + (1 - credit) * Self.longestPauseOfRun
  }

  /// Records that the command has submitted something, as its output or its processes show.
  mutating func noteSubmission(_ now: MonotonicInstant) {
    pause = Self.shortestPause
    // A burst of submissions causes one poll every two seconds, not one poll each.
    var soonest = now + Self.afterSubmission
    if let lastPoll { soonest = max(soonest, lastPoll + max(Self.shortestPause, affordable)) }
    soonest = earliest(soonest)
    next = min(next ?? soonest, soonest)
  }

  /// Records that processes have started or ended below the command. One of them may have submitted a job.
  mutating func noteActivity(_ now: MonotonicInstant) {
    if next == nil { next = earliest(now + max(pause, affordable)) }
  }

  /// Records the start of a poll. Its answer may lack what is noted from now on.
  mutating func noteStart(_ now: MonotonicInstant) {
    next = nil
    lastPoll = now
    let earned = creditTime.map { now.seconds(since: $0) / Self.longestPauseOfRun } ?? 0
    credit = max(min(credit + earned, Self.quickPolls) - 1, 0)
    creditTime = now
  }

  /// Records the end of a poll.
  ///
  /// - Parameters:
  ///   - isAnswered: whether slurmctld answered. If not, the next poll follows after a pause that doubles each
  ///     time.
  ///   - cost: seconds of CPU time that it took.
  ///   - expectsMore: some jobs have not ended, or Slurm has not reported yet a job whose id was printed.
  mutating func notePoll(
    _ now: MonotonicInstant, isAnswered: Bool, hasChanged: Bool, expectsMore: Bool, cost: Double
  ) {
    lastPoll = now
    self.cost = cost
    pause = hasChanged ? min(Self.pauseAfterChange, longestPause) : min(pause * 2, longestPause)
    let planned = expectsMore || !isAnswered ? earliest(now + max(pause, affordable)) : nil
    // What was noted during the poll sets the time of the next one, unless slurmctld does not answer.
    guard isAnswered, let noted = next else {
      next = planned
      return
    }
    next = planned.map { min($0, noted) } ?? noted
  }

  /// The user waits for the jobs to end: makes the next poll due immediately, and the pauses shorter.
  mutating func hurry(_ now: MonotonicInstant, longestPause: Double) {
    self.longestPause = longestPause
    isHurried = true
    pause = Self.shortestPause
    next = now
  }

  private func earliest(_ time: MonotonicInstant) -> MonotonicInstant { max(time, allowed ?? time) }
}
