internal import SystemCalls

/// When slurmctld is asked next: soon after a submission is seen, later and later while nothing changes,
/// never while nothing can have changed.
struct PollSchedule: Sendable {
  /// Seconds.
  static let afterSubmission = 0.5
  static let shortestPause = 2.0
  static let pauseAfterChange = 5.0
  var longestPause = 60.0

  private(set) var next: MonotonicInstant?
  private var pause = shortestPause
  private var lastPoll: MonotonicInstant?

  /// The command has submitted something, by what it printed or by the processes it started.
  mutating func noteSubmission(_ now: MonotonicInstant) {
    pause = Self.shortestPause
    // A burst of submissions is one question every two seconds, not one each.
    var soonest = now + Self.afterSubmission
    if let lastPoll { soonest = max(soonest, lastPoll + Self.shortestPause) }
    next = min(next ?? soonest, soonest)
  }

  /// Processes came or went below the command: one may have been a submission.
  mutating func noteActivity(_ now: MonotonicInstant) {
    if next == nil { next = now + pause }
  }

  /// An answer has come, or none.
  mutating func notePoll(_ now: MonotonicInstant, hasChanged: Bool, hasActiveJobs: Bool) {
    lastPoll = now
    pause = hasChanged ? min(Self.pauseAfterChange, longestPause) : min(pause * 2, longestPause)
    next = hasActiveJobs ? now + pause : nil
  }

  /// Someone waits for the jobs to end.
  mutating func hurry(_ now: MonotonicInstant, longestPause: Double) {
    self.longestPause = longestPause
    pause = Self.shortestPause
    next = now
  }
}
