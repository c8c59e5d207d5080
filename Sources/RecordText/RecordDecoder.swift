/// Decodes values from JSON. An absent member is nil, and a double without a fraction counts as an integer.
public struct RecordDecoder {
  public init() {}

  public func decode<Value: Decodable>(_ type: Value.Type, from json: JSONValue) throws -> Value {
    try JSONDecoding(json: json, codingPath: []).decode(type)
  }

  public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    try decode(type, from: try JSONParser.parse(bytes))
  }
}

extension JSONValue {
  /// The value of an integer or of a double without a fraction; nil if it does not fit the type.
  fileprivate func whole<Integer: FixedWidthInteger>() -> Integer? {
    switch self {
    case .integer(let value): Integer(exactly: value)
    case .number(let value): Integer(exactly: value)
    default: nil
    }
  }
}

private struct JSONDecoding: Decoder {
  let json: JSONValue
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    // Compares the types, because a dynamic cast would search all conformances of the program. Numbers, strings and
    // booleans come back here through their own initializers and `ValueDecoding`.
    if type == JSONValue.self, let value = json as? Value { return value }
    return try Value(from: self)
  }

  func text() throws -> String {
    guard let value = json.string else { throw mismatch(String.self) }
    return value
  }

  func boolean() throws -> Bool {
    guard case .bool(let value) = json else { throw mismatch(Bool.self) }
    return value
  }

  func number() throws -> Double {
    guard let value = json.double else { throw mismatch(Double.self) }
    return value
  }

  func whole<Integer: FixedWidthInteger>(_ type: Integer.Type) throws -> Integer {
    guard let value: Integer = json.whole() else { throw mismatch(type) }
    return value
  }

  func mismatch(_ type: Any.Type) -> DecodingError {
    DecodingError.typeMismatch(
      type, .init(codingPath: codingPath, debugDescription: "the JSON value has another type"))
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object = json else { throw mismatch([String: JSONValue].self) }
    return KeyedDecodingContainer(ObjectDecoding<Key>(json: json, codingPath: codingPath))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard let elements = json.array else { throw mismatch([JSONValue].self) }
    return ArrayDecoding(elements: elements, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer {
    ValueDecoding(decoding: self)
  }
}

private struct ObjectDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let json: JSONValue
  let codingPath: [any CodingKey]

  var allKeys: [Key] {
    guard case .object(let members) = json else { return [] }
    return members.keys.compactMap { Key(stringValue: $0) }
  }

  func contains(_ key: Key) -> Bool { json[key.stringValue] != nil }

  // The compiler calls these for optional members. The default implementations look up each member three times and
  // build a coding path for each, which only an error needs.
  private func scalar<Value>(_ key: Key, _ read: (JSONValue) -> Value?) throws -> Value? {
    guard let value = json[key.stringValue], !value.isNull else { return nil }
    guard let result = read(value) else { throw try member(key).mismatch(Value.self) }
    return result
  }
  func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
    try scalar(key) { $0.string }
  }
  func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
    try scalar(key) { $0.double }
  }
  func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try scalar(key) { $0.whole() } }
  func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
    try scalar(key) { $0.whole() }
  }
  func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
    try scalar(key) { $0.whole() }
  }
  func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
    try scalar(key) { $0.whole() }
  }

  private func member(_ key: Key) throws -> JSONDecoding {
    guard let value = json[key.stringValue] else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "no member \(key.stringValue)"))
    }
    return JSONDecoding(json: value, codingPath: codingPath + [key])
  }

  func decodeNil(forKey key: Key) throws -> Bool { try member(key).json.isNull }
  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try member(key).decode(type)
  }
  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> { try member(key).container(keyedBy: type) }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try member(key).unkeyedContainer()
  }
  func superDecoder() throws -> any Decoder { JSONDecoding(json: json, codingPath: codingPath) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }
}

private struct ArrayDecoding: UnkeyedDecodingContainer {
  let elements: [JSONValue]
  let codingPath: [any CodingKey]
  var currentIndex = 0
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex >= elements.count }

  private mutating func next() throws -> JSONDecoding {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        JSONValue.self, .init(codingPath: codingPath, debugDescription: "the array has ended"))
    }
    defer { currentIndex += 1 }
    return JSONDecoding(json: elements[currentIndex], codingPath: codingPath)
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, elements[currentIndex].isNull else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next().decode(type)
  }
  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next().unkeyedContainer()
  }
  mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct ValueDecoding: SingleValueDecodingContainer {
  let decoding: JSONDecoding
  var codingPath: [any CodingKey] { decoding.codingPath }

  func decodeNil() -> Bool { decoding.json.isNull }
  func decode(_ type: String.Type) throws -> String { try decoding.text() }
  func decode(_ type: Bool.Type) throws -> Bool { try decoding.boolean() }
  func decode(_ type: Double.Type) throws -> Double { try decoding.number() }
  func decode(_ type: Float.Type) throws -> Float { Float(try decoding.number()) }
  func decode(_ type: Int.Type) throws -> Int { try decoding.whole(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoding.whole(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoding.whole(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoding.whole(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoding.whole(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try decoding.whole(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoding.whole(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoding.whole(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoding.whole(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoding.whole(type) }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoding.decode(type) }
}

extension JSONValue: Decodable {
  /// Always throws: only `RecordDecoder` decodes this type, and it does not call this initializer.
  public init(from decoder: any Decoder) throws {
    throw DecodingError.dataCorrupted(
      .init(codingPath: decoder.codingPath, debugDescription: "only RecordDecoder decodes JSON"))
  }
}
