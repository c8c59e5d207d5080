internal import BitCollections
public import SystemCalls

/// Jobs by id, as users write them: `118,200_3,200_[1-9:2,12],118+1`. An id alone stands for the whole array or
/// heterogeneous job.
public struct JobSelection: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    /// As the user wrote it.
    var text: String
    var id: UInt32
    /// Nil: not only some tasks.
    var tasks: TaskSet?
    /// Of the component of a heterogeneous job; nil: not only one.
    var offset: UInt32?
  }

  private(set) var entries: [Entry] = []

  /// No jobs.
  public init() {}

  /// - Throws: `Problem` with a line about the first part that is no job id.
  public init(_ text: String) throws(Problem) {
    for part in Self.parts(text) {
      guard let entry = Self.entry(part) else {
        throw Problem("'\(part)' is no job id; give ids as 118, 200_3, 200_[1-9] or 118+1")
      }
      entries.append(entry)
    }
    if entries.isEmpty { throw Problem("there is no job id in '\(text)'") }
  }

  /// Adds a job, or a task of an array.
  public mutating func add(_ id: UInt32, task: UInt32?) {
    let text = task.map { "\(id)_\($0)" } ?? "\(id)"
    entries.append(Entry(text: text, id: id, tasks: task.map { [Int($0)] }))
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The ids to ask Slurm for, each once.
  public var ids: [UInt32] { Set(entries.map(\.id)).sorted() }

  public func contains(_ job: JobRecord) -> Bool { entries.contains { $0.contains(job) } }

  /// The entries that select none of the jobs, as the user wrote them.
  public func missing(in jobs: [JobRecord]) -> [String] {
    let known = Set(jobs.flatMap { [$0.jobID, $0.arrayJobID, $0.hetJobID].compactMap { $0 } })
    return entries.filter { entry in
      !known.contains(entry.id) || entry.tasks != nil && !jobs.contains(where: entry.contains)
        || entry.offset != nil && !jobs.contains(where: entry.contains)
    }.map(\.text)
  }

  /// The parts between the commas outside of brackets.
  private static func parts(_ text: String) -> [String] {
    var parts: [String] = []
    var part = ""
    var isInBrackets = false
    for character in text {
      if character == ",", !isInBrackets {
        parts.append(part)
        part = ""
        continue
      }
      if character == "[" { isInBrackets = true }
      if character == "]" { isInBrackets = false }
      part.append(character)
    }
    return (parts + [part]).filter { !$0.allSatisfy(\.isWhitespace) }
  }

  private static func entry(_ part: String) -> Entry? {
    let text = part.filter { !$0.isWhitespace }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let id = UInt32(digits), id > 0 else { return nil }
    let rest = text[digits.endIndex...]
    if rest.isEmpty { return Entry(text: text, id: id) }
    let value = String(rest.dropFirst())
    if rest.hasPrefix("+") {
      guard let offset = number(value) else { return nil }
      return Entry(text: text, id: id, offset: offset)
    }
    guard rest.hasPrefix("_") else { return nil }
    if value.hasPrefix("["), value.hasSuffix("]"), !value.contains("%") {
      return ArrayTasks.set(in: String(value.dropFirst().dropLast())).map {
        Entry(text: text, id: id, tasks: $0)
      }
    }
    return number(value).map { Entry(text: text, id: id, tasks: [Int($0)]) }
  }

  private static func number(_ text: String) -> UInt32? {
    text.allSatisfy { $0.isASCII && $0.isNumber } ? UInt32(text) : nil
  }
}

extension JobSelection.Entry {
  func contains(_ job: JobRecord) -> Bool {
    if let tasks {
      guard job.arrayJobID == id else { return false }
      if let task = job.arrayTaskID { return tasks.contains(Int(task)) }
      // The waiting tasks of a very large array are one record.
      return job.arrayTasks.flatMap(ArrayTasks.set).map { !$0.isDisjoint(with: tasks) } ?? false
    }
    if let offset { return job.hetJobID == id && job.hetJobOffset == offset }
    return [job.jobID, job.arrayJobID, job.hetJobID].contains(id)
  }
}
