/// Decides when duct writes info.json although only the time and the use of resources have changed.
///
/// If everything is killed at the same time, the last info.json is all that is left. So duct writes it when the
/// run is 1, 2, 4, 8, 16 and 32 s old, and then every 30 s. It is never older than half of the run, and never
/// older than 30 s. duct writes a large record (a run with many jobs) less often, so that it spends no more
/// than 0.5 % of the time on it.
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

  /// Seconds from the end of one write to the start of the next.
  ///
  /// - Parameters:
  ///   - age: age of the run in seconds.
  ///   - cost: seconds of CPU time that it took to make and write the last record.
  ///   - bytes: size of that record.
  static func pause(age: Double, cost: Double, bytes: Int) -> Double {
    let wanted = min(max(age, shortestPause), longestPause)
    let affordable = (max(cost, 0) + Double(bytes) / deliveryRate) * (1 / share - 1)
    return max(wanted, affordable)
  }
}
