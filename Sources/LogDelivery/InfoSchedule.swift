/// When info.json is written although nothing is new in it but the time and the use of resources.
///
/// Whatever kills everything at once leaves the last one behind. So it is written when the run is 1, 2, 4, 8,
/// 16 and 32 s old, and then each 30 s: it is never older than half of the run, nor than 30 s. Large
/// records, of runs with many jobs, are written less often, so that no more than half a percent of the time
/// goes into it.
struct InfoSchedule: Sendable, Equatable {
  /// Seconds.
  static let shortestPause = 1.0
  static let longestPause = 30.0
  /// The largest part of the time that is spent on it.
  static let share = 0.005
  /// Bytes a second that disks are counted with. How long they really take is known to nobody here: another
  /// thread or process puts the record into the log directory.
  static let deliveryRate = 50e6

  /// Seconds from the end of one writing to the next.
  ///
  /// - Parameters:
  ///   - age: of the run, in seconds.
  ///   - cost: seconds of processor time that it took to make and to write the last one.
  ///   - bytes: its size.
  static func pause(age: Double, cost: Double, bytes: Int) -> Double {
    let wanted = min(max(age, shortestPause), longestPause)
    let affordable = (max(cost, 0) + Double(bytes) / deliveryRate) * (1 / share - 1)
    return max(wanted, affordable)
  }
}
