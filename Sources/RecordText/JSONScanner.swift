import Glibc

/// A syntax error in JSON, and its position.
public struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
  /// Bytes before the error.
  public var offset: Int
  public var message: String
  /// The text may be JSON, but it has more of something than duct reads.
  public var isLimit = false
  /// What follows "the text is".
  public var complaint: String { (isLimit ? "larger than duct reads: " : "no JSON: ") + description }
  public var description: String { "\(message) at byte \(offset)" }
}

/// Reads the elements of JSON (RFC 8259) from bytes, one after the other, and the extensions that Python's `json`
/// writes: NaN, Infinity, lone surrogates.
///
/// It knows where it is in the text, and nothing of values: `JSONParser` makes values of what it reads, and
/// `RecordMembers` the properties of a record.
struct JSONScanner {
  static let deepest = 256
  /// Valid while the scanner is used. The scanner compares every position with the end before it reads.
  let bytes: UnsafeBufferPointer<UInt8>
  /// The position of the next byte.
  var at = 0
  /// How many objects and lists have begun and not ended.
  private var depth = 0
  /// Where large objects and lists end that were skipped, by where they begin. A record with 100,000 jobs is one list,
  /// which lies in an object: each is skipped to find the members behind it.
  private var ends: [Int: Int] = [:]
  /// Bytes.
  private static let large = 1 << 16

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  func error(_ message: String) -> JSONSyntaxError { JSONSyntaxError(offset: at, message: message) }

  /// An error about a limit of duct's own.
  func limit(_ message: String) -> JSONSyntaxError {
    JSONSyntaxError(offset: at, message: message, isLimit: true)
  }

  mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x0A, 0x0D, 0x09: at += 1
      default: return
      }
    }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - at >= length else { return false }
    for offset in 0..<length where word.utf8Start[offset] != bytes[at + offset] { return false }
    at += length
    return true
  }

  func slice(_ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes[start..<end])
  }

  // MARK: Objects and lists

  /// Begins the object or list whose opening bracket is the next byte.
  mutating func enter() throws(JSONSyntaxError) {
    if depth == Self.deepest { throw limit("nested deeper than \(Self.deepest) levels") }
    depth += 1
    at += 1
  }

  mutating func leave() { depth -= 1 }

  /// Moves to the name of the object's next member. False, behind the closing brace, if there is none.
  ///
  /// - Parameter isFirst: no member has been read.
  mutating func nextMember(isFirst: Bool) throws(JSONSyntaxError) -> Bool {
    skipSpace()
    if take("}") { return false }
    if !isFirst {
      if !take(",") { throw error("a comma or a closing brace is missing") }
      skipSpace()
    }
    guard next == UInt8(ascii: "\"") else { throw error("the name of a member is missing") }
    return true
  }

  /// Moves from behind a member's name to its value.
  mutating func takeColon() throws(JSONSyntaxError) {
    skipSpace()
    if !take(":") { throw error("a colon is missing") }
    skipSpace()
  }

  /// Moves to the list's next element. False, behind the closing bracket, if there is none.
  mutating func nextElement(isFirst: Bool) throws(JSONSyntaxError) -> Bool {
    skipSpace()
    if take("]") {
      return false
    }
    if !isFirst {
      if !take(",") { throw error("a comma or a closing bracket is missing") }
      skipSpace()
    }
    return true
  }

  // MARK: Numbers

  enum Number {
    case integer(Int64)
    case double(Double)
  }

  mutating func number() throws(JSONSyntaxError) -> Number {
    if take(word: "NaN") { return .double(.nan) }
    if take(word: "Infinity") { return .double(.infinity) }
    if take(word: "-Infinity") { return .double(-.infinity) }
    let start = at
    if let value = shortNumber() { return value }
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
        value = value * 10 + Int64(digit)
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

  // MARK: Strings

  /// Reads the string whose opening quote is the next byte.
  mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    try skipPlainText()
    if take("\"") { return String(escaping: slice(start, at - 1)) }
    return try stringWithEscapes(from: start)
  }

  /// Skips to the next quote or backslash.
  private mutating func skipPlainText() throws(JSONSyntaxError) {
    skipPlainWords()
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      if byte < 0x20 { throw error("a control character in a string") }
      at += 1
    }
    if at >= bytes.count { throw error("a string does not end") }
  }

  /// Skips whole groups of eight bytes that contain no quote, no backslash and no control character.
  ///
  /// `(x - 0x01…) & ~x & 0x80…` is not zero exactly if a byte of x is zero, and likewise with 0x20 for a byte below
  /// 0x20. A borrow may mark further bytes behind the first one, which does not matter here.
  private mutating func skipPlainWords() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    guard let base = bytes.baseAddress else { return }
    let raw = UnsafeRawPointer(base)
    while bytes.count - at >= 8 {
      let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
      let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
      let found =
        ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
      if found & high != 0 { return }
      at += 8
    }
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

  // MARK: Skipping

  /// Skips the string whose opening quote is the next byte. Checks it as `string` does.
  mutating func skipString() throws(JSONSyntaxError) {
    at += 1
    while true {
      try skipPlainText()
      if take("\"") { return }
      at += 1
      _ = try escape()
    }
  }

  /// Skips the value that begins at the next byte, with everything in it. Checks its syntax.
  mutating func skipValue() throws(JSONSyntaxError) {
    guard let first = next else { throw error("the text ends where a value should stand") }
    switch first {
    case UInt8(ascii: "\""): try skipString()
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if !ends.isEmpty, let end = ends[at] {
        at = end
        return
      }
      let start = at
      try first == UInt8(ascii: "{") ? skipMembers() : skipElements()
      if at - start > Self.large { ends[start] = at }
    default:
      if take(word: "null") || take(word: "true") || take(word: "false") { return }
      _ = try number()
    }
  }

  private mutating func skipMembers() throws(JSONSyntaxError) {
    try enter()
    var isFirst = true
    while try nextMember(isFirst: isFirst) {
      isFirst = false
      try skipString()
      try takeColon()
      try skipValue()
    }
    leave()
  }

  private mutating func skipElements() throws(JSONSyntaxError) {
    try enter()
    var isFirst = true
    while try nextElement(isFirst: isFirst) {
      isFirst = false
      try skipValue()
    }
    leave()
  }

  /// Checks that nothing follows the document.
  mutating func end() throws(JSONSyntaxError) {
    skipSpace()
    if at < bytes.count { throw error("text after the end of the document") }
  }
}
