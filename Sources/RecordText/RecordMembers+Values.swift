/// A value of JSON that is neither object nor list.
protocol JSONScalar: Sendable {
  /// Reads the value that begins at the next byte. Skips it and returns nil if it has another type.
  static func read(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> Self?
  func write(to writer: inout JSONWriter)
}

extension JSONScalar where Self: FixedWidthInteger {
  static func read(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> Self? { try scanner.integer() }

  /// A value beyond 2^63 becomes a double of the same size. Slurm's 64-bit marks for "unset" are removed earlier.
  func write(to writer: inout JSONWriter) {
    if let value = Int64(exactly: self) { writer.write(value) } else { writer.write(Double(self)) }
  }
}

extension Int: JSONScalar {}
extension Int32: JSONScalar {}
extension Int64: JSONScalar {}
extension UInt32: JSONScalar {}
extension UInt64: JSONScalar {}

extension Bool: JSONScalar {
  static func read(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> Bool? { try scanner.truth() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

extension Double: JSONScalar {
  static func read(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> Double? { try scanner.double() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

extension String: JSONScalar {
  static func read(_ scanner: inout JSONScanner) throws(JSONSyntaxError) -> String? { try scanner.text() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

// MARK: Scalars

/// One method for each type that records have. They are not generic: a generic method would be compiled once for all
/// types in another module, and each of the million members of a large record would go through it.
extension RecordMembers {
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Bool?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Int?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Int64?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout UInt32?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout UInt64?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Double?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout String?) { handle(name, &value) }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout Bool) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Int) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Int32) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout UInt32) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout Double) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout String) { handle(name, &value) }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout Bool, or standard: Bool) {
    var found: Bool? = value
    handle(name, &found)
    value = found ?? standard
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout [Bool]) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout [UInt32]) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout [String]) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout [String]?) { handle(name, &value) }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout [UInt32]?) { handle(name, &value) }

  public mutating func callAsFunction(
    _ name: StaticString, _ value: inout [String], or standard: [String]
  ) {
    var found: [String]? = value
    handle(name, &found, Self.words, Self.writeList)
    value = found ?? standard
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<Int>) {
    handle(name, &value)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<Int64>?) {
    handle(name, &value, Self.numbers, Self.writeFields)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<String>?) {
    handle(name, &value)
  }
}

/// Values of records that are only written.
extension RecordMembers {
  public mutating func callAsFunction(_ name: StaticString, _ value: Bool?) { write(name, value, Self.write) }
  public mutating func callAsFunction(_ name: StaticString, _ value: Int?) { write(name, value, Self.write) }
  public mutating func callAsFunction(_ name: StaticString, _ value: Int64?) {
    write(name, value, Self.write)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: UInt32?) {
    write(name, value, Self.write)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: Double?) {
    write(name, value, Self.write)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: String?) {
    write(name, value, Self.write)
  }
}

extension RecordMembers {
  /// Reads or writes a member that may be missing.
  private mutating func handle<Value>(
    _ name: StaticString, _ value: inout Value?,
    _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?,
    _ write: (inout RecordMembers, Value) -> Void
  ) {
    if isReading { value = optional(name, read) } else { self.write(name, value, write) }
  }

  /// Reads or writes a member that the record must have.
  private mutating func handle<Value>(
    _ name: StaticString, _ value: inout Value,
    _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?,
    _ write: (inout RecordMembers, Value) -> Void
  ) {
    if isReading { required(name, &value, read) } else { self.write(name, value, write) }
  }

  // MARK: Of scalars

