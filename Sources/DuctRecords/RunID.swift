import Glibc
public import SystemCalls

/// Identifies a run: its start in local time and 40 random bits. Consists of lower-case letters, digits and a
/// dash, so that it can be a part of a wckey. `20261124t165600-9f3a61c2d4`.
public enum RunID {
  public static func make(_ start: WallTime) -> String {
    var random: UInt64 = 0
    if getentropy(&random, MemoryLayout<UInt64>.size) != 0 { random = UInt64.random(in: .min ... .max) }
    // 40 bits. The one before them keeps leading zeros in the text.
    let digits = String(random >> 24 | 1 << 40, radix: 16).dropFirst()
    return start.text(format: "%Y%m%dt%H%M%S") + "-" + digits
  }

  /// Whether a text is the id of any run.
  public static func isRunID(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count == 2 && parts[1].utf8.count == 10
      && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
      && startTime(of: String(text)) != nil
  }

  /// The start of a run, from its id, in seconds since 1970. Nil if the text is not a run id.
  public static func startTime(of runID: String) -> Int? {
    let stamp = Array(runID.prefix { $0 != "-" })
    guard stamp.count == 15, stamp[8] == "t" else { return nil }
    func number(_ range: Range<Int>) -> CInt { CInt(String(stamp[range])) ?? -1 }
    var parts = tm()
    parts.tm_year = number(0..<4) - 1900
    parts.tm_mon = number(4..<6) - 1
    parts.tm_mday = number(6..<8)
    parts.tm_hour = number(9..<11)
    parts.tm_min = number(11..<13)
    parts.tm_sec = number(13..<15)
    guard (0..<12).contains(parts.tm_mon), (1...31).contains(parts.tm_mday), parts.tm_hour >= 0 else {
      return nil
    }
    parts.tm_isdst = -1
    let seconds = mktime(&parts)
    return seconds == -1 ? nil : seconds
  }
}
