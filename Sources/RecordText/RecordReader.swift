/// Finds the members of an object in its text.
///
/// duct writes the members of a record in the order in which the type lists them. So the next member in the text is
/// usually the one that is asked for, and one pass reads the record. If it is another one, because another release or
/// another program has written the record, the reader notes where each member is, and looks there from then on.
struct RecordReader {
  struct Object {
    /// Behind the opening brace.
    fileprivate let start: Int
    /// Where the next member in the text begins. Without meaning once there is an index.
    fileprivate var next: Int
    /// By name: where the value begins. Nil as long as the members were asked for in the order of the text.
    fileprivate var index: [(name: Range<Int>, value: Int)]?
    /// Where in the index the last name was: the next one probably follows.
    fileprivate var lastFound = -1
    /// Behind the closing brace; nil before that was read.
    fileprivate var end: Int?

    fileprivate init(start: Int) { (self.start, next) = (start, start) }
  }

  var scanner: JSONScanner
  private var object: Object?
  /// The first syntax error. Nothing more is read after it.
  private(set) var failure: JSONSyntaxError?
  /// The first member that is missing or has a wrong type: its name and those of the objects that it is in.
  private(set) var problem: (path: [String], isMissing: Bool)?

  init(_ scanner: JSONScanner) { self.scanner = scanner }

  /// How many more elements of lists and members of open objects may be read. In memory, an element may take fifty
  /// times the length of its text.
  private var valuesLeft = 5_000_000

  mutating func countValue() throws(JSONSyntaxError) {
    valuesLeft -= 1
    if valuesLeft < 0 { throw scanner.limit("more values than a record has") }
  }

  // MARK: Objects

  /// Begins the object whose opening brace is the next byte.
  ///
  /// - Returns: the object that it is in, for `endObject`.
  mutating func beginObject() throws(JSONSyntaxError) -> Object? {
    let outer = object
    try scanner.enter()
    object = Object(start: scanner.at)
    return outer
  }

  /// Moves behind the closing brace of the object, and goes on in the one that it is in.
  mutating func endObject(_ outer: Object?) throws(JSONSyntaxError) {
    if let failure { throw failure }
    if let end = object?.end {
      scanner.at = end
    } else if let object {
      scanner.at = object.next
      while try scanner.nextMember(isFirst: scanner.at == object.start) {
        try scanner.skipString()
        try scanner.takeColon()
        try scanner.skipValue()
      }
    }
    scanner.leave()
    object = outer
  }

  /// Moves to the value of a member. False if there is none, or if it is null.
  mutating func find(_ name: StaticString) -> Bool {
    guard failure == nil, object != nil else { return false }
    do throws(JSONSyntaxError) {
      var isFound = try findNext(name)
      if !isFound { isFound = try findAnywhere(name) }
      if !isFound { return false }
      if !scanner.take(word: "null") { return true }
      noteEndOfValue()
    } catch {
      failure = error
    }
    return false
  }

  /// Call it when the value that `find` has found was read.
  mutating func noteEndOfValue() { object?.next = scanner.at }

  /// Moves to the value of the next member in the text, if it has this name.
  private mutating func findNext(_ name: StaticString) throws(JSONSyntaxError) -> Bool {
    guard let object, object.index == nil, object.end == nil else { return false }
    scanner.at = object.next
    guard try scanner.nextMember(isFirst: object.next == object.start) else {
      self.object?.end = scanner.at
      return false
    }
    let start = scanner.at + 1
    let end = start + name.utf8CodeUnitCount
    guard hasName(name, start..<end) else { return false }
    scanner.at = end + 1
    try scanner.takeColon()
    return true
  }

