internal import OrderedCollections

/// What is wrong with a text that should be JSON, and where.
public struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
  /// Bytes before the place.
  public var offset: Int
  public var message: String
  public var description: String { "\(message) at byte \(offset)" }
}

/// Reads JSON (RFC 8259), and what Python's `json` writes beyond it: NaN, Infinity, lone surrogates.
public struct JSONParser {
  private static let deepest = 256
  private let bytes: [UInt8]
  private var at = 0
  private var depth = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The one value that `bytes` hold.
  public static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value()
    parser.skipSpace()
    if parser.at < bytes.count { throw parser.error("text after the end of the document") }
    return value
  }

  private func error(_ message: String) -> JSONSyntaxError {
    JSONSyntaxError(offset: at, message: message)
  }

  private mutating func skipSpace() {
    while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
  }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - at >= length else { return false }
    for offset in 0..<length where word.utf8Start[offset] != bytes[at + offset] { return false }
    at += length
    return true
  }

  private mutating func value() throws(JSONSyntaxError) -> JSONValue {
    skipSpace()
    guard let first = next else { throw error("the text ends where a value should stand") }
    switch first {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONSyntaxError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONSyntaxError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    default: break
    }
    if take(word: "null") { return .null }
    if take(word: "true") { return .bool(true) }
    if take(word: "false") { return .bool(false) }
    if take(word: "NaN") { return .number(.nan) }
    if take(word: "Infinity") { return .number(.infinity) }
    if take(word: "-Infinity") { return .number(-.infinity) }
    return try number()
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
  ) throws(JSONSyntaxError) -> JSONValue {
    if depth == Self.deepest { throw error("nested deeper than \(Self.deepest) levels") }
    depth += 1
    at += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONSyntaxError) -> JSONValue {
    var members = OrderedDictionary<String, JSONValue>()
    skipSpace()
    if take("}") { return .object(members) }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("the name of a member is missing") }
      let name = try string()
      skipSpace()
      if !take(":") { throw error("a colon is missing") }
      members[name] = try value()
      skipSpace()
      if take("}") { return .object(members) }
      if !take(",") { throw error("a comma or a closing brace is missing") }
    }
  }

  private mutating func array() throws(JSONSyntaxError) -> JSONValue {
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return .array(elements) }
    while true {
      elements.append(try value())
      skipSpace()
      if take("]") { return .array(elements) }
      if !take(",") { throw error("a comma or a closing bracket is missing") }
    }
  }

  private mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = at
    var isInteger = true
    while let byte = next {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
      default:
        return try number(from: start, isInteger: isInteger)
      }
      at += 1
    }
    return try number(from: start, isInteger: isInteger)
  }

  private func number(from start: Int, isInteger: Bool) throws(JSONSyntaxError) -> JSONValue {
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text) else {
      throw JSONSyntaxError(offset: start, message: "no JSON value")
    }
    return .number(value)
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      if byte < 0x20 { throw error("a control character in a string") }
      at += 1
    }
    if take("\"") { return String(escaping: bytes[start..<(at - 1)]) }
    return try stringWithEscapes(from: start)
  }

  private mutating func stringWithEscapes(from start: Int) throws(JSONSyntaxError) -> String {
    var content = Array(bytes[start..<at])
    while true {
      guard let byte = next else { throw error("a string does not end") }
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return String(escaping: content)
      case UInt8(ascii: "\\"): content.append(contentsOf: try escape())
      case 0..<0x20: throw error("a control character in a string")
      default: content.append(byte)
      }
    }
  }

  private mutating func escape() throws(JSONSyntaxError) -> [UInt8] {
    guard let letter = next else { throw error("a string does not end") }
    at += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): break
    default: throw error("an unknown escape in a string")
    }
    let unit = try hexadecimal()
    switch unit {
    case 0xDC80...0xDCFF:
      // Python's way to write a byte that is not UTF-8.
      return [UInt8(unit - 0xDC00)]
    case 0xD800...0xDBFF:
      let before = at
      if take(word: "\\u") {
        let low = try hexadecimal()
        if (0xDC00...0xDFFF).contains(low),
          let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        {
          return Array(String(Character(scalar)).utf8)
        }
        at = before
      }
      return Array("\u{FFFD}".utf8)
    default:
      return Array(String(Character(Unicode.Scalar(unit) ?? "\u{FFFD}")).utf8)
    }
  }

  private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    guard bytes.count - at >= 4,
      let unit = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits are missing") }
    at += 4
    return unit
  }
}
