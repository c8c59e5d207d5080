import Glibc

/// The seconds since 1970 of a time in ISO 8601 with its offset from UTC, as usage.jsonl has it:
/// `2026-11-24T16:56:00.123456+01:00`. Nil for any other text, and for a time that no calendar has.
func isoSeconds(_ text: String) -> Double? {
  var rest = text.utf8[...]
  func number(_ digits: Int, _ range: ClosedRange<Int>) -> Int? {
    let part = rest.prefix(digits)
    guard part.count == digits, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest = rest.dropFirst(digits)
    let value = part.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    return range.contains(value) ? value : nil
  }
  func take(_ mark: UInt8) -> Bool {
    guard rest.first == mark else { return false }
    rest = rest.dropFirst()
    return true
  }
  let (dash, colon, point) = (UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "."))
  guard let year = number(4, 1...9999), take(dash), let month = number(2, 1...12), take(dash),
    let day = number(2, 1...31), take(UInt8(ascii: "T")), let hour = number(2, 0...23), take(colon),
    let minute = number(2, 0...59), take(colon), let second = number(2, 0...60)
  else { return nil }
  var fraction = 0.0
  if take(point) {
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    guard (1...9).contains(digits.count) else { return nil }
    fraction = digits.reversed().reduce(0) { ($0 + Double($1) - 0x30) / 10 }
    rest = rest.dropFirst(digits.count)
  }
  var offset = 0
  if !take(UInt8(ascii: "Z")) {
    let isBehind = rest.first == dash
    guard isBehind || rest.first == UInt8(ascii: "+") else { return nil }
    rest = rest.dropFirst()
    guard let hours = number(2, 0...23), take(colon), let minutes = number(2, 0...59) else { return nil }
    offset = (hours * 3600 + minutes * 60) * (isBehind ? -1 : 1)
  }
  guard rest.isEmpty else { return nil }
  guard let midnight = midnight(year: year, month: month, day: day) else { return nil }
  return Double(midnight + hour * 3600 + minute * 60 + second - offset) + fraction
}

/// The start of a day in UTC, in seconds since 1970; nil if the month does not have the day.
private func midnight(year: Int, month: Int, day: Int) -> Int? {
  var parts = tm()
  (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
  let seconds = timegm(&parts)
  // timegm(3) takes February 30 for March 2.
  return parts.tm_mday == Int32(day) ? seconds : nil
}
