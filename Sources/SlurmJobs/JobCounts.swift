/// How many jobs and array tasks there are, by what they have come to.
public struct JobCounts: Sendable, Equatable {
  /// By state, in the order of lists. Without those that `stuck` counts.
  public private(set) var states: [(state: JobState, count: Int)] = []
  public private(set) var total = 0
  /// Ended, well or not.
  public private(set) var ended = 0
  /// Ended and not well, also if only a step was not.
  public private(set) var failed = 0
  public private(set) var running = 0
  /// They do not start by themselves: see `StateReason.neverStarts`.
  public private(set) var stuck = 0

  public init(_ jobs: some Sequence<JobRecord>) {
    var counts: [JobState: Int] = [:]
    for job in jobs {
      let tasks = job.taskCount
      total += tasks
      if job.hasEnded { ended += tasks }
      if job.hasEnded, job.hasFailed { failed += tasks }
      if job.state == .running { running += tasks }
      if StateReason.neverStarts(job) { stuck += tasks } else { counts[job.state, default: 0] += tasks }
    }
    states = counts.sorted { JobState.displayOrder($0.key, $1.key) }.map { ($0.key, $0.value) }
  }

  /// Neither ended nor stuck.
  public var waitedFor: Int { total - ended - stuck }

  /// The states of those that are waited for: `2 RUNNING, 26 PENDING`; empty if there are none.
  public var activeText: String { text(states.filter { $0.state.isActive }) }

  /// `11 COMPLETED, 2 RUNNING, 26 PENDING, 1 not starting`.
  public var text: String {
    [text(states), stuck > 0 ? "\(stuck) not starting" : ""].filter { !$0.isEmpty }.joined(separator: ", ")
  }

  private func text(_ states: [(state: JobState, count: Int)]) -> String {
    states.map { "\($0.count) \($0.state)" }.joined(separator: ", ")
  }

  public static func == (left: Self, right: Self) -> Bool {
    (left.total, left.ended, left.failed, left.running, left.stuck)
      == (right.total, right.ended, right.failed, right.running, right.stuck) && left.text == right.text
  }
}