  private static func scalar<Value: JSONScalar>(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> Value? { try Value.read(&members.reader.scanner) }

  private static func list<Value: JSONScalar>(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> [Value]? { try members.elements(scalar) }

  private static func fields<Value: JSONScalar>(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> OrderedFields<Value>? { try members.fields(scalar) }

  /// As `fields`. Many records have equal ones: these share their memory.
  private static func numbers(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> OrderedFields<Int64>? {
    if let known = members.reader.numbers.take(&members.reader.scanner) { return known }
    let start = members.reader.scanner.at
    let fields: OrderedFields<Int64>? = try fields(&members)
    let text = members.reader.scanner.slice(start, members.reader.scanner.at)
    if let fields { members.reader.numbers.note(fields, from: text) }
    return fields
  }

  /// As `list`. Many records have equal ones: these share their memory.
  private static func words(_ members: inout RecordMembers) throws(JSONSyntaxError) -> [String]? {
    if let known = members.reader.words.take(&members.reader.scanner) { return known }
    let start = members.reader.scanner.at
    let words: [String]? = try list(&members)
    let text = members.reader.scanner.slice(start, members.reader.scanner.at)
    if let words { members.reader.words.note(words, from: text) }
    return words
  }

  private static func write<Value: JSONScalar>(_ members: inout RecordMembers, _ value: Value) {
    value.write(to: &members.writer)
  }

  private static func writeList<Value: JSONScalar>(_ members: inout RecordMembers, _ values: [Value]) {
    members.writer.beginList()
    for value in values {
      members.writer.beginElement()
      value.write(to: &members.writer)
    }
    members.writer.endList()
  }

  private static func writeFields<Value: JSONScalar>(
    _ members: inout RecordMembers, _ fields: OrderedFields<Value>
  ) {
    members.writer.beginObject()
    for (name, value) in fields.members {
      members.writer.beginMember(name)
      value.write(to: &members.writer)
    }
    members.writer.endObject()
  }

  private mutating func handle<Value: JSONScalar>(_ name: StaticString, _ value: inout Value?) {
    handle(name, &value, Self.scalar, Self.write)
  }
  private mutating func handle<Value: JSONScalar>(_ name: StaticString, _ value: inout Value) {
    handle(name, &value, Self.scalar, Self.write)
  }
  private mutating func handle<Value: JSONScalar>(_ name: StaticString, _ value: inout [Value]?) {
    handle(name, &value, Self.list, Self.writeList)
  }
  private mutating func handle<Value: JSONScalar>(_ name: StaticString, _ value: inout [Value]) {
    handle(name, &value, Self.list, Self.writeList)
  }
  private mutating func handle<Value: JSONScalar>(
    _ name: StaticString, _ value: inout OrderedFields<Value>?
  ) { handle(name, &value, Self.fields, Self.writeFields) }
  private mutating func handle<Value: JSONScalar>(
    _ name: StaticString, _ value: inout OrderedFields<Value>
  ) { handle(name, &value, Self.fields, Self.writeFields) }
}

// MARK: Records

extension RecordMembers {
  private static func record<Value: Record>(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> Value? { try members.record() }

  private static func records<Value: Record>(
    _ members: inout RecordMembers
  ) throws(JSONSyntaxError) -> [Value]? { try members.elements(record) }

  public mutating func callAsFunction<Value: Record>(_ name: StaticString, _ value: inout Value?) {
    handle(name, &value, Self.record) { $0.write($1) }
  }
  public mutating func callAsFunction<Value: Record>(_ name: StaticString, _ value: inout Value) {
    handle(name, &value, Self.record) { $0.write($1) }
  }
  public mutating func callAsFunction<Value: Record>(_ name: StaticString, _ value: inout [Value]?) {
    handle(name, &value, Self.records) { $0.write($1) }
  }
  public mutating func callAsFunction<Value: Record>(_ name: StaticString, _ value: inout [Value]) {
    handle(name, &value, Self.records) { $0.write($1) }
  }

  // MARK: Records that are only written

  public mutating func callAsFunction<Value: WrittenRecord>(_ name: StaticString, _ value: inout Value?) {
    write(name, value) { $0.write($1) }
  }

  public mutating func callAsFunction<Value: WrittenRecord>(_ name: StaticString, _ value: inout Value) {
    write(name, value) { $0.write($1) }
  }

  public mutating func callAsFunction<Value: WrittenRecord>(_ name: StaticString, _ value: inout [Value]?) {
    write(name, value) { $0.write($1) }
  }

  public mutating func callAsFunction<Value: WrittenRecord>(_ name: StaticString, _ value: inout [Value]) {
    write(name, value) { $0.write($1) }
  }

  public mutating func callAsFunction<Value: WrittenRecord>(
    _ name: StaticString, _ value: inout OrderedFields<Value>
  ) {
    write(name, value) { members, fields in
      members.writer.beginObject()
      for (name, record) in fields.members {
        members.writer.beginMember(name)
        members.write(record)
      }
      members.writer.endObject()
    }
  }
}
