internal import CSystemCalls
internal import Glibc
internal import SystemCalls

/// The parts of a number before grouping and padding.
struct NumberText {
  var sign = ""
  /// The prefix of the base, such as `0x`.
  var prefix = ""
  /// Digits before the point. Grouping applies to these, and padding zeros go in front of them.
  var digits = ""
  var rest = ""
}

extension FormatSpec {
  /// Groups and pads a number as Python does: in a grouped number, padding zeros are grouped too.
  func padded(_ number: NumberText, every size: Int) -> String {
    let align = align ?? (padsWithZeros ? "=" : ">")
    var number = number
    if !number.digits.isEmpty {
      let others = [number.sign, number.prefix, number.rest].reduce(0) { $0 + $1.unicodeScalars.count }
      number.digits = grouped(
        number.digits, every: size, atLeast: fill == "0" && align == "=" ? width - others : 0)
    }
    return padded(number, align)
  }

  func padded(_ number: NumberText, _ align: Unicode.Scalar) -> String {
    let (sign, text) = (number.sign + number.prefix, number.digits + number.rest)
    let missing = max(width - sign.unicodeScalars.count - text.unicodeScalars.count, 0)
    func padding(_ count: Int) -> String {
      String(String.UnicodeScalarView(repeatElement(fill, count: count)))
    }
    switch align {
    case "<": return sign + text + padding(missing)
    case "^": return padding(missing / 2) + sign + text + padding(missing - missing / 2)
    case "=": return sign + padding(missing) + text
    default: return padding(missing) + sign + text
    }
  }

  /// Groups the digits, with zeros in front up to the length `least`. The result may be one longer, because a
  /// number must not begin with a separator.
  private func grouped(_ digits: String, every size: Int, atLeast least: Int) -> String {
    guard let grouping else {
      return String(repeating: "0", count: max(least - digits.utf8.count, 0)) + digits
    }
    var (rest, missing) = (digits[...], least)
    var text = ""
    while true {
      let length = min(size, max(rest.utf8.count, missing, 1))
      let group = rest.suffix(length)
      rest = rest.dropLast(group.count)
      text = String(repeating: "0", count: length - group.count) + group + text
      missing -= length
      if rest.isEmpty, missing <= 0 { return text }
      text = String(grouping) + text
      missing -= 1
    }
  }

  // MARK: Doubles

  /// The text of a double without its sign. `magnitude` must not be negative.
  func magnitudeText(_ magnitude: Double) throws(Problem) -> String {
    switch type {
    case "e", "E", "f", "F": return printf(magnitude, type ?? "f", precision ?? 6)
    case "g", "G": return general(magnitude, type ?? "g", max(precision ?? 6, 1))
    case "n": return general(magnitude, "g", max(precision ?? 6, 1))
    case "%": return printf(magnitude * 100, "f", precision ?? 6) + "%"
    case nil:
      guard magnitude.isFinite else { return magnitude.pythonRepresentation }
      if let precision { return withPoint(magnitude, max(precision, 1)) }
      let text = magnitude.pythonRepresentation
      guard isAlternate, !text.utf8.contains(UInt8(ascii: ".")) else { return text }
      let digits = text.prefix { $0 != "e" }
      return digits + "." + text[digits.endIndex...]
    default: throw unknownType(for: "float")
    }
  }

  /// Formats like `g`, but with at least one digit after the point. Therefore it switches to exponents one digit
  /// earlier.
  private func withPoint(_ magnitude: Double, _ precision: Int) -> String {
    let text = general(magnitude, "g", precision, lastDigit: precision - 1)
    if text.utf8.contains(UInt8(ascii: "e")) { return text }
    if text.last == "." { return text + "0" }
    return text.utf8.contains(UInt8(ascii: ".")) ? text : text + ".0"
  }

  /// Python's `g`, built from printf's `e` and `f`. glibc's `%#g` loses zeros of a number that is rounded up to a
  /// power of ten.
  ///
  /// - Parameter lastDigit: the smallest power of ten that is written with an exponent; nil: the precision.
  private func general(
    _ magnitude: Double, _ letter: Unicode.Scalar, _ precision: Int, lastDigit: Int? = nil
  ) -> String {
    let scientific = printf(magnitude, letter == "G" ? "E" : "e", precision - 1)
    guard magnitude.isFinite, let mark = scientific.lastIndex(where: { $0 == "e" || $0 == "E" }),
      let exponent = Int(scientific[mark...].dropFirst())
    else { return scientific }
    if exponent >= -4, exponent < lastDigit ?? precision {
      return withoutZeros(printf(magnitude, "f", precision - 1 - exponent)[...])
    }
    return withoutZeros(scientific[..<mark]) + scientific[mark...]
  }

  /// Removes trailing zeros of a fraction, and then a trailing point.
  private func withoutZeros(_ digits: Substring) -> String {
    var digits = digits
    guard !isAlternate, digits.utf8.contains(UInt8(ascii: ".")) else { return String(digits) }
    while digits.last == "0" { digits.removeLast() }
    if digits.last == "." { digits.removeLast() }
    return String(digits)
  }

  private func printf(_ value: Double, _ conversion: Unicode.Scalar, _ precision: Int) -> String {
    RecordText.printf(value, conversion, precision, isAlternate: isAlternate)
  }
}

/// A double as printf(3) has it, with `#` if `isAlternate`.
func printf(
  _ value: Double, _ conversion: Unicode.Scalar, _ precision: Int, isAlternate: Bool
) -> String {
  let letter = CChar(truncatingIfNeeded: conversion.value)
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400 + precision) { buffer in
    let length = duct_format_double(
      buffer.baseAddress, buffer.count, letter, isAlternate, CInt(precision), value)
    let text = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<Int(length)])
    return String(decoding: text, as: UTF8.self)
  }
}

/// Rounds to two decimals. Clock ticks do not give more precision.
public func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
