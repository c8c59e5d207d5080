public import RecordText

/// The output files of a batch job: the patterns given to sbatch, and the values for their symbols.
///
/// Slurm's client programs and libslurm replace only some of the symbols; the node replaces all of them when it
/// creates the file. This code follows the node (verified with files of 22.05, 24.11 and 26.05; according to
/// Slurm's list of changes, the rules of 26.05 came with 25.11).
public struct OutputPaths: Sendable, Equatable, Record {
  /// Slurm's mark for "no task" (NO_VAL), which appears in file names of jobs that are no array.
  static let noTask = UInt32(0xFFFF_FFFE)
  /// Slurm reduces larger widths to this.
  private static let greatestWidth = 10

  /// The pattern given to sbatch; nil for the default, `slurm-%j.out`, or `slurm-%A_%a.out` for arrays.
  public var stdout: String?
  /// Nil if the same file as standard output.
  public var stderr: String?
  /// The value of `%N`. Nil while not known.
  public var nodeName: String?
  public var rules = Rules.upTo2311
  /// Slurm may have replaced the symbols already: from 24.05 on, it does so for its clients.
  public var mayBeFilledIn = false

  public init() {}

  public init(stdout: String?, stderr: String?) {
    self.stdout = stdout
    self.stderr = stderr
  }

  /// The paths from accounting, which has none up to 23.11 and none for jobs of srun and salloc.
  ///
  /// - Returns: nil for a later component of a heterogeneous job, which writes to the file of the first one.
  public init?(accounted stdout: String?, _ stderr: String?, of job: SlurmJobFields, release: SlurmRelease) {
    guard stdout != nil || stderr != nil, (job.hetJobOffset ?? 0) == 0 else { return nil }
    self.init(stdout: stdout, stderr: stderr)
    rules = Rules(release)
    mayBeFilledIn = true
    // Before 25.11, %N was the node's host name, which accounting does not know.
    if rules >= .since2511 { nodeName = job.nodes.flatMap(Self.firstNode) }
  }

  /// - Parameter nodes: a list such as `n[03-05,7],m1`, for which this returns `n03`.
  private static func firstNode(of nodes: String) -> String? {
    let name = nodes.prefix { $0 != "," && $0 != "[" }
    let rest = nodes[name.endIndex...]
    guard rest.hasPrefix("[") else { return name.isEmpty ? nil : String(name) }
    // The text after the bracket, as in `r[1-2]n[1-4]`, is again a list.
    let number = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
    let after = rest.drop { $0 != "]" }.dropFirst()
    return number.isEmpty ? nil : name + number + (after.isEmpty ? "" : firstNode(of: String(after)) ?? "")
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("stdout", &stdout)
    members("stderr", &stderr)
    var release = rules.rawValue
    members("rules", &release)
    members("node_name", &nodeName)
    members("may_be_filled_in", &mayBeFilledIn)
    guard members.isReading else { return }
    if let read = Rules(rawValue: release) { rules = read } else { members.refuse("rules") }
  }

  /// The symbols that a release knows, and how it treats unknown ones.
  public enum Rules: Int, Sendable, Comparable {
    case upTo2311 = 2205
    /// Adds `%b`, the last digit of the task id.
    case since2405 = 2405
    /// Adds `%r`, the number of restarts, and `%S`, an id that duct does not ask for. `%N` is the node's name;
    /// before, it was the name of the node's host. Unknown symbols stay unchanged, and a percent sign at the end is
    /// removed.
    case since2511 = 2511

    public init(_ release: SlurmRelease) {
      self =
        release < SlurmRelease(24, 5) ? .upTo2311 : release < SlurmRelease(25, 11) ? .since2405 : .since2511
    }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
  }

  /// Whether a pattern contains `%N`.
  public var needsNodeName: Bool { hasSymbol { $0.letter == "N" } }

  /// Whether a pattern contains a symbol whose meaning depends on the release.
  public var dependsOnRules: Bool {
    hasSymbol { symbol in
      switch symbol.letter {
      case "b", "r", "S", "N", nil: true
      case "%": !symbol.digits.isEmpty
      case let letter?: !symbol.digits.isEmpty && !"jJAantsux".contains(letter)
      }
    }
  }

  private func hasSymbol(_ isMeant: (Symbol) -> Bool) -> Bool {
    [stdout, stderr].contains { symbols(in: $0 ?? "").contains(where: isMeant) }
  }

  /// Sets the paths of a job or task. A path with a symbol whose value is not yet known becomes nil.
  public func set(_ record: inout JobRecord) {
    let out = stdout ?? (record.arrayJobID == nil ? "slurm-%j.out" : "slurm-%A_%a.out")
    record.stdoutPath = path(out, record)
    record.stderrPath = path(stderr ?? out, record)
  }

  // MARK: Filling in

