internal import OrderedCollections

/// The names of an object's members, in their order.
///
/// A record of many jobs has thousands of objects with the same names. Those that follow one another share one
/// table of names: it is neither read nor hashed nor stored again.
struct JSONObjectShape {
  private let names: [[UInt8]]
  /// With these names, and null for each.
  private let object: OrderedDictionary<String, JSONValue>

  /// Nil for an object that none is likely to resemble.
  init?(_ members: OrderedDictionary<String, JSONValue>) {
    guard !members.isEmpty, members.count <= 256 else { return nil }
    var names: [[UInt8]] = []
    names.reserveCapacity(members.count)
    for name in members.keys {
      let bytes = name.originalBytes
      // What was written with an escape is compared by nobody.
      guard !bytes.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
      else { return nil }
      names.append(bytes)
    }
    self.names = names
    object = members.mapValues { _ in .null }
  }

  var count: Int { names.count }

  /// Behind the closing quote, if the name `index` stands in quotes at `at`.
  func end(ofName index: Int, at: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    guard index < names.count else { return nil }
    return names[index].withUnsafeBufferPointer { name in
      let quote = at + 1 + name.count
      guard quote < bytes.count, bytes[quote] == UInt8(ascii: "\"") else { return nil }
      for offset in 0..<name.count where bytes[at + 1 + offset] != name[offset] { return nil }
      return quote + 1
    }
  }

  /// An object with the first of the names, as many as there are values.
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
