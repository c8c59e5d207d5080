internal import SystemCalls

/// Decides when duct writes info.json: when something asks for it, and also when only the time and the use of resources
/// have changed.
///
/// If everything is killed at the same time, the last info.json is all that is left. So duct writes it when the run is
/// 1, 2, 4, 8, 16 and 32 s old, and then every 30 s: it is never older than half of the run, and never older than 30 s.
///
/// The record of a run with many jobs is large, and jobs of such a run change all the time. Writing it at each change
/// would cost more than everything else that duct does. So each write has a price, and duct has an income of
/// `share` of the time. It saves a little, so a small record is written at once when something changes, also several
/// times in a row. After a large one it is in debt: whatever changes until the debt is paid stands in one record.
struct InfoSchedule: Sendable, Equatable {
  /// Seconds.
  static let shortestPause = 1.0
  /// Seconds.
  static let longestPause = 30.0
  /// The largest share of the time that duct spends on writing it.
  static let share = 0.005
  /// The assumed speed of a disk, in bytes per second. The real time is not known here, because another thread
  /// or process writes the record into the log directory.
  static let deliveryRate = 50e6
  /// The most that is saved, in seconds: some hundred small records.
  static let mostSavings = 0.05

  /// When to write next. Nil before the first request, and while the record is being written and nobody has asked for
  /// another one.
  private(set) var next: MonotonicInstant?
  private let start: MonotonicInstant
  /// What duct could spend at `time`, in seconds. Negative: a debt.
  private var savings = mostSavings
  private var time: MonotonicInstant

  /// - Parameter start: the start of the run.
  init(start: MonotonicInstant) { (self.start, time) = (start, start) }

  /// When the debt is paid; `other` if that is later.
  private func affordable(orLater other: MonotonicInstant) -> MonotonicInstant {
    savings < 0 ? max(other, time + -savings / Self.share) : other
  }

  /// Notes that something asks for the record. This replaces an earlier request, and the time by the age of the run.
  ///
  /// - Parameter start: when to begin; nil: immediately.
  mutating func noteRequest(at now: MonotonicInstant, notBefore start: MonotonicInstant?) {
    next = affordable(orLater: start ?? now)
  }

  /// Notes that the record is made now.
  mutating func noteStart() { next = nil }

  /// Notes that the record was written.
  ///
  /// - Parameters:
  ///   - cost: seconds of CPU time that it took to make and write it.
  ///   - bytes: its size.
  mutating func noteEnd(at now: MonotonicInstant, cost: Double, bytes: Int) {
    let income = max(now.seconds(since: time), 0) * Self.share
    savings = min(savings + income, Self.mostSavings) - max(cost, 0) - Double(bytes) / Self.deliveryRate
    time = now
    let pause = min(max(now.seconds(since: start), Self.shortestPause), Self.longestPause)
    // A request that has arrived in the meantime comes first.
    next = affordable(orLater: next ?? now + pause)
  }
}
