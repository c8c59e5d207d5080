/// Nanoseconds in a second.
let nanosecondsPerSecond = 1e9
private let nanosecondsPerPercentSecond = nanosecondsPerSecond / 100

/// CPU time in percent of one core.
///
/// - Parameters:
///   - nanoseconds: CPU time that was used.
///   - seconds: the time in which it was used.
func percentOfCore(_ nanoseconds: Int64, in seconds: Double) -> Double {
  Double(nanoseconds) / nanosecondsPerPercentSecond / seconds
}
