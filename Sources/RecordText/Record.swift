public import SystemCalls

/// A value that is a JSON object: its members are properties of the type.
///
/// A type lists its members once, and duct both writes and reads them by this list:
///
///     struct Exit: Record {
///       var code: Int?
///       var signals: [String] = []
///
///       mutating func list(_ members: inout RecordMembers) {
///         members("code", &code)
///         members("signals", &signals)
///       }
///     }
///
/// This writes `{"code": null, "signals": []}`: all members, in this order, so that a record always has the same ones.
///
/// `Codable` would do the same, but it makes types at run time for each kind of record: a third of what duct computes
/// for a short command, and most of what it takes to read many records. See docs/decisions.md.
public protocol Record: WrittenRecord {
  /// A value without contents, to read members into.
  init()
}

/// A record that duct writes and never reads.
public protocol WrittenRecord: Sendable {
  /// Passes each member to `members`, with its name in JSON.
  mutating func list(_ members: inout RecordMembers)
}

extension WrittenRecord {
  /// The record as JSON.
  ///
  /// - Parameter indent: spaces per level; nil: one line.
  public func json(indent: Int? = nil) -> [UInt8] {
    var members = RecordMembers(writing: JSONWriter(indent: indent))
    members.write(self)
    return members.bytes
  }

  /// One line of JSON that ends with a newline.
  public var jsonLine: [UInt8] { jsonLine(expecting: 0) }

  /// - Parameter count: about how many bytes it has, if they are many: an array that grows by and by is copied each time.
  public func jsonLine(expecting count: Int) -> [UInt8] {
    var members = RecordMembers(writing: JSONWriter(expecting: count))
    members.write(self)
    members.writer.endLine()
    return members.bytes
  }

  /// The record as a tree of values.
  public var jsonValue: JSONValue { (try? JSONParser.parse(json())) ?? .null }

}

extension Record {
  /// Reads a record.
  ///
  /// - Throws: `Problem` if the text is no JSON, if a member is missing that the type needs, or if a member has a wrong
  ///   type. Members that the type does not have are skipped.
  public init(json: [UInt8]) throws(Problem) {
    self = try json.withUnsafeBufferPointer { bytes throws(Problem) in try Self(json: bytes) }
  }

  /// Reads a record, as `init(json:)` from an array.
  ///
  /// - Parameter release: called with parts of the text, by their offsets, that are not needed any more. The caller may
  ///   overwrite them.
  public init(
    json bytes: UnsafeBufferPointer<UInt8>, release: ((Range<Int>) -> Void)? = nil
  ) throws(Problem) {
    self.init()
    var scanner = JSONScanner(bytes)
    let problem: String?
    do throws(JSONSyntaxError) {
      scanner.skipSpace()
      problem = try RecordMembers.read(&self, &scanner, release: release)
      try scanner.end()
    } catch {
      throw Problem(error.complaint)
    }
    if let problem { throw Problem(problem) }
  }

  /// Reads a record from a tree of values.
  public init(_ value: JSONValue) throws(Problem) { try self.init(json: JSONWriter.bytes(of: value)) }
}

extension Array where Element: WrittenRecord {
  /// The records as a JSON list.
  ///
  /// - Parameter indent: spaces per level; nil: one line.
  public func json(indent: Int? = nil) -> [UInt8] {
    var members = RecordMembers(writing: JSONWriter(indent: indent))
    members.write(self)
    return members.bytes
  }
}
