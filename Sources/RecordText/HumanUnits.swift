/// A size in bytes in decimal units: `532 Bytes`, `3.0 MB`.
public func humanSize(_ bytes: Double) -> String {
  let magnitude = abs(bytes)
  if magnitude == 1 { return "\(Int(bytes)) Byte" }
  if magnitude < 1000 { return "\(Int(bytes)) Bytes" }
  let units = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
  var divisor = 1000.0
  var unit = units[0]
  for next in units.dropFirst() where magnitude / (divisor * 1000) >= 1 {
    divisor *= 1000
    unit = next
  }
  return "\(fixed(bytes / divisor, decimals: 1)) \(unit)"
}

/// A duration in seconds, in con-duct's format: `2h 3m 4.5s`, `3m 4.5s`, `4.50s`.
public func humanDuration(_ seconds: Double) -> String {
  if seconds < 60 { return fixed(seconds, decimals: 2) + "s" }
  // NaN, or a number too large to be a measured duration.
  guard seconds < 1e15 else { return "\(seconds)s" }
  let rest = fixed(seconds.truncatingRemainder(dividingBy: 60), decimals: 1) + "s"
  let minutes = Int(seconds / 60)
  return minutes < 60 ? "\(minutes)m \(rest)" : "\(minutes / 60)h \(minutes % 60)m \(rest)"
}
