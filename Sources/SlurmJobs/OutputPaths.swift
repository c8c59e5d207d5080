/// Where the output of a batch job goes: the pattern that sbatch was given, and what fills it in.
///
/// Slurm's client programs and libslurm fill in some of the symbols and leave others; the node fills in all of them
/// when it makes the file. This does as the node does (seen with files of 22.05, 24.11 and 26.05; that the rules of 26.05
/// came with 25.11 is Slurm's own word, in its list of changes).
public struct OutputPaths: Sendable, Equatable, Codable {
  /// Slurm's mark for "no task" (NO_VAL), which stands in names of jobs that are no array.
  static let noTask = UInt32(0xFFFF_FFFE)
  /// Slurm cuts wider ones.
  private static let greatestWidth = 10

  /// As sbatch was given it; nil for the default, `slurm-%j.out` or for arrays `slurm-%A_%a.out`.
  public var stdout: String?
  /// Nil for the file of standard output.
  public var stderr: String?
  /// What `%N` stands for. Nil while it is not known.
  public var nodeName: String?
  public var rules = Rules.upTo2311
  /// Slurm may have filled them in already: from 24.05 on it does for whoever asks.
  public var mayBeFilledIn = false

  public init(stdout: String?, stderr: String?) {
    self.stdout = stdout
    self.stderr = stderr
  }

  /// As accounting has them. It has none up to 23.11, and of jobs of srun and salloc.
  ///
  /// - Returns: nil for a later component of a heterogeneous job, which writes into the file of the first one, too.
  public init?(accounted stdout: String?, _ stderr: String?, of job: SlurmJobFields, release: SlurmRelease) {
    guard stdout != nil || stderr != nil, (job.hetJobOffset ?? 0) == 0 else { return nil }
    self.init(stdout: stdout, stderr: stderr)
    rules = Rules(release)
    mayBeFilledIn = true
    // Before 25.11 it was the node's host, which accounting does not know.
    if rules >= .since2511 { nodeName = job.nodes.flatMap(Self.firstNode) }
  }

  /// - Parameter nodes: a list such as `n[03-05,7],m1`: `n03`.
  private static func firstNode(of nodes: String) -> String? {
    let name = nodes.prefix { $0 != "," && $0 != "[" }
    let rest = nodes[name.endIndex...]
    guard rest.hasPrefix("[") else { return name.isEmpty ? nil : String(name) }
    // One range is enough to know the first: what follows its bracket, as in `r[1-2]n[1-4]`, is a list again.
    let number = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
    let after = rest.drop { $0 != "]" }.dropFirst()
    return number.isEmpty ? nil : name + number + (after.isEmpty ? "" : firstNode(of: String(after)) ?? "")
  }

  enum CodingKeys: String, CodingKey {
    case stdout, stderr, rules
    case nodeName = "node_name"
    case mayBeFilledIn = "may_be_filled_in"
  }

  /// Which symbols a release knows, and what it leaves of others.
  public enum Rules: Int, Sendable, Codable, Comparable {
    case upTo2311 = 2205
    /// With `%b`, the last digit of the task.
    case since2405 = 2405
    /// With `%r`, the number of restarts, and `%S`, an id that duct does not ask for. `%N` is the node by its name, before
    /// it was the node's host. Symbols that are none stay as they are, and a percent sign at the end goes.
    case since2511 = 2511

    public init(_ release: SlurmRelease) {
      self =
        release < SlurmRelease(24, 5) ? .upTo2311 : release < SlurmRelease(25, 11) ? .since2405 : .since2511
    }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
  }

  /// Whether `%N` is there.
  public var needsNodeName: Bool { hasSymbol { $0.letter == "N" } }

  /// Whether a symbol is there that releases take for different things.
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

  /// Sets the paths of a job, or of a task. What holds something that is not known yet stays nil.
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

  /// For an array that waits, where Slurm has filled in the symbols for the array as a whole: its mark "no task" then
  /// stands in the place of each task. Of the default name the place is known. In another name that holds the mark, or
  /// the array's id, these can be the task's or the task's own id, padded or not: then the path is not known ("").
  ///
  /// - Returns: nil where Slurm has left the symbols as they are.
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
    // One backslash turns all symbols off.
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
      // A percent sign behind a width begins the next symbol.
      if rules < .since2511, letter == "%", !digits.isEmpty { letter = nil }
      from = letter == nil ? digits.endIndex : pattern.index(after: digits.endIndex)
      found.append(Symbol(range: start..<from, letter: letter, digits: digits))
    }
    return found
  }

  /// Nil for what is not known yet.
  private func value(of symbol: Symbol, _ record: JobRecord, _ pattern: String) -> String? {
    let width = min(Int(symbol.digits) ?? (symbol.digits.isEmpty ? 0 : .max), Self.greatestWidth)
    func padded(_ number: UInt32) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    switch symbol.letter {
    // A batch job has no step of a number.
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

  /// Nil for a record that stands for several tasks.
  private func task(_ record: JobRecord) -> UInt32? {
    record.arrayTaskID ?? (record.arrayJobID == nil ? Self.noTask : nil)
  }

  /// A backslash goes, of two the first.
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
