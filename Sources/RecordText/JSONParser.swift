internal import OrderedCollections

/// Parses JSON into a tree of values.
public struct JSONParser {
  private var scanner: JSONScanner
  private var depth = 0
  /// For each depth, the names of the last object at that depth: see `JSONObjectShape`.
  private var shapes: [JSONObjectShape?] = []

  /// How many more values the document may have.
  private var valuesLeft: Int
  /// A non-empty object or list takes as much memory as this many simple values.
  private static let valuesOfContainer = 6

  init(_ scanner: JSONScanner, most: Int) {
    self.scanner = scanner
    valuesLeft = most
  }

  /// Parses `bytes`, which must contain exactly one value.
  ///
  /// - Parameter most: how many values the document may contain, for documents that others may have written: in
  ///   memory, a list of numbers takes more than ten times the length of its text. Objects and lists count as six.
  public static func parse(_ bytes: [UInt8], most: Int = .max) throws(JSONSyntaxError) -> JSONValue {
    try bytes.withUnsafeBufferPointer { buffer throws(JSONSyntaxError) in
      var scanner = JSONScanner(buffer)
      scanner.skipSpace()
      var left = most
      let value = try value(&scanner, left: &left)
      try scanner.end()
      return value
    }
  }

  /// Parses the value that begins at the scanner's next byte.
  ///
  /// - Parameter left: how many more values there may be.
  static func value(_ scanner: inout JSONScanner, left: inout Int) throws(JSONSyntaxError) -> JSONValue {
    var parser = JSONParser(scanner, most: left)
    let value = try parser.value()
    scanner = parser.scanner
    left = parser.valuesLeft
    return value
  }

  /// Parses the value that begins at `position`.
  mutating func value(at position: Int) throws(JSONSyntaxError) -> JSONValue {
    scanner.at = position
    return try value()
  }

  private mutating func value() throws(JSONSyntaxError) -> JSONValue {
    guard let first = scanner.next else {
      throw scanner.error("the text ends where a value should stand")
    }
    valuesLeft -= 1
    if valuesLeft < 0 { throw scanner.limit("more values than a record has") }
    switch first {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONSyntaxError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONSyntaxError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try scanner.string())
    default: break
    }
    if scanner.takeNull() { return .null }
    if scanner.take(word: "true") { return .bool(true) }
    if scanner.take(word: "false") { return .bool(false) }
    switch try scanner.number() {
    case .integer(let value): return .integer(value)
    case .double(let value): return .number(value)
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
  ) throws(JSONSyntaxError) -> JSONValue {
    valuesLeft -= Self.valuesOfContainer - 1
    depth += 1
    try scanner.enter()
    let value = try body(&self)
    scanner.leave()
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONSyntaxError) -> JSONValue {
    while shapes.count <= depth { shapes.append(nil) }
    let known = shapes[depth]
    // While the names equal those of the previous object, only the values are collected.
    var values: [JSONValue] = []
    if let known { values.reserveCapacity(known.count) }
    var members: OrderedDictionary<String, JSONValue>?
    var isFirst = true
    while try scanner.nextMember(isFirst: isFirst) {
      isFirst = false
      var name: String?
      if members == nil, let known,
        let end = known.end(ofName: values.count, at: scanner.at, in: scanner.bytes)
      {
        scanner.at = end
      } else {
        if members == nil { members = known?.object(values) ?? [:] }
        name = try scanner.string()
      }
      try scanner.takeColon()
      let value = try value()
      if let name { members?[name] = value } else { values.append(value) }
    }
    if members == nil, let known { return .object(known.object(values)) }
    let object = members ?? [:]
    // An empty object resembles no later one.
    if !isFirst { shapes[depth] = JSONObjectShape(object) }
    return .object(object)
  }

  private mutating func array() throws(JSONSyntaxError) -> JSONValue {
    var elements: [JSONValue] = []
    while try scanner.nextElement(isFirst: elements.isEmpty) { elements.append(try value()) }
    return .array(elements)
  }
}
