internal import RecordText
internal import SystemCalls

/// The ticket-granting ticket in a credential cache.
public struct KerberosTicket: Sendable, Equatable {
  /// The name of the cache, such as `FILE:/tmp/krb5cc_1000`.
  public var cache: String
  /// When it ends, in seconds since 1970.
  public var end: Double
  /// Until when it can be renewed; nil: it cannot.
  public var renewUntil: Double?

  /// How MIT's klist writes a time in the C locale, with a year of two or of four digits, and how Heimdal's does.
  private static let formats = ["%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%b %d %H:%M:%S %Y"]

  public init(cache: String, end: Double, renewUntil: Double? = nil) {
    (self.cache, self.end, self.renewUntil) = (cache, end, renewUntil)
  }

  /// Reads what klist prints. Nil if there is no ticket-granting ticket in it.
  public init?(klist text: String) {
    let lines = text.split(separator: "\n").map(String.init)
    let marks = ["Ticket cache: ", "Credentials cache: "]
    let cache = lines.lazy.compactMap { line in
      marks.lazy.compactMap { line.firstRange(of: $0) }.first.map { String(line[$0.upperBound...]).trimmed }
    }.first
    guard let cache, let place = lines.firstIndex(where: { $0.contains(" krbtgt/") }),
      let times = Self.times(lines[place]), times.count == 2
    else { return nil }
    let mark = "renew until "
    let renewal = lines.dropFirst(place + 1).first.flatMap { line in
      line.firstRange(of: mark).flatMap { Self.times(String(line[$0.upperBound...]))?.first }
    }
    self.init(cache: cache, end: times[1], renewUntil: renewal)
  }

  /// The times at the beginning of a line.
  private static func times(_ line: String) -> [Double]? {
    formats.lazy.map { times(line.trimmed, $0) }.first { !$0.isEmpty }
  }

  private static func times(_ line: String, _ format: String) -> [Double] {
    var found: [Double] = []
    var rest = line
    while let (time, left) = WallTime.parse(rest, format: format) {
      found.append(time.seconds)
      rest = left.trimmed
    }
    return found
  }

  /// When it ends if it is renewed as often as possible.
  public var lastEnd: Double { max(end, renewUntil ?? end) }

  /// Whether it can be renewed so that it ends later than now.
  public var isRenewable: Bool { lastEnd > end + 1 }

  /// `FILE`, `DIR`, `KCM`, `KEYRING` or another word.
  public var cacheKind: String {
    guard let colon = cache.firstIndex(of: ":") else { return "FILE" }
    return String(cache[..<colon])
  }

  /// A time in messages about tickets.
  public static func text(_ time: Double) -> String {
    WallTime(seconds: time).text(format: "%Y-%m-%d %H:%M:%S")
  }
}
