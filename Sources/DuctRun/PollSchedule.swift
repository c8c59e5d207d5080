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

  /// A question is asked. What is noted from now on may not be in its answer.
  mutating func noteStart(_ now: MonotonicInstant) {
    next = nil
    lastPoll = now
  }

  /// It has ended.
  ///
  /// - Parameters:
  ///   - isAnswered: by slurmctld; else it is asked again, later and later.
  ///   - expectsMore: jobs have not ended, or one that was named has not been found yet.
  mutating func notePoll(
    _ now: MonotonicInstant, isAnswered: Bool, hasChanged: Bool, expectsMore: Bool
  ) {
    lastPoll = now
    pause = hasChanged ? min(Self.pauseAfterChange, longestPause) : min(pause * 2, longestPause)
    let planned = expectsMore || !isAnswered ? now + pause : nil
    // What was noted in between is asked for at its own time, unless nobody answers.
    guard isAnswered, let noted = next else {
      next = planned
      return
    }
    next = planned.map { min($0, noted) } ?? noted
  }

  /// Someone waits for the jobs to end.
  mutating func hurry(_ now: MonotonicInstant, longestPause: Double) {
    self.longestPause = longestPause
    pause = Self.shortestPause
    next = now
  }
}
