extension String {
  /// The text with a reference (`&lt;`) in place of each character that has a meaning in HTML, between tags or in quoted
  /// values of attributes.
  ///
  /// By bytes: to Swift, a quotation mark with an accent behind it is another character.
  public var withHTMLReferences: String {
    var text = self
    return text.withUTF8 { utf8 in
      guard utf8.contains(where: { Self.htmlReference($0) != nil }) else { return nil }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(utf8.count + utf8.count / 8 + 16)
      for byte in utf8 {
        if let reference = Self.htmlReference(byte) {
          reference.withUTF8Buffer { bytes.append(contentsOf: $0) }
        } else {
          bytes.append(byte)
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    } ?? self
  }

  private static func htmlReference(_ byte: UInt8) -> StaticString? {
    switch byte {
    case UInt8(ascii: "&"): "&amp;"
    case UInt8(ascii: "<"): "&lt;"
    case UInt8(ascii: ">"): "&gt;"
    case UInt8(ascii: "\""): "&quot;"
    case UInt8(ascii: "'"): "&#39;"
    default: nil
    }
  }
}
