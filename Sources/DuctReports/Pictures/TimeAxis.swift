internal import RecordText
internal import SystemCalls

/// The axis of a picture over time, in local time.
struct TimeAxis: Sendable, Equatable {
  struct Tick: Sendable, Equatable {
    /// From 0 at the start to 1 at the end.
    let place: Double
    let label: String
  }

  /// Seconds since 1970.
  let range: ClosedRange<Double>
  let ticks: [Tick]

  /// Seconds between ticks: what people count in.
  private static let steps: [Double] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172_800,
    604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000, 315_360_000, 3_153_600_000,
  ]
  private static let mostTicks = 6.0

  /// The axis over some intervals; nil if there are none. An axis has a length: at least a second.
  init?(_ spans: some Sequence<ClosedRange<Double>>) {
    var (from, to) = (Double.infinity, -Double.infinity)
    for span in spans { (from, to) = (min(from, span.lowerBound), max(to, span.upperBound)) }
    guard from.isFinite, to.isFinite else { return nil }
    range = from...max(to, from + 1)
    ticks = Self.ticks(range)
  }

  var seconds: Double { range.upperBound - range.lowerBound }

  /// From 0 at the start to 1 at the end.
  func place(_ time: Double) -> Double { min(max((time - range.lowerBound) / seconds, 0), 1) }

  /// Which of `count` columns of the same width a time is in.
  func column(_ time: Double, of count: Int) -> Int {
    min(max(Int(saturating: place(time) * Double(count)), 0), count - 1)
  }

  /// The start of a column.
  func time(ofColumn column: Int, of count: Int) -> Double {
    range.lowerBound + seconds * Double(column) / Double(count)
  }

  private static func ticks(_ range: ClosedRange<Double>) -> [Tick] {
    let seconds = range.upperBound - range.lowerBound
    guard let step = steps.first(where: { seconds / $0 <= mostTicks }) else { return [] }
    let offset = zoneOffset(range.lowerBound)
    var ticks: [Tick] = []
    var day: String?
    var time = ((range.lowerBound + offset) / step).rounded(.up) * step - offset
    while time <= range.upperBound {
      let wall = WallTime(seconds: time)
      let date = wall.text(format: step < 31_536_000 ? "%m-%d" : "%Y")
      let clock = step >= 86400 ? nil : wall.text(format: step < 60 ? "%H:%M:%S" : "%H:%M")
      // The date stands where a new day begins.
      let isNewDay = day != nil && day != date
      ticks.append(
        Tick(
          place: (time - range.lowerBound) / seconds,
          label: clock.map { isNewDay ? "\(date) \($0)" : $0 } ?? date))
      day = date
      time += step
    }
    return ticks
  }

  /// Seconds that local time is ahead of UTC.
  private static func zoneOffset(_ time: Double) -> Double {
    // `+0130`
    let text = WallTime(seconds: time).text(format: "%z")
    guard text.utf8.count == 5, let hours = Int(text.dropFirst().prefix(2)), let minutes = Int(text.suffix(2))
    else { return 0 }
    return Double(hours * 3600 + minutes * 60) * (text.hasPrefix("-") ? -1 : 1)
  }

  /// `2026-11-01 14:03 to 15:10 (1 h 7 min)`: the whole of it in words.
  var words: String {
    let (from, to) = (WallTime(seconds: range.lowerBound), WallTime(seconds: range.upperBound))
    let clock = seconds < 600 ? "%H:%M:%S" : "%H:%M"
    let isOneDay = from.text(format: "%F") == to.text(format: "%F")
    return from.text(format: "%F " + clock) + " to " + to.text(format: isOneDay ? clock : "%F " + clock)
      + " (\(lengthWords(seconds)))"
  }

  /// The time of a moment on this axis: `14:03`, with the date if the axis is longer than a day.
  func moment(_ time: Double) -> String {
    WallTime(seconds: time).text(format: seconds < 600 ? "%H:%M:%S" : seconds < 86400 ? "%H:%M" : "%F %H:%M")
  }
}

/// `42 s`, `7 min`, `1 h 7 min`, `3 d 4 h`.
func lengthWords(_ seconds: Double) -> String {
  let whole = Int(saturating: seconds.rounded())
  if whole < 120 { return "\(whole) s" }
  let minutes = whole / 60
  if minutes < 60 { return "\(minutes) min" }
  let hours = minutes / 60
  if hours < 48 { return minutes % 60 == 0 ? "\(hours) h" : "\(hours) h \(minutes % 60) min" }
  return hours % 24 == 0 ? "\((hours / 24).grouped) d" : "\((hours / 24).grouped) d \(hours % 24) h"
}
