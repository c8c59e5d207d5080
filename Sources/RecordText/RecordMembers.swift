/// Writes the members of a record as JSON, or reads them: see `Record`.
///
/// Each call handles one member. When members are read:
/// - an optional member that is missing or null becomes nil;
/// - a member with a default (`or:`) that is missing or null gets the default;
/// - any other member must be there;
/// - a member of a wrong type is a problem of the whole record.
public struct RecordMembers {
  /// Whether the members are read. Their values before the call then say nothing.
  public let isReading: Bool
  /// Used for writing.
  var writer: JSONWriter
  /// Used for reading.
  var reader: RecordReader

  init(writing writer: JSONWriter) {
    isReading = false
    self.writer = writer
    reader = RecordReader(JSONScanner(UnsafeBufferPointer(start: nil, count: 0)))
  }

  private init(reading scanner: JSONScanner, _ release: ((Range<Int>) -> Void)?) {
    isReading = true
    writer = JSONWriter()
    reader = RecordReader(scanner, release: release)
  }

  // MARK: Whole records

  /// What was written.
  var bytes: [UInt8] { writer.bytes }

  mutating func write<Value: WrittenRecord>(_ record: Value) {
    var record = record
    writer.beginObject()
    record.list(&self)
    writer.endObject()
  }

  mutating func write<Value: WrittenRecord>(_ records: [Value]) {
    writer.beginList()
    for record in records {
      writer.beginElement()
      write(record)
    }
    writer.endList()
  }

  /// Reads the record that begins at the scanner's next byte.
  ///
  /// - Parameter release: called with parts of the text that are not needed any more.
  /// - Returns: what is wrong with it; nil if nothing is.
  static func read<Value: Record>(
    _ record: inout Value, _ scanner: inout JSONScanner, release: ((Range<Int>) -> Void)? = nil
  ) throws(JSONSyntaxError) -> String? {
    var members = RecordMembers(reading: scanner, release)
    let isObject = try members.read(&record)
    scanner = members.reader.scanner
    return isObject ? members.reader.takeProblem() : "no JSON object"
  }

  /// Reads the record that begins at the next byte. Nil if that is no object.
  mutating func record<Value: Record>() throws(JSONSyntaxError) -> Value? {
    var value = Value()
    return try read(&value) ? value : nil
  }

  /// Reads the record that begins at the next byte. False if that is no object.
  mutating func read<Value: Record>(_ value: inout Value) throws(JSONSyntaxError) -> Bool {
    guard reader.scanner.next == UInt8(ascii: "{") else {
      try reader.scanner.skipValue()
      return false
    }
    let outer = try reader.beginObject()
    value.list(&self)
    try reader.endObject(outer)
    return true
  }

  /// Reads the list that begins at the next byte. Nil if it is none, or if an element has a wrong type.
  mutating func elements<Value>(
    _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?
  ) throws(JSONSyntaxError) -> [Value]? {
    guard reader.scanner.next == UInt8(ascii: "[") else {
      try reader.scanner.skipValue()
      return nil
    }
    var values: [Value] = []
    var areRight = true
    var isFirst = true
    try reader.scanner.enter()
    while try reader.scanner.nextElement(isFirst: isFirst) {
      isFirst = false
      try reader.countValue()
      if let value = try read(&self) { values.append(value) } else { areRight = false }
    }
    reader.scanner.leave()
    return areRight ? values : nil
  }

  /// Reads the object of any names that begins at the next byte. Nil if it is none, or if a value has a wrong type.
  mutating func fields<Value>(
    _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?
  ) throws(JSONSyntaxError) -> OrderedFields<Value>? {
    guard reader.scanner.next == UInt8(ascii: "{") else {
      try reader.scanner.skipValue()
      return nil
    }
    var fields = OrderedFields<Value>()
    var areRight = true
    var isFirst = true
    try reader.scanner.enter()
    while try reader.scanner.nextMember(isFirst: isFirst) {
      isFirst = false
      try reader.countValue()
      let name = try reader.scanner.string()
      try reader.scanner.takeColon()
      if let value = try read(&self) {
        fields[name] = value
      } else {
        reader.noteWrongType(name)
        areRight = false
      }
    }
    reader.scanner.leave()
    return areRight ? fields : nil
  }

  // MARK: One member

  /// Reads a member. Nil if it is missing, null, or of a wrong type.
  mutating func optional<Value>(
    _ name: StaticString, _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?
  ) -> Value? {
    guard reader.find(name) else { return nil }
    let hadProblem = reader.problem != nil
    var value: Value?
    do throws(JSONSyntaxError) { value = try read(&self) } catch {
      reader.noteFailure(error)
      return nil
    }
    reader.noteEndOfValue()
    reader.extendProblem(name, hadProblem: hadProblem)
    if value == nil { reader.noteWrongType(name.description) }
    return value
  }

  /// Reads a member that the record must have.
  mutating func required<Value>(
    _ name: StaticString, _ value: inout Value,
    _ read: (inout RecordMembers) throws(JSONSyntaxError) -> Value?
  ) {
    if let found = optional(name, read) { value = found } else { reader.noteMissing(name) }
  }

  /// Writes a member; null if the value is nil.
  ///
  /// Not for reading: a type that is only written, as a member of a record that is read, would be left out silently.
  mutating func write<Value>(
    _ name: StaticString, _ value: Value?, _ body: (inout RecordMembers, Value) -> Void
  ) {
    precondition(!isReading, "a record that is read has a member that is only written")
    writer.beginMember(name)
    if let value { body(&self, value) } else { writer.writeNull() }
  }
}
