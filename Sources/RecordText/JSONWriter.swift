/// Writes JSON as ASCII, as Python's `json.dumps` does, so it is readable in any locale. A byte that is not valid
/// UTF-8 becomes the escape of a lone surrogate, which Python reads back as that byte.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private let indent: Int?
  private var depth = 0

  /// - Parameter indent: spaces per level; nil writes everything on one line.
  public init(indent: Int? = nil) { self.indent = indent }

  public static func bytes(of value: JSONValue, indent: Int? = nil) -> [UInt8] {
    var writer = JSONWriter(indent: indent)
    writer.write(value)
    return writer.bytes
  }

  public mutating func write(_ value: JSONValue) {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append(String(value))
    case .number(let value): write(value)
    case .string(let text): write(text)
    case .array(let elements):
      writeList(open: "[", close: "]", elements) { $0.write($1) }
    case .object(let members):
      writeList(open: "{", close: "}", members.elements) { writer, member in
        writer.write(member.key)
        writer.append(": ")
        writer.write(member.value)
      }
    }
  }

  /// Always writes a point or an exponent, so that readers get a float back. Writes null for NaN and infinities,
  /// which JSON does not have.
  private mutating func write(_ value: Double) {
    append(value.isFinite ? value.description : "null")
  }

  private mutating func write(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
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
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscape(_ unit: UInt16) {
    append("\\u")
    for shift in stride(from: 12, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: (unit >> shift) & 0xF)
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }

  private mutating func writeList<Elements: Collection>(
    open: String, close: String, _ elements: Elements,
    _ body: (inout JSONWriter, Elements.Element) -> Void
  ) {
    append(open)
    depth += 1
    var isFirst = true
    for element in elements {
      if !isFirst { append(indent == nil ? ", " : ",") }
      isFirst = false
      startLine()
      body(&self, element)
    }
    depth -= 1
    if !isFirst { startLine() }
    append(close)
  }

  private mutating func startLine() {
    guard let indent else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * depth))
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
