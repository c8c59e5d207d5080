internal import OrderedCollections

/// The names of an object's members, in order.
///
/// A record of many jobs contains thousands of objects with the same names. Consecutive ones share one table of
/// names, so that the parser does not decode, hash and store the names again.
struct JSONObjectShape {
  private let names: [[UInt8]]
  /// An object with these names and null values.
  private let object: OrderedDictionary<String, JSONValue>

  /// Nil for an object that later objects are unlikely to resemble.
  init?(_ members: OrderedDictionary<String, JSONValue>) {
    guard !members.isEmpty, members.count <= 256 else { return nil }
    var names: [[UInt8]] = []
    names.reserveCapacity(members.count)
    for name in members.keys {
      let bytes = name.originalBytes
      // `end(ofName:)` compares raw bytes, so it cannot match a name that JSON writes with an escape.
      guard !bytes.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
      else { return nil }
      names.append(bytes)
    }
    self.names = names
    object = members.mapValues { _ in .null }
  }

  var count: Int { names.count }

  /// The position after the closing quote, if name `index` stands in quotes at `at`.
  func end(ofName index: Int, at: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    guard index < names.count else { return nil }
    return names[index].withUnsafeBufferPointer { name in
      let quote = at + 1 + name.count
      guard quote < bytes.count, bytes[quote] == UInt8(ascii: "\"") else { return nil }
      for offset in 0..<name.count where bytes[at + 1 + offset] != name[offset] { return nil }
      return quote + 1
    }
  }

  /// An object of these values, with as many of the names, from the first on.
  func object(_ values: [JSONValue]) -> OrderedDictionary<String, JSONValue> {
    if values.count < count {
      return OrderedDictionary(uniqueKeysWithValues: zip(object.keys, values))
    }
    var object = object
    object.values.withUnsafeMutableBufferPointer { places in
      for (index, value) in values.enumerated() { places[index] = value }
    }
    return object
  }
}
