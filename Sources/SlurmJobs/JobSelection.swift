internal import BitCollections
public import SystemCalls

/// Jobs by id, as users write them: `118,200_3,200_[1-9:2,12],118+1`. An id alone stands for the whole array or
/// heterogeneous job.
public struct JobSelection: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    /// As the user wrote it.
    var text: String
    var id: UInt32
    /// One task of the array. A set of its own for each of 100,000 tasks would take gigabytes.
    var task: UInt32?
    /// Several tasks of the array.
    var tasks: TaskSet?
    /// Of the component of a heterogeneous job; nil: not only one.
    var offset: UInt32?
  }

  private(set) var entries: [Entry] = []
  /// The entries of each id, by their indices: a directory can have an output file for each of 100,000 tasks.
  private var byID: [UInt32: [Int]] = [:]
  /// Single tasks that were added, by array id. They have no entry of their own in `byID`.
  private var tasks: [UInt32: TaskSet] = [:]

  /// No jobs.
  public init() {}

  /// - Throws: `Problem` with a line about the first part that is no job id.
  public init(_ text: String) throws(Problem) {
    for part in Self.parts(text) {
      guard let entry = Self.entry(part) else {
        throw Problem("'\(part)' is no job id; give ids as 118, 200_3, 200_[1-9] or 118+1")
      }
      append(entry)
    }
    if entries.isEmpty { throw Problem("there is no job id in '\(text)'") }
  }

  /// Adds a job, or a task of an array.
  public mutating func add(_ id: UInt32, task: UInt32?) {
    guard let task else { return append(Entry(text: "\(id)", id: id)) }
    // A file can have any number in its name. Slurm has no such tasks.
    if task > ArrayTasks.mostEver { return }
    entries.append(Entry(text: "\(id)_\(task)", id: id, task: task))
    tasks[id, default: []].insert(Int(task))
  }

  private mutating func append(_ entry: Entry) {
    byID[entry.id, default: []].append(entries.count)
    entries.append(entry)
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The ids to ask Slurm for, each once.
  public var ids: [UInt32] { Set(entries.map(\.id)).sorted() }

  public func contains(_ job: JobRecord) -> Bool {
    if let array = job.arrayJobID, let tasks = tasks[array], job.isAny(of: tasks) { return true }
    return job.ids.contains { id in byID[id]?.contains { entries[$0].contains(job) } == true }
  }

  /// The entries that select none of the jobs, as the user wrote them.
  public func missing(in jobs: [JobRecord]) -> [String] {
    var byID: [UInt32: [Int]] = [:]
    var found: [UInt32: TaskSet] = [:]
    for (index, job) in jobs.enumerated() {
      for id in Set(job.ids) { byID[id, default: []].append(index) }
      guard let array = job.arrayJobID else { continue }
      if let task = job.arrayTaskID {
        if task <= ArrayTasks.mostEver { found[array, default: []].insert(Int(task)) }
      } else {
        found[array, default: []].formUnion(job.tasks)
      }
    }
    return entries.filter { entry in
      if let task = entry.task { return found[entry.id]?.contains(Int(task)) != true }
      if let tasks = entry.tasks { return found[entry.id]?.isDisjoint(with: tasks) ?? true }
      guard let jobsOfID = byID[entry.id] else { return true }
      return entry.offset != nil && !jobsOfID.contains { entry.contains(jobs[$0]) }
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
    guard let task = number(value), task <= ArrayTasks.mostEver else { return nil }
    return Entry(text: text, id: id, task: task)
  }

  private static func number(_ text: String) -> UInt32? {
    text.allSatisfy { $0.isASCII && $0.isNumber } ? UInt32(text) : nil
  }
}

extension JobSelection.Entry {
  func contains(_ job: JobRecord) -> Bool {
    if let task { return job.arrayJobID == id && job.isAny(of: [Int(task)]) }
    if let tasks { return job.arrayJobID == id && job.isAny(of: tasks) }
    if let offset { return job.hetJobID == id && job.hetJobOffset == offset }
    return job.ids.contains(id)
  }
}

extension JobRecord {
  /// The ids by which users can name it.
  fileprivate var ids: [UInt32] { [jobID, arrayJobID, hetJobID].compactMap { $0 } }

  /// The waiting tasks that it stands for. The waiting tasks of a very large array are one record.
  fileprivate var tasks: TaskSet { arrayTasks.flatMap(ArrayTasks.set) ?? [] }

  fileprivate func isAny(of tasks: TaskSet) -> Bool {
    arrayTaskID.map { tasks.contains(Int($0)) } ?? !self.tasks.isDisjoint(with: tasks)
  }
}
