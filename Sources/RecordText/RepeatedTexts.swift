import Glibc

/// Makes strings of the texts in a large document, and returns the same string again for a text that was in it shortly
/// before.
///
/// The jobs of a campaign have few working directories, submit lines and node lists. So most of their texts need no
/// memory of their own, and no time to allocate it.
final class RepeatedTexts {
  /// Bytes. In a smaller document, little would be saved.
  static let smallestDocument = 1 << 16
  /// Swift stores shorter texts in place.
  private static let shortest = 16
  /// Longer texts are rarely repeated.
  private static let longest = 512

  /// Each text has one place here, which the next text of the same place takes.
  private var texts = [String](repeating: "", count: 512)

  /// - Parameter bytes: ASCII.
  func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    guard (Self.shortest...Self.longest).contains(bytes.count) else {
      return String(decoding: bytes, as: UTF8.self)
    }
    let place = place(of: bytes)
    let isKnown =
      texts[place].utf8.withContiguousStorageIfAvailable { known in
        guard known.count == bytes.count, let left = known.baseAddress, let right = bytes.baseAddress else {
          return false
        }
        return memcmp(left, right, bytes.count) == 0
      } ?? false
    if !isKnown { texts[place] = String(decoding: bytes, as: UTF8.self) }
    return texts[place]
  }

  /// - Parameter bytes: eight or more.
  private func place(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    var hash = UInt64(truncatingIfNeeded: bytes.count)
    for at in stride(from: 0, to: bytes.count - 8, by: 8) {
      hash = (hash ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    hash =
      (hash ^ raw.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: hash >> 40) & (texts.count - 1)
  }
}

/// The last few values of one kind, by their text in the document: jobs of one submission request the same.
struct RepeatedValues<Value> {
  private static var most: Int { 4 }
  private var entries: [(text: [UInt8], value: Value)] = []
  private var oldest = 0

  /// Reads the value that begins at the next byte, if its text is known. The text must end with a bracket.
  mutating func take(_ scanner: inout JSONScanner) -> Value? {
    guard let base = scanner.bytes.baseAddress else { return nil }
    for entry in entries
    where entry.text.count <= scanner.bytes.count - scanner.at
      && memcmp(entry.text, base + scanner.at, entry.text.count) == 0
    {
      scanner.at += entry.text.count
      return entry.value
    }
    return nil
  }

  /// Notes a value that was read.
  mutating func note(_ value: Value, from text: UnsafeBufferPointer<UInt8>) {
    if entries.count < Self.most {
      entries.append((Array(text), value))
    } else {
      entries[oldest] = (Array(text), value)
      oldest = (oldest + 1) % Self.most
    }
  }
}
