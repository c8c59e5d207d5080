import Glibc
internal import OrderedCollections
public import SystemCalls

/// Some members of a document, by their names, wherever they are in it.
///
/// A list of runs shows five members of some eighty. Reading only these takes a third of the time.
public struct JSONSelection: Sendable {
  private let names: [String]
  private let bytes: [[UInt8]]
  /// For each name, its first bytes and its length in one number: other names nearly always differ in it.
  private let keys: [UInt64]
  /// A bit for each value of six bits that `filterPlace` makes of a key. Most names of a document fail here.
  private let filter: UInt64
  /// All names, with values to be replaced.
  private let all: OrderedDictionary<String, JSONValue>

  public init(_ names: Set<String>) {
    self.names = names.sorted()
    bytes = self.names.map(\.originalBytes)
    keys = bytes.map { bytes in bytes.withUnsafeBufferPointer { Self.key(of: 0..<bytes.count, in: $0) } }
    filter = keys.reduce(0) { $0 | 1 &<< Self.filterPlace(of: $1) }
    all = OrderedDictionary(uniqueKeysWithValues: self.names.map { ($0, .null) })
  }

  /// Reads the selected members of an object and of the objects in it, as members of one object. If several have one
  /// name, the last one counts that is no object; if all are objects, an empty one. In lists, nothing is selected: a
  /// list is there as a whole if it is selected itself.
  ///
  /// - Parameter most: how many values there may be: see `JSONParser.parse`.
  /// - Throws: `Problem` if anything in the text is no JSON, or if it is no object.
  public func flatObject(
    in bytes: UnsafeBufferPointer<UInt8>, most: Int
  ) throws(Problem) -> JSONValue {
    var scanner = JSONScanner(bytes)
    var values = [JSONValue?](repeating: nil, count: names.count)
    var isObject = false
    do throws(JSONSyntaxError) {
      scanner.skipSpace()
      if scanner.next == UInt8(ascii: "{") {
        isObject = true
        var left = most
        try read(&scanner, &values, &left)
      } else {
        try scanner.skipValue()
      }
      try scanner.end()
    } catch {
      throw Problem(error.complaint)
    }
    if !isObject { throw Problem("no JSON object") }
    return .object(object(of: values))
  }

  private func object(of values: [JSONValue?]) -> OrderedDictionary<String, JSONValue> {
    let found = values.indices.filter { values[$0] != nil }
    guard found.count == names.count else {
      return OrderedDictionary(
        uncheckedUniqueKeys: found.map { names[$0] }, values: found.map { values[$0] ?? .null })
    }
    // Many records with the same members: they share the names.
    var object = all
    object.values.withUnsafeMutableBufferPointer { places in
      for place in places.indices { places[place] = values[place] ?? .null }
    }
    return object
  }

  private func read(
    _ scanner: inout JSONScanner, _ values: inout [JSONValue?], _ left: inout Int
  ) throws(JSONSyntaxError) {
    try scanner.enter()
    var isFirst = true
    while try scanner.nextMember(isFirst: isFirst) {
      isFirst = false
      let place = try place(&scanner)
      try scanner.takeColon()
      if scanner.next == UInt8(ascii: "{") {
        if let place, values[place] == nil { values[place] = .object([:]) }
        try read(&scanner, &values, &left)
      } else if let place {
        values[place] = try value(&scanner, &left)
      } else {
        try scanner.skipValue()
      }
    }
    scanner.leave()
  }

  private func value(_ scanner: inout JSONScanner, _ left: inout Int) throws(JSONSyntaxError) -> JSONValue {
    // Faster than with a parser.
    if scanner.next == UInt8(ascii: "\"") { return .string(try scanner.string()) }
    return try JSONParser.value(&scanner, left: &left)
  }

  // MARK: Names

  /// Reads the name of a member, and returns which of the selected ones it is.
  private func place(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> Int? {
    let start = scanner.at + 1
    try scanner.skipString()
    let name = start..<scanner.at - 1
    let key = Self.key(of: name, in: scanner.bytes)
    guard filter >> Self.filterPlace(of: key) & 1 == 1, let base = scanner.bytes.baseAddress else {
      return nil
    }
    return keys.indices.first { place in
      keys[place] == key && bytes[place].count == name.count
        && memcmp(bytes[place], base + name.lowerBound, name.count) == 0
    }
  }

  private static func key(of name: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var word: UInt64 = 0
    if bytes.count - name.lowerBound >= 8, let base = bytes.baseAddress {
      word =
        UnsafeRawPointer(base).loadUnaligned(fromByteOffset: name.lowerBound, as: UInt64.self).littleEndian
      if name.count < 8 { word &= (1 &<< UInt64(8 * name.count)) &- 1 }
    } else {
      for byte in bytes[name].prefix(8).reversed() { word = word << 8 | UInt64(byte) }
    }
    return word ^ UInt64(truncatingIfNeeded: name.count) &* 0x9E37_79B9_7F4A_7C15
  }

  private static func filterPlace(of key: UInt64) -> UInt64 { (key &* 0x9E37_79B9_7F4A_7C15) >> 58 }
}
