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
    handle(name, &found)
    value = found ?? standard
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<Int>) {
    handle(name, &value)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<Int64>?) {
    handle(name, &value)
  }
  public mutating func callAsFunction(_ name: StaticString, _ value: inout OrderedFields<String>?) {
    handle(name, &value)
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

// MARK: Choices

/// Words of which each stands for a case. A word that this release does not know counts as missing, because another
/// release may have written the record.
extension RecordMembers {
  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout Choice?
  ) {
    var word = value?.rawValue
    handle(name, &word)
    if isReading { value = word.flatMap(Choice.init(rawValue:)) }
  }

  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout Choice
  ) {
    var word = value.rawValue
    handle(name, &word)
    guard isReading else { return }
    if let choice = Choice(rawValue: word) { value = choice } else { reader.noteWrongType(name.description) }
  }

  /// A list that may be missing, which is the same as an empty one.
  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout [Choice]
  ) {
    // Closures, because the runtime would make a key path of a generic type anew in each call.
    var words = isReading ? [] : value.map { $0.rawValue }
    self(name, &words, or: [])
    if isReading { value = words.compactMap { Choice(rawValue: $0) } }
  }
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

  // MARK: Members that are not trusted

  /// Notes that a value which was read makes no sense, as if it had a wrong type.
  public mutating func refuse(_ name: StaticString) { reader.noteWrongType(name.description) }

  /// Reads a record that counts as missing if anything is wrong with it.
  public mutating func readIfRight<Value: Record>(_ name: StaticString, _ value: inout Value?) {
    let aside = reader.putProblemAside()
    value = optional(name, Self.record)
    if reader.takeProblem() != nil { value = nil }
    reader.restore(aside)
  }

  /// Reads a list of records of which each may be damaged.
  ///
  /// - Parameters:
  ///   - value: gets the records that can be read.
  ///   - check: what else is wrong with a record; nil if nothing is.
  ///   - note: called with what is wrong with an entry, or with the list itself.
  ///   - most: how many records the list may have: in memory, one may take more than ten times the length of its text.
  public mutating func readEach<Value: Record>(
    _ name: StaticString, _ value: inout [Value], most: Int, check: (Value) -> String? = { _ in nil },
    note: (String) -> Void
  ) {
    let aside = reader.putProblemAside()
    defer { reader.restore(aside) }
    var records: [Value] = []
    var count = 0
    let isList: Bool? = optional(name) { members throws(JSONSyntaxError) in
      guard members.reader.scanner.next == UInt8(ascii: "[") else {
        try members.reader.scanner.skipValue()
        return false
      }
      try members.reader.scanner.enter()
      while try members.reader.scanner.nextElement(isFirst: count == 0) {
        count += 1
        if count > most { throw members.reader.scanner.limit("more than \(most) entries in \(name)") }
        let record: Value? = try members.record()
        let problem = members.reader.takeProblem() ?? record.map(check) ?? "it is no object"
        if let problem { note(problem) } else if let record { records.append(record) }
      }
      members.reader.scanner.leave()
      return true
    }
    if isList == false { note("\(name) is no list") }
    value = records
  }

  /// Reads all members that are not called `names`, as values.
  ///
  /// - Parameter most: how many values they may have: see `JSONParser.parse`.
  public mutating func readOthers(
    than names: Set<String>, _ value: inout [(name: String, value: JSONValue)], most: Int
  ) {
    value = reader.others(than: names, most: most)
  }
}
