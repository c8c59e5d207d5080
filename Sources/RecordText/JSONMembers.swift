/// Finds members of a JSON object without building values of it.
///
/// For a record that is passed on as bytes, of which only some members are read or replaced.
public enum JSONMembers {
  /// The places of the values of some top-level members.
  ///
  /// - Parameters:
  ///   - names: of the members, in ASCII without escapes.
  ///   - bytes: a valid JSON object. Of other bytes the result is not specified; none of them is read twice.
  /// - Returns: by name, the range of the value without white space around it. A member that is not there is missing.
  public static func ranges(of names: Set<String>, in bytes: [UInt8]) -> [String: Range<Int>] {
    var scanner = Scanner(bytes: bytes)
    return scanner.members(names)
  }

  /// Replaces the values of members.
  ///
  /// - Parameters:
  ///   - values: by the place of the old value.
  ///   - bytes: the object that the places are of.
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

  /// From a quote to behind the next one that no backslash is before.
  private mutating func skipString() {
    at += 1
    while let byte = next, byte != UInt8(ascii: "\"") { at += byte == UInt8(ascii: "\\") ? 2 : 1 }
    at = min(at + 1, bytes.count)
  }

  /// A string, a number or word, or an object or list with all that is in it.
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
