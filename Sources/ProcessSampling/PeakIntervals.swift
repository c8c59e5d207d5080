/// Which intervals between two looks are long enough for a peak.
///
/// In the milliseconds after the start the clocks of the kernel and of duct, read one after the other, say anything: a
/// command that sleeps was at 16 %. So what is shorter than a tenth of the sample interval is joined with the next one;
/// at the end with the one before.
struct PeakIntervals {
  /// What a look means for peaks.
  enum Use: Sendable {
    /// Too short: its processor time counts with that of the next.
    case wait
    /// The interval since the last one that counted, in seconds.
    case count(Double)
    /// The last look, too short: with the last one that counted, in seconds together.
    case join(Double)
  }

  private static let share = 0.1

  /// Seconds.
  private let shortest: Double
  private var waiting = 0.0
  private var last = 0.0

  /// - Parameter sampleInterval: in seconds.
  init(sampleInterval: Double) { shortest = sampleInterval * Self.share }

  /// - Parameters:
  ///   - seconds: since the look before.
  ///   - isLast: no look comes after this.
  mutating func use(_ seconds: Double, isLast: Bool) -> Use {
    waiting += seconds
    if waiting >= shortest {
      last = waiting
      waiting = 0
      return .count(last)
    }
    return isLast ? .join(last + waiting) : .wait
  }
}

/// Processor time of one process, or of the run, in the intervals that `PeakIntervals` makes.
struct PeakTime: Sendable {
  /// Nanoseconds.
  private(set) var waiting: Int64 = 0
  private var last: Int64 = 0

  /// - Parameter nanoseconds: since the look before.
  /// - Returns: percent of one core; nil where it counts with the next look.
  mutating func percent(_ nanoseconds: Int64, _ use: PeakIntervals.Use) -> Double? {
    waiting += nanoseconds
    switch use {
    case .wait: return nil
    case .count(let seconds):
      (last, waiting) = (waiting, 0)
      return Double(last) / 1e7 / seconds
    case .join(let seconds): return Double(last + waiting) / 1e7 / seconds
    }
  }
}
