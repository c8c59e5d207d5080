/// Writes JSON as ASCII, as Python's `json.dumps` does, so it is readable in any locale. A byte that is not valid
/// UTF-8 becomes the escape of a lone surrogate, which Python reads back as that byte.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private let indent: Int?
  private var depth = 0
  /// Nothing has been written into the innermost object or list.
  private var isFirst = true

  /// - Parameters:
  ///   - indent: spaces per level; nil writes everything on one line.
  ///   - expecting: about how many bytes will be written.
  public init(indent: Int? = nil, expecting count: Int = 0) {
    self.indent = indent
    bytes.reserveCapacity(count)
  }

  public static func bytes(of value: JSONValue, indent: Int? = nil) -> [UInt8] {
    var writer = JSONWriter(indent: indent)
    writer.write(value)
    return writer.bytes
  }

  public mutating func write(_ value: JSONValue) {
    switch value {
    case .null: writeNull()
    case .bool(let value): write(value)
    case .integer(let value): write(value)
    case .number(let value): write(value)
    case .string(let text): write(text)
    case .array(let elements):
      beginList()
      for element in elements {
        beginElement()
        write(element)
      }
      endList()
    case .object(let members):
      beginObject()
      for (name, member) in members.elements {
        beginMember(name)
        write(member)
      }
      endObject()
    }
  }

  // MARK: Objects and lists

  mutating func beginObject() { open("{") }
  mutating func endObject() { close("}") }
  mutating func beginList() { open("[") }
  mutating func endList() { close("]") }

  /// Begins a member: its value must follow.
  mutating func beginMember(_ name: String) {
    beginElement()
    write(name)
    append(": ")
  }

  /// - Parameter name: ASCII that needs no escapes.
  mutating func beginMember(_ name: StaticString) {
    guard indent == nil else {
      beginElement()
      append("\"")
      append(name)
      append("\": ")
      return
    }
    // In one piece, because a large record has millions of members.
    let start: StaticString = isFirst ? "\"" : ", \""
    isFirst = false
    let length = start.utf8CodeUnitCount + name.utf8CodeUnitCount + 3
    withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { buffer in
      var rest = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
      for part: StaticString in [start, name, "\": "] {
        rest.copyMemory(from: UnsafeRawBufferPointer(start: part.utf8Start, count: part.utf8CodeUnitCount))
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[part.utf8CodeUnitCount...])
      }
      bytes.append(contentsOf: buffer[..<length])
    }
  }

  /// Begins an element of a list: its value must follow.
  mutating func beginElement() {
    if !isFirst { append(indent == nil ? ", " : ",") }
    isFirst = false
    startLine()
  }

  private mutating func open(_ bracket: StaticString) {
    append(bracket)
    depth += 1
    isFirst = true
  }

  private mutating func close(_ bracket: StaticString) {
    depth -= 1
    if !isFirst { startLine() }
    append(bracket)
    isFirst = false
  }

  private mutating func startLine() {
    guard let indent else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * depth))
  }

  /// Ends a line.
  mutating func endLine() { bytes.append(UInt8(ascii: "\n")) }

  // MARK: Values

  mutating func writeNull() { append("null") }
  mutating func write(_ value: Bool) { append(value ? "true" : "false") }

  mutating func write(_ value: Int64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      var (start, rest) = (20, value.magnitude)
      repeat {
        start -= 1
        buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        start -= 1
        buffer[start] = UInt8(ascii: "-")
      }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[start..<20]))
    }
  }

  /// Always writes a point or an exponent, so that readers get a float back. Writes null for NaN and infinities,
  /// which JSON does not have.
  mutating func write(_ value: Double) {
    if value.isFinite { bytes.append(contentsOf: value.description.utf8) } else { writeNull() }
  }

  mutating func write(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      var at = 0
      while at < utf8.count {
        let start = at
        while at < utf8.count, Self.isPlain(utf8[at]) { at += 1 }
        if at > start { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<at])) }
        if at < utf8.count { writeEscaped(Self.scalar(utf8, &at)) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Whether a byte stands for itself.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// The scalar that begins at `at`, which moves behind it. The text is valid UTF-8.
  private static func scalar(_ utf8: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> Unicode.Scalar {
    let ones = (~utf8[at]).leadingZeroBitCount
    let length = max(ones, 1)
    var value = UInt32(utf8[at]) & (0x7F >> UInt32(ones))
    for byte in utf8[(at + 1)..<(at + length)] { value = value << 6 | UInt32(byte & 0x3F) }
    at += length
    return Unicode.Scalar(value) ?? "\u{FFFD}"
  }

  private mutating func writeEscaped(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": append("\\\"")
    case "\\": append("\\\\")
    case "\n": append("\\n")
    case "\r": append("\\r")
    case "\t": append("\\t")
    default:
      if let byte = scalar.escapedByte {
        writeEscape(0xDC00 + UInt16(byte))
      } else {
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter { writeEscape(unit) }
      }
    }
  }

  private mutating func writeEscape(_ unit: UInt16) {
    append("\\u")
    for shift in stride(from: 12, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: (unit >> shift) & 0xF)
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }

  private mutating func append(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