  private func path(_ pattern: String, _ record: JobRecord) -> String? {
    guard let name = filledBySlurm(pattern, record) ?? filled(pattern, record), !name.isEmpty else {
      return nil
    }
    if name.hasPrefix("/") { return name }
    return record.workingDir.map { $0.hasSuffix("/") ? $0 + name : "\($0)/\(name)" }
  }

  /// The path of a waiting array for which Slurm has already replaced the symbols for the array as a whole, so that
  /// "no task" stands in place of the task id.
  ///
  /// In the default name, this mark can be replaced. In another name that contains the mark or the array's id,
  /// these numbers may stand for the task's id, the task's own job id or a padded form of them, so the path is not
  /// known ("").
  ///
  /// - Returns: nil if Slurm has left the symbols in place.
  private func filledBySlurm(_ pattern: String, _ record: JobRecord) -> String? {
    guard mayBeFilledIn, !pattern.contains("%"), let array = record.arrayJobID,
      record.jobID == nil || record.arrayTaskID == nil
    else { return nil }
    let ofDefault = "slurm-\(array)_\(Self.noTask).out"
    if pattern == ofDefault || pattern.hasSuffix("/\(ofDefault)") {
      return record.arrayTaskID.map { pattern.replacing("\(Self.noTask)", with: "\($0)") } ?? ""
    }
    let numbers = pattern.split { !($0.isASCII && $0.isNumber) }.compactMap { UInt32($0) }
    return numbers.contains(array) || numbers.contains(Self.noTask) ? "" : nil
  }

  private func filled(_ pattern: String, _ record: JobRecord) -> String? {
    // A single backslash disables all symbols.
    if pattern.contains("\\") { return Self.withoutBackslashes(pattern) }
    var result = ""
    var rest = pattern[...]
    for symbol in symbols(in: pattern) {
      result += rest[..<symbol.range.lowerBound]
      guard let value = value(of: symbol, record, pattern) else { return nil }
      result += value
      rest = pattern[symbol.range.upperBound...]
    }
    return result + rest
  }

  private struct Symbol {
    /// From the percent sign to the letter.
    var range: Range<String.Index>
    /// Nil at the end of the pattern, and before a percent sign that begins the next symbol.
    var letter: Character?
    var digits: Substring
  }

  private func symbols(in pattern: String) -> [Symbol] {
    var found: [Symbol] = []
    var from = pattern.startIndex
    while let start = pattern[from...].firstIndex(of: "%") {
      let digits = pattern[pattern.index(after: start)...].prefix { $0.isASCII && $0.isNumber }
      var letter = digits.endIndex < pattern.endIndex ? pattern[digits.endIndex] : nil
      // Before 25.11, a percent sign after a width begins the next symbol.
      if rules < .since2511, letter == "%", !digits.isEmpty { letter = nil }
      from = letter == nil ? digits.endIndex : pattern.index(after: digits.endIndex)
      found.append(Symbol(range: start..<from, letter: letter, digits: digits))
    }
    return found
  }

  /// The value of a symbol; nil if not yet known.
  private func value(of symbol: Symbol, _ record: JobRecord, _ pattern: String) -> String? {
    let width = min(Int(symbol.digits) ?? (symbol.digits.isEmpty ? 0 : .max), Self.greatestWidth)
    func padded(_ number: UInt32) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    switch symbol.letter {
    // A batch job has no step number, so `%J` equals `%j`.
    case "j", "J": return record.jobID.map(padded)
    case "A": return (record.arrayJobID ?? record.jobID).map(padded)
    case "a": return task(record).map(padded)
    case "b" where rules >= .since2405: return task(record).map { padded($0 % 10) }
    case "r" where rules >= .since2511: return padded(UInt32(clamping: record.restarts ?? 0))
    case "S" where rules >= .since2511: return nil
    case "n", "t": return padded(0)
    case "s": return "batch"
    case "N": return nodeName
    case "u": return record.user
    case "x": return record.name
    case "%" where symbol.digits.isEmpty: return "%"
    case nil where rules >= .since2511 && symbol.digits.isEmpty: return ""
    case _ where rules >= .since2511: return String(pattern[symbol.range])
    case let letter:
      return (symbol.digits.last.map(String.init) ?? "%") + (letter.map(String.init) ?? "")
    }
  }

  /// The task id, or Slurm's mark for a job that is no array. Nil for a record that stands for several tasks.
  private func task(_ record: JobRecord) -> UInt32? {
    record.arrayTaskID ?? (record.arrayJobID == nil ? Self.noTask : nil)
  }

  /// Removes each backslash; of two in a row, only the first.
  private static func withoutBackslashes(_ pattern: String) -> String {
    var result = ""
    var isEscaped = false
    for character in pattern {
      if character == "\\", !isEscaped {
        isEscaped = true
        continue
      }
      result.append(character)
      isEscaped = false
    }
    return result
  }
}
