extension JSONScanner {
  enum Number {
    case integer(Int64)
    case double(Double)
  }

  mutating func number() throws(JSONSyntaxError) -> Number {
    if let value = shortNumber() { return value }
    if take(word: "NaN") { return .double(.nan) }
    if take(word: "Infinity") { return .double(.infinity) }
    if take(word: "-Infinity") { return .double(-.infinity) }
    let start = at
    var isInteger = true
    scan: while let byte = next {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
      default: break scan
      }
      at += 1
    }
    let text = String(decoding: slice(start, at), as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text) else { throw JSONSyntaxError(offset: start, message: "no JSON value") }
    return .double(value)
  }

  /// Powers of ten that are exact as doubles, as far as `shortNumber` needs them.
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]

  /// Reads a number of up to 15 digits without exponent, or an integer of up to 18: the usual cases. Returns nil and
  /// does not advance for everything else.
  ///
  /// Both the digits as an integer (less than 2^53) and the power of ten are exact as doubles, so the quotient is the
  /// double nearest to the text.
  private mutating func shortNumber() -> Number? {
    var end = at
    let isNegative = end < bytes.count && bytes[end] == UInt8(ascii: "-")
    if isNegative { end += 1 }
    let first = end
    var value: Int64 = 0
    var point: Int?
    while end < bytes.count {
      let digit = bytes[end] &- UInt8(ascii: "0")
      if digit < 10 {
        guard end - first < 18 else { return nil }
        value = value &* 10 &+ Int64(digit)
      } else if bytes[end] == UInt8(ascii: "."), point == nil, end > first {
        point = end
      } else {
        break
      }
      end += 1
    }
    guard end > first else { return nil }
    if end < bytes.count {
      switch bytes[end] {
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"):
        return nil
      default: break
      }
    }
    guard let point else {
      at = end
      return .integer(isNegative ? -value : value)
    }
    let decimals = end - point - 1
    guard decimals > 0, end - first - 1 <= 15 else { return nil }
    at = end
    let magnitude = Double(value) / Self.powersOfTen[decimals]
    return .double(isNegative ? -magnitude : magnitude)
  }
}
