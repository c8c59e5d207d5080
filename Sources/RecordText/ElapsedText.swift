/// As ps: `MM:SS`, `HH:MM:SS`, `DD-HH:MM:SS`.
public func elapsedText(_ seconds: Int) -> String {
  func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
  let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60)
  let short = two(minutes) + ":" + two(seconds % 60)
  if days > 0 { return two(days) + "-" + two(hours) + ":" + short }
  return hours > 0 ? two(hours) + ":" + short : short
}
