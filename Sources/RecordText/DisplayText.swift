/// Makes text from outside (a path, a command, a record or an answer) safe to show to people.
///
/// A terminal obeys control characters, and most viewers obey the characters that change the direction of text. So
/// a file name could move the cursor, change the color of the text beside it or hide that text, or look different
/// from what it is. Therefore everything that duct prints for people, on a terminal or in a report, goes through
/// `forDisplay`: each log line, each message, each cell of a table. Text for programs (JSON) does not and stays
/// exact.
extension String {
  /// The text on one line, safe to show to people.
  ///
  /// Control characters (C0, DEL and C1, including ESC, tab and line ends) and Unicode's own line ends become
  /// spaces. Characters that override or isolate the direction of text (U+202A to U+202E, U+2066 to U+206F) and
  /// bytes that are not UTF-8 become U+FFFD. Everything else stays: accents, other scripts, emoji with their
  /// joiners, and the marks of right-to-left scripts.
  public var forDisplay: String {
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
    return String(String.UnicodeScalarView(unicodeScalars.map(\.forDisplay)))
  }

  /// The same for text of several lines: newlines stay.
  public var linesForDisplay: String {
    // By scalars, because Swift treats "\r\n" as one character.
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
  /// The text on one line for people to read, with an escape in place of each character that `forDisplay` replaces:
  /// `\n`, `\x1b`, `\u202e`. A byte that is not UTF-8 becomes `\xff`. A backslash is not escaped.
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

  /// How many scalars of a text are shown. A command line can be two megabytes long.
  public static let longestShown = 4096

  /// The first `limit` scalars, followed by the number of scalars left out, if any.
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