  private func hasName(_ name: StaticString, _ range: Range<Int>) -> Bool {
    guard range.upperBound < scanner.bytes.count,
      scanner.bytes[range.upperBound] == UInt8(ascii: "\"")
    else { return false }
    for offset in 0..<range.count where name.utf8Start[offset] != scanner.bytes[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func findAnywhere(_ name: StaticString) throws(JSONSyntaxError) -> Bool {
    let index = try index()
    let length = name.utf8CodeUnitCount
    for offset in 1...max(index.count, 1) where !index.isEmpty {
      let place = ((object?.lastFound ?? -1) + offset) % index.count
      let entry = index[place]
      if entry.name.count == length, hasName(name, entry.name) {
        object?.lastFound = place
        scanner.at = entry.value
        return true
      }
    }
    return false
  }

  /// Where each member of the object is. If a name occurs twice, the last one is in it; `findNext` takes the first.
  private mutating func index() throws(JSONSyntaxError) -> [(name: Range<Int>, value: Int)] {
    guard let object else { return [] }
    if let index = object.index { return index }
    var index: [(name: Range<Int>, value: Int)] = []
    scanner.at = object.start
    while try scanner.nextMember(isFirst: index.isEmpty) {
      let start = scanner.at + 1
      try scanner.skipString()
      let name = start..<scanner.at - 1
      try scanner.takeColon()
      try countValue()
      index.append((name, scanner.at))
      try scanner.skipValue()
    }
    // The search begins at the front, so the last of several members with one name must be the only one.
    var names = Set<[UInt8]>()
    let unique = index.reversed().filter { names.insert(Array(scanner.bytes[$0.name])).inserted }
    index = unique.reversed()
    self.object?.index = index
    self.object?.end = scanner.at
    return index
  }

  /// The members whose names are not in `names`, as values, in the order of the text.
  ///
  /// - Parameter most: how many values they may have altogether: see `JSONParser.parse`.
  mutating func others(than names: Set<String>, most: Int) -> [(name: String, value: JSONValue)] {
    guard failure == nil else { return [] }
    var members: [(name: String, value: JSONValue)] = []
    do throws(JSONSyntaxError) {
      var parser = JSONParser(scanner, most: most)
      for entry in try index() {
        // As `find` compares them: a name with an escape is another one.
        if names.contains(String(decoding: scanner.bytes[entry.name], as: UTF8.self)) { continue }
        // The name begins behind its quote.
        scanner.at = entry.name.lowerBound - 1
        let name = try scanner.string()
        members.append((name, try parser.value(at: entry.value)))
      }
    } catch {
      failure = error
    }
    return members
  }

  // MARK: Problems

  mutating func noteFailure(_ error: JSONSyntaxError) { failure = failure ?? error }

  mutating func noteMissing(_ name: StaticString) { note([name.description], isMissing: true) }
  mutating func noteWrongType(_ name: String) { note([name], isMissing: false) }

  private mutating func note(_ path: [String], isMissing: Bool) {
    if problem == nil { problem = (path, isMissing) }
  }

  /// Says in which member the objects are that were read since `before` was the problem.
  mutating func extendProblem(_ name: StaticString, hadProblem: Bool) {
    if !hadProblem { problem?.path.insert(name.description, at: 0) }
  }

  /// Puts the problem aside, for values that are judged by themselves.
  mutating func putProblemAside() -> (path: [String], isMissing: Bool)? {
    defer { problem = nil }
    return problem
  }

  /// Takes a problem back that was put aside.
  mutating func restore(_ aside: (path: [String], isMissing: Bool)?) { problem = aside ?? problem }

  /// Forgets the problem, and returns it in words.
  mutating func takeProblem() -> String? {
    defer { problem = nil }
    return problem.map { problem in
      let path = problem.path.joined(separator: ".")
      return problem.isMissing
        ? "there is no \(path)" : "\(path) has another type, or is beyond its range"
    }
  }
}

/// Values of JSON as Swift types. Each call reads one value, or skips it and returns nil if it has another type.
extension JSONScanner {
  mutating func text() throws(JSONSyntaxError) -> String? {
    if next == UInt8(ascii: "\"") { return try string() }
    try skipValue()
    return nil
  }

  mutating func truth() throws(JSONSyntaxError) -> Bool? {
    if take(word: "true") { return true }
    if take(word: "false") { return false }
    try skipValue()
    return nil
  }

  /// A number, also a whole one.
  mutating func double() throws(JSONSyntaxError) -> Double? {
    guard beginsNumber else {
      try skipValue()
      return nil
    }
    switch try number() {
    case .integer(let value): return Double(value)
    case .double(let value): return value
    }
  }

  /// A number without a fraction that fits the type.
  mutating func integer<Integer: FixedWidthInteger>() throws(JSONSyntaxError) -> Integer? {
    guard beginsNumber else {
      try skipValue()
      return nil
    }
    switch try number() {
    case .integer(let value): return Integer(exactly: value)
    case .double(let value): return Integer(exactly: value)
    }
  }

  private var beginsNumber: Bool {
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "t"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), nil:
      false
    default: true
    }
  }
}
