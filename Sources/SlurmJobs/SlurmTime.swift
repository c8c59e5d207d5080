internal import RecordText
public import SystemCalls

/// Reads a point in time as users give it to sacct (`--starttime`): a date, a time of day, both, or `now-2days`.
///
/// It is in local time. The forms are those of sacct 22.05 to 26.05, and `yesterday`, which sacct does not know. Unlike
/// sacct, this refuses a day that its month does not have, and two dates or two times of day.
public struct SlurmTime: Sendable, Equatable {
  /// Since 1970; above 0.
  public let seconds: Int

  /// - Parameter now: the present time, in seconds since 1970.
  /// - Throws: `Problem` with a line that says what is wrong with the text.
  public init(_ text: String, now: Int = Int(WallTime.now.seconds)) throws(Problem) {
    var reading = Reading(text, now: now)
    guard let seconds = try reading.seconds() else {
      throw Problem("'\(text)' is no time; give one as for sacct, such as now-2days or 2026-11-01T12:30")
    }
    guard seconds > 0 else { throw Problem("'\(text)' is before 1970") }
    self.seconds = seconds
  }
}

/// The text while it is read, and what was found in it.
private struct Reading {
  private let text: String
  private var rest: ArraySlice<UInt8>
  private let now: Int
  private let today: CalendarDay
  private var day: CalendarDay?
  private var time: TimeOfDay?
  /// The text is a time without date or time of day, `uts1795987384`.
  private var whole: Int?

  init(_ text: String, now: Int) {
    self.text = text
    self.now = now
    rest = Array(text.trimmed.lowercased().utf8)[...]
    today = CalendarDay(of: now)
  }

