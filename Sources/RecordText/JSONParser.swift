internal import OrderedCollections

/// A syntax error in JSON, and its position.
public struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
  /// Bytes before the error.
  public var offset: Int
  public var message: String
  public var description: String { "\(message) at byte \(offset)" }
}

/// Parses JSON (RFC 8259) and the extensions that Python's `json` writes: NaN, Infinity, lone surrogates.
public struct JSONParser {
  private static let deepest = 256
  /// Valid while the parser is used. The parser compares every position with the end before it reads.
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0
  private var depth = 0
  /// For each depth, the names of the last object at that depth: see `JSONObjectShape`.
  private var shapes: [JSONObjectShape?] = []

  /// How many more values the document may have.
  private var valuesLeft: Int
  /// A non-empty object or list takes as much memory as this many simple values.
  private static let valuesOfContainer = 6

  private init(_ bytes: UnsafeBufferPointer<UInt8>, most: Int) {
    self.bytes = bytes
    valuesLeft = most
  }

  /// Parses `bytes`, which must contain exactly one value.
  ///
  /// - Parameter most: how many values the document may contain, for documents that others may have written: in
  ///   memory, a list of numbers takes more than ten times the length of its text. Objects and lists count as six.
  public static func parse(_ bytes: [UInt8], most: Int = .max) throws(JSONSyntaxError) -> JSONValue {
    try bytes.withUnsafeBufferPointer { buffer throws(JSONSyntaxError) in
      var parser = JSONParser(buffer, most: most)
      let value = try parser.value()
      parser.skipSpace()
      if parser.at < buffer.count { throw parser.error("text after the end of the document") }
      return value
    }
  }

  private func error(_ message: String) -> JSONSyntaxError {
    JSONSyntaxError(offset: at, message: message)
  }

  private mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x0A, 0x0D, 0x09: at += 1
      default: return
      }
    }
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
    valuesLeft -= 1
    if valuesLeft < 0 { throw error("more values than a record has") }
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
    valuesLeft -= Self.valuesOfContainer - 1
    depth += 1
    at += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONSyntaxError) -> JSONValue {
    skipSpace()
    if take("}") { return .object([:]) }
    while shapes.count <= depth { shapes.append(nil) }
    let known = shapes[depth]
    // While the names equal those of the previous object, only the values are collected.
    var values: [JSONValue] = []
    if let known { values.reserveCapacity(known.count) }
    var members: OrderedDictionary<String, JSONValue>?
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("the name of a member is missing") }
      var name: String?
      if members == nil, let known, let end = known.end(ofName: values.count, at: at, in: bytes) {
        at = end
      } else {
        if members == nil { members = known?.object(values) ?? [:] }
        name = try string()
      }
      skipSpace()
      if !take(":") { throw error("a colon is missing") }
      let value = try value()
      if let name { members?[name] = value } else { values.append(value) }
      skipSpace()
      if take("}") { break }
      if !take(",") { throw error("a comma or a closing brace is missing") }
    }
    if members == nil, let known { return .object(known.object(values)) }
    let object = members ?? [:]
    shapes[depth] = JSONObjectShape(object)
    return .object(object)
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
    if let value = shortInteger() { return .integer(value) }
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

  /// Parses an integer of up to 18 digits, the usual case. Returns nil and does not advance for everything else.
  private mutating func shortInteger() -> Int64? {
    var end = at
    let isNegative = end < bytes.count && bytes[end] == UInt8(ascii: "-")
    if isNegative { end += 1 }
    let first = end
    var value: Int64 = 0
    while end < bytes.count, case let digit = bytes[end] &- UInt8(ascii: "0"), digit < 10 {
      guard end - first < 18 else { return nil }
      value = value * 10 + Int64(digit)
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
    at = end
    return isNegative ? -value : value
  }

  private func number(from start: Int, isInteger: Bool) throws(JSONSyntaxError) -> JSONValue {
    let text = String(decoding: slice(start, at), as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text) else {
      throw JSONSyntaxError(offset: start, message: "no JSON value")
    }
    return .number(value)
  }

  private func slice(_ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes[start..<end])
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      if byte < 0x20 { throw error("a control character in a string") }
      at += 1
    }
    if take("\"") { return String(escaping: slice(start, at - 1)) }
    return try stringWithEscapes(from: start)
  }

  private mutating func stringWithEscapes(from start: Int) throws(JSONSyntaxError) -> String {
    var content = Array(slice(start, at))
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
      // Python's escape for a byte that is not UTF-8.
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
      let unit = UInt32(String(decoding: slice(at, at + 4), as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits are missing") }
    at += 4
    return unit
  }
}
