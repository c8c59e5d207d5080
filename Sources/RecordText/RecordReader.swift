import Glibc

/// Finds the members of an object in its text.
///
/// duct writes the members of a record in the order in which the type lists them. So the next member in the text is
/// usually the one that is asked for, and one pass reads the record. Members of other releases and programs are passed
/// over: the reader notes where they are, and looks there for what is asked for later.
struct RecordReader {
  struct Object {
    /// Behind the opening brace.
    fileprivate let start: Int
    /// Where the next member in the text begins that was neither read nor passed over.
    fileprivate var next: Int
    /// Members that were passed over, in the order of the text: their names, and where their values begin.
    fileprivate var passed: [(name: Range<Int>, value: Int)] = []
    /// Where in `passed` the last name was: the next one probably follows.
    fileprivate var lastFound = -1
    /// The value that is being read is that of the next member, and not one that was passed over.
    fileprivate var isReadingNext = false
    /// Behind the closing brace; nil before that was read.
    fileprivate var end: Int?

    fileprivate init(start: Int) { (self.start, next) = (start, start) }
  }

  var scanner: JSONScanner
  private var object = Object(start: 0)
  private var isInObject = false
  /// The first syntax error. Nothing more is read after it.
  private(set) var failure: JSONSyntaxError?
  /// The first member that is missing or has a wrong type: its name and those of the objects that it is in.
  private(set) var problem: (path: [String], isMissing: Bool)?
  /// Objects of numbers and lists of words that were read last.
  var numbers = RepeatedValues<OrderedFields<Int64>>()
  var words = RepeatedValues<[String]>()
  /// Called with parts of the text that are not needed any more.
  let release: ((Range<Int>) -> Void)?

  init(_ scanner: JSONScanner, release: ((Range<Int>) -> Void)? = nil) {
    (self.scanner, self.release) = (scanner, release)
  }

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
    let outer = isInObject ? object : nil
    try scanner.enter()
    object = Object(start: scanner.at)
    isInObject = true
    return outer
  }

  /// Moves behind the closing brace of the object, and goes on in the one that it is in.
  mutating func endObject(_ outer: Object?) throws(JSONSyntaxError) {
    if let failure { throw failure }
    if let end = object.end {
      scanner.at = end
    } else {
      scanner.at = object.next
      while try scanner.nextMember(isFirst: scanner.at == object.start) {
        try scanner.skipString()
        try scanner.takeColon()
        try scanner.skipValue()
      }
    }
    scanner.leave()
    // What was passed over ends with its object.
    valuesLeft += object.passed.count
    isInObject = outer != nil
    if let outer { object = outer }
  }

  /// Moves to the value of a member. False if there is none, or if it is null.
  mutating func find(_ name: StaticString) -> Bool {
    guard failure == nil, isInObject else { return false }
    do throws(JSONSyntaxError) {
      if try !findNext(name), !findPassed(name), try !findBehind(name) { return false }
      if !scanner.takeNull() { return true }
      noteEndOfValue()
    } catch {
      failure = error
    }
    return false
  }

  /// Call it when the value that `find` has found was read.
  mutating func noteEndOfValue() {
    if object.isReadingNext { object.next = scanner.at }
  }

  /// Moves to the value of the next member in the text, if it has this name.
  private mutating func findNext(_ name: StaticString) throws(JSONSyntaxError) -> Bool {
    if object.end != nil { return false }
    scanner.at = object.next
    guard try scanner.nextMember(isFirst: object.next == object.start) else {
      object.end = scanner.at
      return false
    }
    let start = scanner.at + 1
    let end = start + name.utf8CodeUnitCount
    guard hasName(name, start..<end) else { return false }
    scanner.at = end + 1
    try scanner.takeColon()
    object.isReadingNext = true
    return true
  }

  private func hasName(_ name: StaticString, _ range: Range<Int>) -> Bool {
    guard range.upperBound < scanner.bytes.count,
      scanner.bytes[range.upperBound] == UInt8(ascii: "\""), let base = scanner.bytes.baseAddress
    else { return false }
    return memcmp(name.utf8Start, base + range.lowerBound, range.count) == 0
  }

  /// Moves to the value of a member that was passed over.
  private mutating func findPassed(_ name: StaticString) -> Bool {
    let (count, length) = (object.passed.count, name.utf8CodeUnitCount)
    for offset in 0..<count {
      let place = (object.lastFound + 1 + offset) % count
      let (range, value) = object.passed[place]
      if range.count == length, hasName(name, range) {
        object.lastFound = place
        object.isReadingNext = false
        scanner.at = value
        return true
      }
    }
    return false
  }

  /// Passes over the members up to the one with this name.
  private mutating func findBehind(_ name: StaticString) throws(JSONSyntaxError) -> Bool {
    while object.end == nil {
      try passNext()
      if try findNext(name) { return true }
    }
    return false
  }

  /// Passes over the next member, if there is one.
  private mutating func passNext() throws(JSONSyntaxError) {
    if object.end != nil { return }
    scanner.at = object.next
    guard try scanner.nextMember(isFirst: object.next == object.start) else {
      object.end = scanner.at
      return
    }
    let start = scanner.at + 1
    try scanner.skipString()
    let name = start..<scanner.at - 1
    try scanner.takeColon()
    try countValue()
    object.passed.append((name, scanner.at))
    try scanner.skipValue()
    object.next = scanner.at
  }

  /// The members whose names are not in `names`, as values, in the order of the text. Without those that were read.
  ///
  /// - Parameter most: how many values they may have altogether: see `JSONParser.parse`.
  mutating func others(than names: Set<String>, most: Int) -> [(name: String, value: JSONValue)] {
    guard failure == nil, isInObject else { return [] }
    var members: [(name: String, value: JSONValue)] = []
    do throws(JSONSyntaxError) {
      while object.end == nil { try passNext() }
      var parser = JSONParser(scanner, most: most)
      for entry in object.passed {
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
