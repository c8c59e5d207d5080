internal import Glibc
internal import CSystemCalls

/// Why a value cannot be formatted as asked.
public struct FormatError: Error, Sendable, CustomStringConvertible {
  public var description: String
}

/// A format specification of Python: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
public struct FormatSpec: Sendable, Equatable {
  var fill: Character = " "
  var align: Character?
  var sign: Character = "-"
  var isAlternate = false
  var width = 0
  var grouping: Character?
  var precision: Int?
  var type: Character?

  public init(_ text: String) throws(FormatError) {
    var rest = text[...]
    let aligns: Set<Character> = ["<", ">", "=", "^"]
    if let second = rest.dropFirst().first, aligns.contains(second), let first = rest.first {
      fill = first
      align = second
      rest = rest.dropFirst(2)
    } else if let first = rest.first, aligns.contains(first) {
      align = rest.removeFirst()
    }
    if let first = rest.first, "+- ".contains(first) { sign = rest.removeFirst() }
    if rest.first == "#" {
      isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      if align == nil {
        fill = "0"
        align = "="
      }
      rest.removeFirst()
    }
    width = try Self.number(&rest) ?? 0
    if let first = rest.first, ",_".contains(first) { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      guard let digits = try Self.number(&rest) else {
        throw FormatError(description: "the precision is missing in '\(text)'")
      }
      precision = digits
    }
    if let first = rest.first {
      type = first
      rest.removeFirst()
    }
    if !rest.isEmpty { throw FormatError(description: "invalid format specifier '\(text)'") }
  }

  private static func number(_ rest: inout Substring) throws(FormatError) -> Int? {
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty else { return nil }
    rest = rest.dropFirst(digits.count)
    guard let value = Int(digits), value <= 10_000 else {
      throw FormatError(description: "the number \(digits) is too large in a format")
    }
    return value
  }

  public func format(_ text: String) throws(FormatError) -> String {
    guard type == nil || type == "s" else { throw unknownType(for: "str") }
    if align == "=" { throw FormatError(description: "'=' alignment is not for text") }
    let shown = precision.map { String(text.prefix($0)) } ?? text
    return pad(sign: "", shown, defaultAlign: "<")
  }

  public func format(_ value: Int) throws(FormatError) -> String {
    let magnitude = value.magnitude
    let digits: String
    switch type {
    case nil, "d", "n": digits = grouped(String(magnitude), every: 3)
    case "b": digits = (isAlternate ? "0b" : "") + grouped(String(magnitude, radix: 2), every: 4)
    case "o": digits = (isAlternate ? "0o" : "") + grouped(String(magnitude, radix: 8), every: 4)
    case "x": digits = (isAlternate ? "0x" : "") + grouped(String(magnitude, radix: 16), every: 4)
    case "X":
      digits =
        (isAlternate ? "0X" : "") + grouped(String(magnitude, radix: 16, uppercase: true), every: 4)
    case "e", "E", "f", "F", "g", "G", "%": return try format(Double(value))
    default: throw unknownType(for: "int")
    }
    if precision != nil {
      throw FormatError(description: "a precision is not allowed for a whole number")
    }
    return pad(sign: signText(isNegative: value < 0), digits, defaultAlign: ">")
  }

  public func format(_ value: Double) throws(FormatError) -> String {
    let magnitude = value.magnitude
    var digits: String
    switch type {
    case "e", "E", "f", "F", "g", "G": digits = printf(magnitude, type ?? "f", precision ?? 6)
    case "n": digits = printf(magnitude, "g", precision ?? 6)
    case "%": digits = printf(magnitude * 100, "f", precision ?? 6) + "%"
    case nil:
      if let precision {
        digits = printf(magnitude, "g", max(precision, 1))
        if magnitude.isFinite, !digits.contains("."), !digits.contains("e") { digits += ".0" }
      } else {
        digits = magnitude.isFinite ? magnitude.description : magnitude.isNaN ? "nan" : "inf"
      }
    default: throw unknownType(for: "float")
    }
    if grouping != nil {
      let whole = digits.prefix { $0.isNumber }
      digits = grouped(String(whole), every: 3) + digits.dropFirst(whole.count)
    }
    return pad(sign: signText(isNegative: value.sign == .minus && !value.isNaN), digits, defaultAlign: ">")
  }

  private func printf(_ value: Double, _ conversion: Character, _ precision: Int) -> String {
    var buffer = [CChar](repeating: 0, count: 400 + precision)
    let letter = CChar(bitPattern: conversion.asciiValue ?? UInt8(ascii: "f"))
    let length = duct_format_double(
      &buffer, buffer.count, letter, isAlternate, CInt(precision), value)
    return String(decoding: buffer[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func signText(isNegative: Bool) -> String {
    isNegative ? "-" : sign == "-" ? "" : String(sign)
  }

  private func grouped(_ digits: String, every size: Int) -> String {
    guard let grouping else { return digits }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % size == 0 { result.append(grouping) }
      result.append(digit)
    }
    return result
  }

  private func pad(sign: String, _ text: String, defaultAlign: Character) -> String {
    let missing = width - sign.count - text.count
    guard missing > 0 else { return sign + text }
    let padding = String(repeating: fill, count: missing)
    switch align ?? defaultAlign {
    case "<": return sign + text + padding
    case "^":
      return padding.prefix(missing / 2) + sign + text + padding.dropFirst(missing / 2)
    case "=": return sign + padding + text
    default: return padding + sign + text
    }
  }

  private func unknownType(for kind: String) -> FormatError {
    FormatError(description: "unknown format code '\(type ?? " ")' for a value of type '\(kind)'")
  }
}

/// One double with `decimals` digits after the point, as printf(3) rounds it.
public func fixed(_ value: Double, decimals: Int) -> String {
  guard let spec = try? FormatSpec(".\(decimals)f"), let text = try? spec.format(value) else {
    return value.description
  }
  return text
}
