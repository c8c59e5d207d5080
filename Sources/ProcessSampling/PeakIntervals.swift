/// Decides which intervals between two samples are long enough for a peak of CPU use.
///
/// The kernel's CPU clock and duct's clock are read one after the other. In the first milliseconds of a command they
/// differ by more than the interval: a command that only sleeps was at 16 %. So an interval shorter than a tenth of the
/// sample interval is joined with the next one, or at the end with the previous one.
///
/// An example with a sample interval of 1 s, so that 0.1 s is long enough:
///
///     sample at   interval   CPU time   use             percent
///     0.003 s     0.003 s     0.5 ms    wait            -
///     1.000 s     0.997 s   499.5 ms    count(1.0)      (0.5 + 499.5) / 1000 =  50 %
///     2.000 s     1.000 s   900 ms      count(1.0)      900 / 1000           =  90 %
///     2.025 s     0.025 s    20 ms      join(1.025)     (900 + 20) / 1025    =  89.76 %
struct PeakIntervals {
  /// What one sample means for peaks.
  enum Use: Sendable {
    /// The interval is too short. Its CPU time counts with that of the next.
    case wait
    /// The seconds since the last interval that counted are an interval of their own.
    case count(Double)
    /// The last interval is too short. It counts with the previous one, in seconds together.
    case join(Double)
  }

  /// The shortest interval that counts, as a share of the sample interval.
  private static let shortestShare = 0.1

  /// Seconds.
  private let shortest: Double
  private var waiting = 0.0
  private var last = 0.0

  /// - Parameter sampleInterval: in seconds.
  init(sampleInterval: Double) { shortest = sampleInterval * Self.shortestShare }

  /// - Parameters:
  ///   - seconds: since the previous sample.
  ///   - isLast: no sample follows.
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

/// CPU time of one process, or of the run, in the intervals that `PeakIntervals` makes.
struct PeakTime: Sendable {
  /// Nanoseconds that wait for the next sample.
  private var waiting: Int64 = 0
  /// Nanoseconds of the last interval that counted.
  private var last: Int64 = 0

  /// - Parameter nanoseconds: CPU time since the previous sample.
  /// - Returns: percent of one core; nil if the time counts with the next sample.
  mutating func percent(_ nanoseconds: Int64, _ use: PeakIntervals.Use) -> Double? {
    waiting += nanoseconds
    switch use {
    case .wait: return nil
    case .count(let seconds):
      (last, waiting) = (waiting, 0)
      return percentOfCore(last, in: seconds)
    case .join(let seconds): return percentOfCore(last + waiting, in: seconds)
    }
  }
}
