/// Writes JSON as ASCII, as Python's `json.dumps` does, so it is readable in any locale. A byte that is not valid
/// UTF-8 becomes the escape of a lone surrogate, which Python reads back as that byte.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private let indent: Int?
  private var depth = 0
  /// Nothing has been written into the innermost object or list.
  private var isFirst = true

  /// - Parameter indent: spaces per level; nil writes everything on one line.
  public init(indent: Int? = nil) { self.indent = indent }

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
    beginElement()
    append("\"")
    append(name)
    append("\": ")
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
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    let start = bytes.count
    var rest = value.magnitude
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  /// Always writes a point or an exponent, so that readers get a float back. Writes null for NaN and infinities,
  /// which JSON does not have.
  mutating func write(_ value: Double) {
    if value.isFinite { bytes.append(contentsOf: value.description.utf8) } else { writeNull() }
  }

  mutating func write(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    if !writePlain(text) { writeEscaping(text) }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Writes text that needs no escapes. Writes nothing and returns false for any other text.
  private mutating func writePlain(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { utf8 in
      let isPlain = utf8.allSatisfy {
        $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
      }
      if isPlain { bytes.append(contentsOf: utf8) }
      return isPlain
    }
  }

  private mutating func writeEscaping(_ text: String) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case "\u{20}"..."\u{7E}": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      default:
        if let byte = scalar.escapedByte {
          writeEscape(0xDC00 + UInt16(byte))
        } else {
          for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter { writeEscape(unit) }
        }
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
