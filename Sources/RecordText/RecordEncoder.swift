internal import OrderedCollections

/// Encodes values as JSON objects with members in declaration order. Unknown values become null, so a record always
/// has the same members.
public struct RecordEncoder {
  public init() {}

  public func encode(_ value: some Encodable) throws -> JSONValue {
    let node = Node()
    try node.encode(value, path: [])
    return node.json
  }

  /// One line of JSON that ends with a newline.
  public func line(_ value: some Encodable) throws -> [UInt8] {
    JSONWriter.bytes(of: try encode(value)) + [UInt8(ascii: "\n")]
  }
}

/// The value that an encoder fills in.
private final class Node {
  enum Content {
    case empty
    case value(JSONValue)
    case array([Node])
    case object(OrderedDictionary<String, Node>)
  }
  var content = Content.empty

  var json: JSONValue {
    switch content {
    case .empty: .object([:])
    case .value(let value): value
    case .array(let nodes): .array(nodes.map(\.json))
    case .object(let nodes): .object(nodes.mapValues(\.json))
    }
  }

  func encode<Value: Encodable>(_ value: Value, path: [any CodingKey]) throws {
    // Checks for JSON's own types by identity: a dynamic cast would search all conformances of the program for each
    // other type.
    if let json = value as? JSONValue {
      content = .value(json)
    } else if let text = value as? String {
      content = .value(.string(text))
    } else if let number = value as? Double {
      content = .value(.number(number))
    } else {
      try value.encode(to: NodeEncoder(node: self, codingPath: path))
    }
  }

  func set(_ value: Bool) { content = .value(.bool(value)) }
  func set(_ value: String) { content = .value(.string(value)) }
  func set(_ value: Double) { content = .value(.number(value)) }
  func set(_ value: some BinaryInteger) {
    // A value beyond 2^63 becomes a double of the same size. Slurm's 64-bit marks for "unset" are removed earlier.
    content = .value(Int64(exactly: value).map { .integer($0) } ?? .number(Double(value)))
  }

  func startObject() { if case .empty = content { content = .object([:]) } }
  func startArray() { if case .empty = content { content = .array([]) } }

  func member(_ name: String) -> Node {
    let node = Node()
    guard case .object(var members) = content else { return node }
    content = .empty
    members[name] = node
    content = .object(members)
    return node
  }

  func element() -> Node {
    let node = Node()
    guard case .array(var elements) = content else { return node }
    content = .empty
    elements.append(node)
    content = .array(elements)
    return node
  }

  var count: Int {
    guard case .array(let elements) = content else { return 0 }
    return elements.count
  }
}

private struct NodeEncoder: Encoder {
  let node: Node
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    node.startObject()
    return KeyedEncodingContainer(ObjectContainer<Key>(node: node, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.startArray()
    return ArrayContainer(node: node, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    ValueContainer(node: node, codingPath: codingPath)
  }
}

private struct ObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: Node
  let codingPath: [any CodingKey]

  func encodeNil(forKey key: Key) { node.member(key.stringValue).content = .value(.null) }
  func encode(_ value: Bool, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: String, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Double, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Float, forKey key: Key) { node.member(key.stringValue).set(Double(value)) }
  func encode(_ value: Int, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Int8, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Int16, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Int32, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: Int64, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: UInt, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: UInt8, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: UInt16, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: UInt32, forKey key: Key) { node.member(key.stringValue).set(value) }
  func encode(_ value: UInt64, forKey key: Key) { node.member(key.stringValue).set(value) }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try node.member(key.stringValue).encode(value, path: codingPath + [key])
  }

  // The compiler calls these for optional members. The default implementations would omit a nil member.
  func encodeIfPresent(_ value: Bool?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent(_ value: String?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent(_ value: Double?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent(_ value: Int?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent(_ value: Int64?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent(_ value: UInt32?, forKey key: Key) {
    if let value { encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }
  func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
    if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
      .container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
      .unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    NodeEncoder(node: node.member("super"), codingPath: codingPath)
  }

  func superEncoder(forKey key: Key) -> any Encoder {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
  let node: Node
  let codingPath: [any CodingKey]
  var count: Int { node.count }

  func encodeNil() { node.element().content = .value(.null) }
  func encode<Value: Encodable>(_ value: Value) throws {
    try node.element().encode(value, path: codingPath)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> {
    NodeEncoder(node: node.element(), codingPath: codingPath).container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    NodeEncoder(node: node.element(), codingPath: codingPath).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { NodeEncoder(node: node.element(), codingPath: codingPath) }
}

private struct ValueContainer: SingleValueEncodingContainer {
  let node: Node
  let codingPath: [any CodingKey]

  func encodeNil() { node.content = .value(.null) }
  func encode(_ value: Bool) { node.set(value) }
  func encode(_ value: String) { node.set(value) }
  func encode(_ value: Double) { node.set(value) }
  func encode(_ value: Float) { node.set(Double(value)) }
  func encode(_ value: Int) { node.set(value) }
  func encode(_ value: Int8) { node.set(value) }
  func encode(_ value: Int16) { node.set(value) }
  func encode(_ value: Int32) { node.set(value) }
  func encode(_ value: Int64) { node.set(value) }
  func encode(_ value: UInt) { node.set(value) }
  func encode(_ value: UInt8) { node.set(value) }
  func encode(_ value: UInt16) { node.set(value) }
  func encode(_ value: UInt32) { node.set(value) }
  func encode(_ value: UInt64) { node.set(value) }
  func encode<Value: Encodable>(_ value: Value) throws { try node.encode(value, path: codingPath) }
}

extension JSONValue: Encodable {
  /// Always throws: only `RecordEncoder` encodes this type, and it does not call this method.
  public func encode(to encoder: any Encoder) throws {
    throw EncodingError.invalidValue(
      self, .init(codingPath: encoder.codingPath, debugDescription: "only RecordEncoder encodes JSON"))
  }
}
