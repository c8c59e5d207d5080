public import SystemCalls

/// A format specification of Python 3.11:
/// `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
public struct FormatSpec: Sendable, Equatable {
  // Scalars, because Python counts scalars. One Swift character can consist of several.
  var fill: Unicode.Scalar = " "
  var align: Unicode.Scalar?
  /// Nil if not given, which means `-`.
  var sign: Unicode.Scalar?
  /// `z`: a negative number that is rounded to zero has no sign.
  var hidesNegativeZero = false
  var isAlternate = false
  /// A 0 before the width: zeros fill the space between the sign and the digits of a number.
  var padsWithZeros = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  public init(_ text: String) throws(Problem) {
    var rest = text.unicodeScalars[...]
    let hasFill = readAlignment(&rest)
    if let first = rest.first, Self.isOne(of: "+- ", first) { sign = rest.removeFirst() }
    hidesNegativeZero = Self.skip("z", &rest)
    isAlternate = Self.skip("#", &rest)
    if !hasFill, Self.skip("0", &rest) {
      padsWithZeros = true
      fill = "0"
    }
    width = try Self.number(&rest) ?? 0
    if let first = rest.first, Self.isOne(of: ",_", first) { grouping = rest.removeFirst() }
    if Self.skip(".", &rest) {
      guard let digits = try Self.number(&rest) else {
        throw Problem("the precision is missing in '\(text)'")
      }
      precision = digits
    }
    type = rest.popFirst()
    if !rest.isEmpty { throw Problem("invalid format specifier '\(text)'") }
    if let grouping, let type, !Self.isOne(of: grouping == "_" ? "bdeEfFgGoxX%" : "deEfFgG%", type) {
      throw Problem("cannot use '\(grouping)' with '\(type)' in '\(text)'")
    }
  }

  /// - Returns: whether the specification gives a fill character.
  private mutating func readAlignment(_ rest: inout Substring.UnicodeScalarView) -> Bool {
    if let second = rest.dropFirst().first, Self.isOne(of: "<>=^", second) {
      fill = rest.removeFirst()
      align = rest.removeFirst()
      return true
    }
    if let first = rest.first, Self.isOne(of: "<>=^", first) { align = rest.removeFirst() }
    return false
  }

  private static func isOne(of letters: StaticString, _ scalar: Unicode.Scalar) -> Bool {
    letters.withUTF8Buffer { $0.contains { UInt32($0) == scalar.value } }
  }

  private static func skip(_ scalar: Unicode.Scalar, _ rest: inout Substring.UnicodeScalarView) -> Bool {
    if rest.first != scalar { return false }
    rest.removeFirst()
    return true
  }

  private static func number(_ rest: inout Substring.UnicodeScalarView) throws(Problem) -> Int? {
    let digits = rest.prefix { (0x30...0x39).contains($0.value) }
    guard !digits.isEmpty else { return nil }
    rest = rest.dropFirst(digits.count)
    guard let value = Int(String(digits)), value <= 10_000 else {
      throw Problem("the number \(String(digits)) is too large in a format")
    }
    return value
  }

  // MARK: Values

  public func format(_ text: String) throws(Problem) -> String {
    guard type == nil || type == "s" else { throw unknownType(for: "str") }
    if align == "=" { throw Problem("'=' alignment is not for text") }
    if sign != nil || isAlternate || hidesNegativeZero || grouping != nil {
      throw Problem("a sign, z, # and grouping are not for text")
    }
    let shown = precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    return padded(NumberText(rest: shown), align ?? "<")
  }

  public func format(_ value: Int) throws(Problem) -> String {
    let base: (radix: Int, prefix: String)
    switch type {
    case nil, "d", "n": base = (10, "")
    case "b": base = (2, "0b")
    case "o": base = (8, "0o")
    case "x": base = (16, "0x")
    case "X": base = (16, "0X")
    case "c": return try character(value)
    case "e", "E", "f", "F", "g", "G", "%": return try format(Double(value))
    default: throw unknownType(for: "int")
    }
    try refusePrecisionAndZ()
    return padded(
      NumberText(
        sign: signText(isNegative: value < 0), prefix: isAlternate ? base.prefix : "",
        digits: String(value.magnitude, radix: base.radix, uppercase: type == "X")),
      every: base.radix == 10 ? 3 : 4)
  }

  private func character(_ value: Int) throws(Problem) -> String {
    try refusePrecisionAndZ()
    guard sign == nil, !isAlternate, let number = UInt32(exactly: value), let scalar = Unicode.Scalar(number)
    else { throw Problem("\(value) is no character") }
    return padded(NumberText(rest: String(scalar)), every: 3)
  }

  private func refusePrecisionAndZ() throws(Problem) {
    if precision != nil || hidesNegativeZero {
      throw Problem("a precision and z are not allowed for a whole number")
    }
  }

  public func format(_ value: Double) throws(Problem) -> String {
    let text = try magnitudeText(value.magnitude)
    // `digits` are the whole digits. Behind them stands a fraction, an exponent or a percent sign; `inf` has no
    // digits.
    let digits = text.prefix { ("0"..."9").contains($0) }
    var isNegative = value.sign == .minus && !value.isNaN
    if hidesNegativeZero, !text.utf8.prefix(while: { $0 | 0x20 != 0x65 }).contains(where: Self.isNotZero) {
      isNegative = false
    }
    return padded(
      NumberText(
        sign: signText(isNegative: isNegative), digits: String(digits), rest: String(text[digits.endIndex...])
      ),
      every: 3)
  }

  private static func isNotZero(_ byte: UInt8) -> Bool {
    byte != UInt8(ascii: "0") && byte != UInt8(ascii: ".") && byte != UInt8(ascii: "%")
  }

  private func signText(isNegative: Bool) -> String {
    if isNegative { return "-" }
    return sign.map { $0 == "-" ? "" : String($0) } ?? ""
  }

  func unknownType(for kind: String) -> Problem {
    Problem("unknown format code '\(type ?? " ")' for a value of type '\(kind)'")
  }
}

/// Formats a double with `decimals` digits after the point, rounded as printf(3) does.
public func fixed(_ value: Double, decimals: Int) -> String {
  // Not by way of `FormatSpec`: a page of 10,000 jobs has 70,000 such numbers.
  let text = printf(value.magnitude, "f", decimals, isAlternate: false)
  return value.sign == .minus && !value.isNaN ? "-" + text : text
}
