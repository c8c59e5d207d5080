internal import CSystemCalls
import Glibc

/// A wall clock time in seconds since 1970-01-01 UTC, with its texts in local time.
public struct WallTime: Sendable, Equatable, Comparable {
  public var seconds: Double

  public init(seconds: Double) { self.seconds = seconds }

  public static var now: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
  }

  public static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

  /// Formats the time with strftime(3). A time outside the calendar becomes its number of seconds.
  public func text(format: String) -> String {
    // A record may contain any number, and the calendar cannot express all of them.
    guard var whole = time_t(exactly: seconds.rounded(.down)) else { return "\(seconds)" }
    var parts = tm()
    guard localtime_r(&whole, &parts) != nil else { return "\(seconds)" }
    var buffer = [CChar](repeating: 0, count: 128)
    let length = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Reads a local time at the beginning of a text.
  ///
  /// - Parameter format: of strptime(3).
  /// - Returns: the time, and what follows it; nil if the text begins otherwise.
  public static func parse(_ text: String, format: String) -> (time: WallTime, rest: String)? {
    var seconds = time_t()
    let length = duct_parse_local_time(text, format, &seconds)
    return length < 0 ? nil : (WallTime(seconds: Double(seconds)), String(text.utf8.dropFirst(length)) ?? "")
  }

  /// The format of Python's `datetime.isoformat()`: `2026-11-24T16:56:00.123456+01:00`.
  public var isoText: String {
    guard time_t(exactly: seconds.rounded(.down)) != nil else { return "\(seconds)" }
    let zone = text(format: "%z")
    let micros = Int((seconds - seconds.rounded(.down)) * 1e6)
    let fraction = String(String(micros + 1_000_000).dropFirst())
    return text(format: "%Y-%m-%dT%H:%M:%S") + "." + fraction
      + zone.prefix(3) + ":" + zone.dropFirst(3)
  }
}
