/// Members that another release or program may have written, or that may be damaged.
extension RecordMembers {
  /// Notes that a value which was read makes no sense, as if it had a wrong type.
  public mutating func refuse(_ name: StaticString) { reader.noteWrongType(name.description) }

  /// Reads a record that counts as missing if anything is wrong with it.
  public mutating func readIfRight<Value: Record>(_ name: StaticString, _ value: inout Value?) {
    let aside = reader.putProblemAside()
    value = optional(name) { members throws(JSONSyntaxError) in try members.record() }
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
    value = []
    var count = 0
    let isList: Bool? = optional(name) { members throws(JSONSyntaxError) in
      guard members.reader.scanner.next == UInt8(ascii: "[") else {
        try members.reader.scanner.skipValue()
        return false
      }
      var released = members.reader.scanner.at
      try members.reader.scanner.enter()
      while try members.reader.scanner.nextElement(isFirst: count == 0) {
        count += 1
        if count > most { throw members.reader.scanner.limit("more than \(most) entries in \(name)") }
        var record = Value()
        let isObject = try members.read(&record)
        let problem = members.reader.takeProblem() ?? (isObject ? check(record) : "it is no object")
        if count == 1 { value.reserveCapacity(members.reader.scanner.left / Self.fewestOfRecord) }
        if let problem { note(problem) } else { value.append(consume record) }
        let read = members.reader.scanner.at - released
        if let release = members.reader.release, read >= Self.releasedAtOnce {
          release(released..<released + read)
          released += read
        }
      }
      members.reader.scanner.leave()
      return true
    }
    if isList == false { note("\(name) is no list") }
  }
  /// Bytes.
  private static let releasedAtOnce = 4 << 20
  /// Bytes of the text of most records of a large list. A list that grows by and by is copied each time.
  private static let fewestOfRecord = 1024

  /// Reads all members that are not called `names`, as values.
  ///
  /// - Parameter most: how many values they may have: see `JSONParser.parse`.
  public mutating func readOthers(
    than names: Set<String>, _ value: inout [(name: String, value: JSONValue)], most: Int
  ) {
    value = reader.others(than: names, most: most)
  }
}
