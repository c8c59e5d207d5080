import Glibc
import SlurmJobs
import SystemCalls
import Testing

/// Times as sacct takes them. SlurmTests compares them with sacct.
@Suite struct SlurmTimeTests {
  /// 2026-11-29 21:23:03 in local time.
  private let now: Int = {
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (126, 10, 29)
    (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (21, 23, 3, -1)
    return mktime(&parts)
  }()

  private func local(_ text: String) throws -> String {
    WallTime(seconds: Double(try SlurmTime(text, now: now).seconds)).text(format: "%Y-%m-%dT%H:%M:%S")
  }

  @Test(
    arguments: [
      ("2026-11-01", "2026-11-01T00:00:00"), ("2026-11-01T12:30", "2026-11-01T12:30:00"),
      ("2026-11-01T12:30:15", "2026-11-01T12:30:15"), (" 2026-11-01 1:30 ", "2026-11-01T01:30:00"),
      ("2026-11-01-12:30", "2026-11-01T12:30:00"), ("2024-02-29", "2024-02-29T00:00:00"),
      ("1101", "2026-11-01T00:00:00"), ("1101-10:00", "2026-11-01T10:00:00"),
      ("1230", "2025-12-30T00:00:00"), ("123026", "2026-12-30T00:00:00"),
      ("11/1", "2026-11-01T00:00:00"), ("12/01", "2025-12-01T00:00:00"),
      ("11/30", "2026-11-30T00:00:00"), ("11/1/25", "2025-11-01T00:00:00"),
      ("11.01.26", "2026-11-01T00:00:00"), ("10:00 11/01", "2026-11-01T10:00:00"),
      ("10:30", "2026-11-29T10:30:00"), ("23:59:59", "2026-11-29T23:59:59"),
      ("10:30PM", "2026-11-29T22:30:00"), ("10:30:20 am", "2026-11-29T10:30:20"),
      ("12:30 AM", "2026-11-29T00:30:00"), ("12:30 PM", "2026-11-29T12:30:00"),
      ("0:30 PM", "2026-11-29T12:30:00"), ("T12:30", "2026-11-29T12:30:00"),
      ("today", "2026-11-29T00:00:00"), ("Yesterday", "2026-11-28T00:00:00"),
      ("tomorrow", "2026-11-30T00:00:00"), ("yesterday noon", "2026-11-28T12:00:00"),
      ("tomorrow-fika", "2026-11-30T15:00:00"), ("midnight", "2026-11-29T00:00:00"),
      ("elevenses", "2026-11-29T11:00:00"), ("noon", "2026-11-29T12:00:00"),
      ("fika", "2026-11-29T15:00:00"), ("teatime", "2026-11-29T16:00:00"),
      ("now-1days 10:00", "2026-11-28T10:00:00"),
    ])
  func aTimeInLocalTime(_ text: String, _ expected: String) throws {
    #expect(try local(text) == expected)
  }

  @Test(
    arguments: [
      ("now", 0), ("now-2days", -172_800), ("now-2", -2), ("now - 2 day", -172_800), ("now+1hour", 3600),
      ("now-90minutes", -5400), ("NOW-1weeks", -604_800), ("now-30seconds", -30), ("now-0", 0),
    ])
  func aDistanceFromNow(_ text: String, _ seconds: Int) throws {
    #expect(try SlurmTime(text, now: now).seconds == now + seconds)
  }

  @Test func secondsSince1970() throws {
    #expect(try SlurmTime("uts1795987384").seconds == 1_795_987_384)
  }

  @Test(
    arguments: [
      "", "-", "-5", "+5", "5", "12", "123", "2026", "20261101", "2026-11", "2026-1-1", "26-11-01",
      "11/01/2026", "2026/11/01", "2026-11-01T12", "2026-11-01T12:5", "2026-11-01T12:30:15.5",
      "2026-11-01T12:30Z", "2026-11-01T12:30+01:00", "monday", "noonX", "noon10", "nowish", "now noon",
      "now-",
      "now-days", "now-1.5days", "today+1days", "uts", "uts-5", "uts1e3", "uts99999999999999999999",
      "1970-01-01x",
      "10:30 a", "11:59 P", "\u{661}:30", "2026-11-01\0",
    ])
  func noTime(_ text: String) {
    #expect(throws: Problem.self, "\(text)") { try SlurmTime(text, now: now) }
  }

  @Test(
    arguments: [
      ("2026-02-29", "month 2 of 2026 has no day 29"), ("2026-13-01", "there is no month 13"),
      ("1100", "month 11 of 2026 has no day 0"), ("0001", "there is no month 0"),
      ("24:00", "a time of day is from 00:00 to 23:59:59"),
      ("13:00 PM", "an hour before AM or PM is 12 at most"),
      ("now-2months", "'months' is none of seconds, minutes, hours, days, weeks"),
      ("now-99999999999999999999weeks", "more than a hundred years away"),
      ("2026-11-01 2026-11-02", "has two dates"), ("10:00 noon", "has two times of day"),
      ("1969-12-31", "is before 1970"),
    ])
  func whatIsWrongIsSaid(_ text: String, _ part: String) {
    let problem = #expect(throws: Problem.self) { try SlurmTime(text, now: now) }
    #expect(problem?.description.contains(part) == true, "\(problem?.description ?? "")")
  }
}
