/// Finds members of a JSON object in its bytes, without parsing it into values.
///
/// For a record that duct passes on as bytes while it reads or replaces only some members.
public enum JSONMembers {
  /// Finds the values of some top-level members.
  ///
  /// - Parameters:
  ///   - names: the names of the members, in ASCII without escapes.
  ///   - bytes: a valid JSON object. For other bytes the result is unspecified, but the call still takes linear
  ///     time.
  /// - Returns: by name, the byte range of each value without surrounding white space. Lacks members that do not
  ///   exist.
  public static func ranges(of names: Set<String>, in bytes: [UInt8]) -> [String: Range<Int>] {
    var scanner = Scanner(bytes: bytes)
    return scanner.members(names)
  }

  /// Replaces the values of members.
  ///
  /// - Parameters:
  ///   - values: new values, each with the range of the old value.
  ///   - bytes: the object that the ranges belong to.
  public static func replacing(_ values: [(place: Range<Int>, value: [UInt8])], in bytes: [UInt8]) -> [UInt8]
  {
    var result: [UInt8] = []
    var copied = 0
    for (place, value) in values.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
      result += bytes[copied..<place.lowerBound]
      result += value
      copied = place.upperBound
    }
    return result + bytes[copied...]
  }
}

private struct Scanner {
  let bytes: [UInt8]
  private var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func members(_ names: Set<String>) -> [String: Range<Int>] {
    var found: [String: Range<Int>] = [:]
    skipSpace()
    guard next == UInt8(ascii: "{") else { return [:] }
    at += 1
    while true {
      skipSpace()
      if next == UInt8(ascii: ",") {
        at += 1
        continue
      }
      guard next == UInt8(ascii: "\"") else { return found }
      let start = at + 1
      skipString()
      let name = String(decoding: bytes[start..<max(at - 1, start)], as: UTF8.self)
      skipSpace()
      guard next == UInt8(ascii: ":") else { return found }
      at += 1
      skipSpace()
      let value = at
      skipValue()
      guard at > value else { return found }
      if names.contains(name) { found[name] = value..<at }
    }
  }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) { at += 1 }
  }

  /// Skips a string, from its opening quote to the first quote without a backslash before it.
  private mutating func skipString() {
    at += 1
    while let byte = next, byte != UInt8(ascii: "\"") { at += byte == UInt8(ascii: "\\") ? 2 : 1 }
    at = min(at + 1, bytes.count)
  }

  /// Skips a value: a string, a number or word, or an object or list with everything in it.
  private mutating func skipValue() {
    var depth = 0
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        skipString()
        if depth == 0 { return }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        if depth == 0 {
          at += 1
          return
        }
      case UInt8(ascii: ","), UInt8(ascii: " "), 0x09...0x0D:
        if depth == 0 { return }
      default: break
      }
      at += 1
    }
  }
}
