import Glibc

/// A point on CLOCK_MONOTONIC, for intervals and deadlines: changes of the wall clock do not affect it.
public struct MonotonicInstant: Sendable, Comparable {
  /// Nanoseconds since an arbitrary point before the machine's start.
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  public static func + (instant: Self, seconds: Double) -> Self {
    Self(nanoseconds: instant.nanoseconds &+ Int64(clamping: seconds * 1e9))
  }

  /// Seconds from `other` to this instant; negative if this one is earlier.
  public func seconds(since other: Self) -> Double {
    Double(nanoseconds - other.nanoseconds) / 1e9
  }

  /// Milliseconds from now as poll(2) expects them, rounded up: 0 if the instant has passed, at most one day.
  public var pollTimeout: CInt {
    let left = nanoseconds - Self.now.nanoseconds
    guard left > 0 else { return 0 }
    return CInt(min((left + 999_999) / 1_000_000, 86_400_000))
  }

  var deadlineTime: timespec {
    timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  }
}

extension Int64 {
  /// The value without its fraction; 0 for NaN. A value out of range becomes half of `max` or `min`.
  init(clamping value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= 9.2e18 {
      self = .max / 2
    } else if value <= -9.2e18 {
      self = .min / 2
    } else {
      self = Int64(value)
    }
  }
}

/// Seconds of CPU time that the calling thread has used, from CLOCK_THREAD_CPUTIME_ID.
public func threadProcessorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
