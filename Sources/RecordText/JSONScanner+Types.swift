/// Values of JSON as Swift types. Each call reads one value, or skips it and returns nil if it has another type.
extension JSONScanner {
  mutating func text() throws(JSONSyntaxError) -> String? {
    if next == UInt8(ascii: "\"") { return try string() }
    try skipValue()
    return nil
  }

  mutating func truth() throws(JSONSyntaxError) -> Bool? {
    if take(word: "true") { return true }
    if take(word: "false") { return false }
    try skipValue()
    return nil
  }

  /// A number, also a whole one.
  mutating func double() throws(JSONSyntaxError) -> Double? {
    guard beginsNumber else {
      try skipValue()
      return nil
    }
    switch try number() {
    case .integer(let value): return Double(value)
    case .double(let value): return value
    }
  }

  /// A number without a fraction that fits the type.
  mutating func integer<Integer: FixedWidthInteger>() throws(JSONSyntaxError) -> Integer? {
    guard beginsNumber else {
      try skipValue()
      return nil
    }
    switch try number() {
    case .integer(let value): return Integer(exactly: value)
    case .double(let value): return Integer(exactly: value)
    }
  }

  private var beginsNumber: Bool {
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "t"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), nil:
      false
    default: true
    }
  }
}
