/// Finds members of a JSON object in its bytes, without parsing it into values.
///
/// For a record that duct passes on as bytes while it reads or replaces only some members.
public enum JSONMembers {
  /// Finds the values of some top-level members.
  ///
  /// - Parameters:
  ///   - names: the names of the members.
  ///   - bytes: a JSON object. If its syntax is wrong somewhere, only the members before that are found.
  /// - Returns: by name, the byte range of each value without surrounding white space. Lacks members that do not
  ///   exist.
  public static func ranges(of names: Set<String>, in bytes: [UInt8]) -> [String: Range<Int>] {
    bytes.withUnsafeBufferPointer { buffer in
      var found: [String: Range<Int>] = [:]
      var scanner = JSONScanner(buffer)
      scanner.skipSpace()
      guard scanner.next == UInt8(ascii: "{") else { return [:] }
      do throws(JSONSyntaxError) {
        try scanner.enter()
        var isFirst = true
        while try scanner.nextMember(isFirst: isFirst) {
          isFirst = false
          let name = try scanner.string()
          try scanner.takeColon()
          let start = scanner.at
          try scanner.skipValue()
          if names.contains(name) { found[name] = start..<scanner.at }
        }
      } catch {
        // The members before the error are found.
      }
      return found
    }
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
