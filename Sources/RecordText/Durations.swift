/// A duration in seconds, in con-duct's format: `2h 3m 4.5s`, `3m 4.5s`, `4.50s`.
public func humanDuration(_ seconds: Double) -> String {
  if seconds < 60 { return fixed(seconds, decimals: 2) + "s" }
  // NaN, or a number too large to be a measured duration.
  guard seconds < 1e15 else { return "\(seconds)s" }
  let rest = fixed(seconds.truncatingRemainder(dividingBy: 60), decimals: 1) + "s"
  let minutes = Int(seconds / 60)
  return minutes < 60 ? "\(minutes)m \(rest)" : "\(minutes / 60)h \(minutes % 60)m \(rest)"
}

/// A duration as ps(1) shows it: `MM:SS`, `HH:MM:SS`, `DD-HH:MM:SS`.
public func elapsedText(_ seconds: Int) -> String { clockText(seconds, padsDays: true) }

/// A duration as Slurm's commands show it: `03:04`, `02:03:04`, `1-02:03:04`.
///
/// - Parameter seconds: may be negative.
public func shortDuration(_ seconds: Int) -> String { clockText(seconds, padsDays: false) }

/// The same, without the fraction of a second; `-` for NaN, infinity and numbers that are too large.
public func shortDuration(_ seconds: Double) -> String {
  Int(exactly: seconds.rounded(.towardZero)).map { shortDuration($0) } ?? "-"
}

private func clockText(_ seconds: Int, padsDays: Bool) -> String {
  func two(_ value: UInt) -> String { (value < 10 ? "0" : "") + String(value) }
  let sign = seconds < 0 ? "-" : ""
  let seconds = seconds.magnitude
  let (days, hours) = (seconds / 86400, seconds / 3600 % 24)
  let tail = two(seconds / 60 % 60) + ":" + two(seconds % 60)
  if days > 0 { return sign + (padsDays ? two(days) : String(days)) + "-" + two(hours) + ":" + tail }
  return sign + (hours > 0 ? two(hours) + ":" : "") + tail
}
