/// The lines of the form `Name: number …` in a file of /proc such as status. Allocates nothing.
///
/// Lines without a number are skipped. Of several numbers in a line only the first is read.
struct LabeledNumbers: Sequence, IteratorProtocol {
  /// The name in front of the colon, for comparison with a literal in a `switch`.
  struct Name {
    let bytes: UnsafeRawBufferPointer

    static func ~= (literal: StaticString, name: Name) -> Bool {
      literal.utf8CodeUnitCount == name.bytes.count
        && name.bytes.elementsEqual(UnsafeRawBufferPointer(start: literal.utf8Start, count: name.bytes.count))
    }
  }

  private let text: UnsafeRawBufferPointer
  private var at = 0

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  mutating func next() -> (Name, UInt64)? {
    while at < text.count {
      let start = at
      var colon: Int?
      var value: UInt64 = 0
      var hasDigits = false
      var isOver = false
      while at < text.count, text[at] != UInt8(ascii: "\n") {
        let byte = text[at]
        if colon == nil {
          if byte == UInt8(ascii: ":") { colon = at }
        } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          if !isOver { value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0")) }
          hasDigits = true
        } else if hasDigits {
          isOver = true
        }
        at += 1
      }
      at += 1
      if let colon, hasDigits {
        return (Name(bytes: UnsafeRawBufferPointer(rebasing: text[start..<colon])), value)
      }
    }
    return nil
  }
}
