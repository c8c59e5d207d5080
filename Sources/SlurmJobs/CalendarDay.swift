import Glibc

/// A day of the calendar in local time. Months and days count from 1.
struct CalendarDay: Equatable {
  var year: Int
  var month: Int
  var day: Int

  init(year: Int, month: Int, day: Int) { (self.year, self.month, self.day) = (year, month, day) }

  /// The day of a time in seconds since 1970.
  init(of seconds: Int) {
    var (whole, parts) = (time_t(seconds), tm())
    localtime_r(&whole, &parts)
    self.init(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
  }

  /// The number of days of its month.
  var lengthOfMonth: Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// The day that is as many days later.
  func later(_ days: Int) -> CalendarDay {
    // At noon, because midnight may not exist on a day on which the clocks change.
    var other = self
    other.day += days
    return CalendarDay(of: other.seconds(at: TimeOfDay(hour: 12)))
  }

  /// In seconds since 1970. A time of day that a change of the clocks skips becomes the one an hour later, as with
  /// Slurm.
  func seconds(at time: TimeOfDay) -> Int {
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (CInt(year - 1900), CInt(month - 1), CInt(day))
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (CInt(time.hour), CInt(time.minute), CInt(time.second))
    parts.tm_isdst = -1
    return mktime(&parts)
  }
}

struct TimeOfDay: Equatable {
  var hour = 0
  var minute = 0
  var second = 0
}
