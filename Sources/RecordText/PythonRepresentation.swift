extension String {
  /// The text as Python's `repr()` shows it: quoted, with escapes for characters that do not print.
  public var pythonRepresentation: String {
    let quote: Unicode.Scalar = contains("'") && !contains("\"") ? "\"" : "'"
    var text = String.UnicodeScalarView([quote])
    for scalar in unicodeScalars {
      switch scalar {
      case "\\": text.append(contentsOf: "\\\\".unicodeScalars)
      case quote: text.append(contentsOf: ["\\", quote])
      case "\n": text.append(contentsOf: "\\n".unicodeScalars)
      case "\r": text.append(contentsOf: "\\r".unicodeScalars)
      case "\t": text.append(contentsOf: "\\t".unicodeScalars)
      default:
        if scalar.isPrintable {
          text.append(scalar)
        } else {
          text.append(contentsOf: scalar.pythonEscape.unicodeScalars)
        }
      }
    }
    text.append(quote)
    return String(text)
  }
}

extension Unicode.Scalar {
  fileprivate var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      false
    case .spaceSeparator: self == " "
    default: true
    }
  }

  fileprivate var pythonEscape: String {
    if let byte = escapedByte { return "\\udc" + String(byte, radix: 16) }
    let (letter, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
    let digits = String(value, radix: 16)
    return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
  }
}

extension Double {
  /// The number as Python's `repr()` shows it: the fewest digits that convert back to it, with an exponent from
  /// 1e16 on.
  var pythonRepresentation: String {
    if isNaN { return "nan" }
    if isInfinite { return self < 0 ? "-inf" : "inf" }
    let text = description
    // Swift switches to exponents earlier, from 2^53 on.
    guard magnitude >= 0x1p53, magnitude < 1e16, let mark = text.firstIndex(of: "e") else { return text }
    let digits = text[..<mark].filter { $0 != "." && $0 != "-" }
    return (self < 0 ? "-" : "") + digits + String(repeating: "0", count: 16 - digits.count) + ".0"
  }
}
