/// What others have put into a path, a command, a record or an answer, shown to people.
///
/// A terminal obeys control characters, and most viewers obey the characters that turn the direction of text
/// around: a file name could move the cursor, recolour or hide what stands beside it, or show one thing and
/// mean another. So everything that duct prints for people, on a terminal or into a report, goes through
/// `forDisplay`: each log line, each message, each cell of a table. What programs read (JSON) does not, and
/// stays exact.
extension String {
  /// For people to read, on one line.
  ///
  /// Control characters (C0, DEL and C1, so ESC, tab and the ends of lines too) and Unicode's own ends of
  /// lines become spaces. Characters that override or isolate a direction of text (U+202A to U+202E, U+2066 to
  /// U+206F), and bytes that are not UTF-8, become U+FFFD. Everything else stays: accents, other scripts, emoji
  /// with their joiners, and the marks of right-to-left scripts.
  public var forDisplay: String {
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
    return String(String.UnicodeScalarView(unicodeScalars.map(\.forDisplay)))
  }

  /// The same for a text of several lines: its newlines stay.
  public var linesForDisplay: String {
    // By scalars: "\r\n" is one character.
    String(String.UnicodeScalarView(unicodeScalars.map { $0 == "\n" ? $0 : $0.forDisplay }))
  }
}

extension Unicode.Scalar {
  fileprivate var forDisplay: Unicode.Scalar {
    if escapedByte != nil { return "\u{FFFD}" }
    switch value {
    case 0x202A...0x202E, 0x2066...0x206F: return "\u{FFFD}"
    case 0x2028, 0x2029, 0..<0x20, 0x7F...0x9F: return " "
    default: return self
    }
  }
}

extension String {
  /// For people to read, on one line, with an escape in the place of each character that `forDisplay` replaces: `\n`,
  /// `\x1b`, `\u202e`; a byte that is not UTF-8 is `\xff`. A backslash stays one.
  public var escapedForDisplay: String {
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if scalar.forDisplay == scalar {
        text.append(scalar)
      } else {
        text.append(contentsOf: scalar.escape.unicodeScalars)
      }
    }
    return String(text)
  }

  /// What is shown of a text at most, such as a command line, which may have two megabytes.
  public static let longestShown = 4096

  /// At most so many scalars; how many more there are stands behind them.
  public func bounded(to limit: Int = longestShown) -> String {
    if utf8.count <= limit { return self }
    let scalars = unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return self }
    return String(scalars[..<end]) + "… (\(scalars.distance(from: end, to: scalars.endIndex)) more)"
  }
}

extension Unicode.Scalar {
  fileprivate var escape: String {
    func digits(_ value: UInt32, _ width: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: width - text.count) + text
    }
    if let byte = escapedByte { return "\\x" + digits(UInt32(byte), 2) }
    switch self {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default: return value < 0x100 ? "\\x" + digits(value, 2) : "\\u" + digits(value, 4)
    }
  }
}