  /// Nil if the text has none of the forms.
  mutating func seconds() throws(Problem) -> Int? {
    while let next = rest.first {
      if [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "-")].contains(next) {
        // What separates a date from a time of day. A sign in front is none.
        guard day != nil || time != nil else { return nil }
        rest.removeFirst()
      } else if next.isDigit {
        guard try (isTimeOfDay ? readTimeOfDay() : readDay()) else { return nil }
      } else {
        guard try readWord() else { return nil }
      }
    }
    if let whole { return day == nil && time == nil ? whole : nil }
    if day == nil && time == nil { return nil }
    return (day ?? today).seconds(at: time ?? TimeOfDay())
  }

  // MARK: Parts

  private mutating func set(_ new: CalendarDay) throws(Problem) {
    if day != nil { throw Problem("'\(text)' has two dates") }
    guard (1...12).contains(new.month) else { throw Problem("'\(text)': there is no month \(new.month)") }
    guard (1...new.lengthOfMonth).contains(new.day) else {
      throw Problem("'\(text)': month \(new.month) of \(new.year) has no day \(new.day)")
    }
    day = new
  }

  private mutating func set(_ new: TimeOfDay) throws(Problem) {
    if time != nil { throw Problem("'\(text)' has two times of day") }
    guard new.hour < 24, new.minute < 60, new.second < 60 else {
      throw Problem("'\(text)': a time of day is from 00:00 to 23:59:59")
    }
    time = new
  }

  private static let timesOfDay = [
    "midnight": 0, "elevenses": 11, "noon": 12, "fika": 15, "teatime": 16,
  ]
  private static let days = ["yesterday": -1, "today": 0, "tomorrow": 1]

  private mutating func readWord() throws(Problem) -> Bool {
    let word = String(decoding: rest.prefix { $0.isLetter }, as: UTF8.self)
    if let hour = Self.timesOfDay[word] {
      rest = rest.dropFirst(word.utf8.count)
      try set(TimeOfDay(hour: hour))
    } else if let days = Self.days[word] {
      rest = rest.dropFirst(word.utf8.count)
      try set(today.later(days))
    } else if word == "now" {
      rest = rest.dropFirst(word.utf8.count)
      guard let shift = try readShift() else { return false }
      try set(CalendarDay(of: now + shift))
      // A time of day behind it replaces that of now.
      if rest.isEmpty { (day, whole) = (nil, now + shift) }
    } else if word == "uts", rest.dropFirst(3).allSatisfy(\.isDigit), day == nil, time == nil {
      whole = Int(String(decoding: rest.dropFirst(3), as: UTF8.self))
      rest = []
      return whole != nil
    } else if word == "t", day != nil || rest.dropFirst().first?.isDigit == true {
      rest.removeFirst()
    } else {
      return false
    }
    return word == "t" || isAtEndOfPart
  }

  /// `HH:MM` begins here, and no date.
  private var isTimeOfDay: Bool {
    let digits = rest.prefix(while: \.isDigit).count
    return digits <= 2 && rest.dropFirst(digits).first == UInt8(ascii: ":")
  }

  private mutating func readTimeOfDay() throws(Problem) -> Bool {
    var new = TimeOfDay()
    guard let hour = number(1...2), skip(":"), let minute = number(2...2) else { return false }
    (new.hour, new.minute) = (hour, minute)
    if skip(":") {
      guard let second = number(2...2) else { return false }
      new.second = second
    }
    let isBefore = rest
    while skip(" ") {}
    let isAfternoon = rest.first == UInt8(ascii: "p")
    if skip("am") || skip("pm") {
      guard new.hour <= 12 else { throw Problem("'\(text)': an hour before AM or PM is 12 at most") }
      new.hour = new.hour % 12 + (isAfternoon ? 12 : 0)
    } else {
      rest = isBefore
    }
    try set(new)
    return isAtEndOfPart
  }

  /// `YYYY-MM-DD`, `MM/DD`, `MM.DD`, `MMDD`, the last three also with `YY` of this century.
  private mutating func readDay() throws(Problem) -> Bool {
    let digits = rest.prefix(while: \.isDigit).count
    let separator = rest.dropFirst(digits).first
    var new = CalendarDay(year: 0, month: 0, day: 0)
    if digits == 4, separator == UInt8(ascii: "-"), rest.dropFirst(5).first?.isDigit == true,
      !isTimeBehindDash
    {
      guard let year = number(4...4), skip("-"), let month = number(2...2), skip("-"), let day = number(2...2)
      else { return false }
      new = CalendarDay(year: year, month: month, day: day)
    } else if digits <= 2, let separator, [UInt8(ascii: "/"), UInt8(ascii: ".")].contains(separator) {
      let mark = separator == UInt8(ascii: "/") ? "/" : "."
      guard let month = number(1...2), skip(mark), let day = number(1...2) else { return false }
      (new.month, new.day) = (month, day)
      if skip(mark) {
        guard let year = number(2...2) else { return false }
        new.year = 2000 + year
      }
    } else if digits == 4 || digits == 6 {
      guard let month = number(2...2, isWhole: false), let day = number(2...2, isWhole: false) else {
        return false
      }
      (new.month, new.day) = (month, day)
      if digits == 6 { new.year = 2000 + (number(2...2) ?? 0) }
    } else {
      return false
    }
    // Without a year, a month that is still to come is that of last year.
    if new.year == 0 { new.year = today.year - (new.month > today.month ? 1 : 0) }
    try set(new)
    return isAtEndOfPart
  }

  /// `1101-10:00`: behind the dash is no month.
  private var isTimeBehindDash: Bool {
    let behind = rest.dropFirst(5)
    let digits = behind.prefix(while: \.isDigit).count
    return behind.dropFirst(digits).first == UInt8(ascii: ":")
  }

  // MARK: A distance from now

  private static let units = [
    "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400,
  ]
  /// Seconds; a hundred years.
  private static let longestShift = 100 * 366 * 86400

  /// Seconds; 0 if there is no sign. Nil if the text behind `now` is malformed.
  private mutating func readShift() throws(Problem) -> Int? {
    while skip(" ") {}
    let isBackward = rest.first == UInt8(ascii: "-")
    guard skip("-") || skip("+") else { return rest.isEmpty ? 0 : nil }
    while skip(" ") {}
    let digits = rest.prefix(while: \.isDigit)
    guard !digits.isEmpty else { return nil }
    rest = rest[digits.endIndex...]
    let isBehindUnit = rest
    while skip(" ") {}
    let word = String(decoding: rest.prefix { $0.isLetter }, as: UTF8.self)
    var factor = 1
    if word.isEmpty {
      rest = isBehindUnit
    } else if let seconds = Self.units[word.hasSuffix("s") ? String(word.dropLast()) : word] {
      factor = seconds
      rest = rest.dropFirst(word.utf8.count)
    } else {
      throw Problem("'\(text)': '\(word)' is none of seconds, minutes, hours, days, weeks")
    }
    let count = Int(String(decoding: digits, as: UTF8.self)) ?? .max
    let (shift, isBeyond) = count.multipliedReportingOverflow(by: factor)
    guard !isBeyond, shift <= Self.longestShift else {
      throw Problem("'\(text)' is more than a hundred years away")
    }
    return isBackward ? -shift : shift
  }

  // MARK: Characters

  /// What separates parts, or nothing, follows.
  private var isAtEndOfPart: Bool { rest.first.map { " \t-t".utf8.contains($0) } ?? true }

  /// - Parameter isWhole: no further digit may follow.
  private mutating func number(_ count: ClosedRange<Int>, isWhole: Bool = true) -> Int? {
    let all = rest.prefix(while: \.isDigit)
    let digits = isWhole ? all : all.prefix(count.upperBound)
    guard count.contains(digits.count) else { return nil }
    rest = rest[digits.endIndex...]
    return Int(String(decoding: digits, as: UTF8.self))
  }

  private mutating func skip(_ word: String) -> Bool {
    guard rest.starts(with: word.utf8) else { return false }
    rest = rest.dropFirst(word.utf8.count)
    return true
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
}
