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
  /// Of a large text, the texts that may stand in it many times.
  private let repeated: RepeatedTexts?

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    repeated = bytes.count < RepeatedTexts.smallestDocument ? nil : RepeatedTexts()
  }

  var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  /// How many bytes have not been read.
  var left: Int { bytes.count - at }

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

  /// As `take(word: "null")`, in one comparison: half of the members of a record are null.
  mutating func takeNull() -> Bool {
    guard bytes.count - at >= 4, let base = bytes.baseAddress else { return false }
    let word = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: at, as: UInt32.self)
    guard UInt32(littleEndian: word) == 0x6C6C_756E else { return false }
    at += 4
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
  @inline(__always)
  mutating func nextMember(isFirst: Bool) throws(JSONSyntaxError) -> Bool {
    // As duct and Python write it.
    if !isFirst, bytes.count - at > 2, bytes[at] == UInt8(ascii: ","), bytes[at + 1] == UInt8(ascii: " "),
      bytes[at + 2] == UInt8(ascii: "\"")
    {
      at += 2
      return true
    }
    return try nextSpacedMember(isFirst: isFirst)
  }

  private mutating func nextSpacedMember(isFirst: Bool) throws(JSONSyntaxError) -> Bool {
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
  @inline(__always)
  mutating func takeColon() throws(JSONSyntaxError) {
    // As duct and Python write it.
    if bytes.count - at > 2, bytes[at] == UInt8(ascii: ":"), bytes[at + 1] == UInt8(ascii: " "),
      bytes[at + 2] > UInt8(ascii: " ")
    {
      at += 2
      return
    }
    try takeSpacedColon()
  }

  private mutating func takeSpacedColon() throws(JSONSyntaxError) {
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

  // MARK: Strings

  /// Reads the string whose opening quote is the next byte.
  mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    let isASCII = try skipPlainText()
    guard bytes[at] == UInt8(ascii: "\"") else { return try stringWithEscapes(from: start) }
    let text = slice(start, at)
    at += 1
    if !isASCII { return String(escaping: text) }
    return repeated?.text(text) ?? String(decoding: text, as: UTF8.self)
  }

  /// Skips to the next quote or backslash: it is the next byte then.
  ///
  /// Reads groups of eight bytes. `(x - 0x01…) & ~x & 0x80…` is not zero exactly if a byte of x is zero, and likewise
  /// with 0x20 for a byte below 0x20. The lowest bit that is set belongs to the first such byte; a borrow may mark bytes
  /// behind it.
  ///
  /// - Returns: whether all skipped bytes are ASCII.
  private mutating func skipPlainText() throws(JSONSyntaxError) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    var seen: UInt64 = 0
    if let base = bytes.baseAddress {
      let raw = UnsafeRawPointer(base)
      while bytes.count - at >= 8 {
        let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let found =
          (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word))
          & high
        if found != 0 {
          let place = found.trailingZeroBitCount & ~7
          at += place / 8
          if bytes[at] < 0x20 { throw error("a control character in a string") }
          return (seen | word & ((1 &<< UInt64(place)) &- 1)) & high == 0
        }
        seen |= word
        at += 8
      }
    }
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      if byte < 0x20 { throw error("a control character in a string") }
      seen |= UInt64(byte)
      at += 1
    }
    if at >= bytes.count { throw error("a string does not end") }
    return seen & high == 0
  }

  private mutating func stringWithEscapes(from start: Int) throws(JSONSyntaxError) -> String {
    var content = Array(slice(start, at))
    while true {
      let plain = at
      _ = try skipPlainText()
      content.append(contentsOf: slice(plain, at))
      at += 1
      if bytes[at - 1] == UInt8(ascii: "\"") { return String(escaping: content) }
      content.append(contentsOf: try escape())
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
      _ = try skipPlainText()
      at += 1
      if bytes[at - 1] == UInt8(ascii: "\"") { return }
      _ = try escape()
    }
  }

  /// Skips the value that begins at the next byte, with everything in it. Checks its syntax.
  mutating func skipValue() throws(JSONSyntaxError) {
    guard let first = next else { throw error("the text ends where a value should stand") }
    switch first {
    case UInt8(ascii: "\""): try skipString()
    case UInt8(ascii: "{"): try skipMembers()
    case UInt8(ascii: "["): try skipElements()
    default:
      if takeNull() || take(word: "true") || take(word: "false") { return }
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
