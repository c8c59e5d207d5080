/// Where the output of a batch job goes: the pattern that sbatch was given, and what fills it in.
///
/// Slurm's client programs and libslurm fill in some of the symbols and leave others; the node fills in all of them
/// when it makes the file. This does as the node does (seen with files of 22.05, 24.11 and 26.05).
public struct OutputPaths: Sendable, Equatable, Codable {
  /// Slurm's mark for "no task" (NO_VAL), which stands in names of jobs that are no array.
  static let noTask = UInt32(0xFFFF_FFFE)
  /// Slurm cuts wider ones.
  private static let greatestWidth = 10

  /// As sbatch was given it; nil for the default, `slurm-%j.out` or for arrays `slurm-%A_%a.out`.
  public var stdout: String?
  /// Nil for the file of standard output.
  public var stderr: String?
  /// The name that the first node of the job has as a host, for `%N`. Nil while it is not known.
  public var hostName: String?
  /// `%b` is a symbol from 24.05 on.
  public var hasTaskDigit = false
  /// Slurm may have filled them in already: from 24.05 on it does for whoever asks.
  public var mayBeFilledIn = false

  public init(stdout: String?, stderr: String?) {
    self.stdout = stdout
    self.stderr = stderr
  }

  enum CodingKeys: String, CodingKey {
    case stdout, stderr
    case hostName = "host_name"
    case hasTaskDigit = "has_task_digit"
    case mayBeFilledIn = "may_be_filled_in"
  }

  /// Whether the name of the host is asked for.
  public var needsHostName: Bool {
    [stdout, stderr].contains { pattern in
      Self.symbols(in: pattern ?? "").contains { $0.letter == "N" }
    }
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

  /// The path of a waiting task, of one that Slurm has filled in for the whole array: with its mark in the place of the
  /// task. The array's id in it may be that of %j, which each task gets when it starts: then it is not known ("").
  private func filledBySlurm(_ pattern: String, _ record: JobRecord) -> String? {
    guard mayBeFilledIn, !pattern.contains("%"), let array = record.arrayJobID else { return nil }
    guard let task = record.arrayTaskID else { return pattern.contains("\(Self.noTask)") ? "" : nil }
    guard record.jobID == nil else { return nil }
    let ofDefault = "slurm-\(array)_\(Self.noTask).out"
    let isDefault = pattern == ofDefault || pattern.hasSuffix("/\(ofDefault)")
    if !isDefault, pattern.split(whereSeparator: { !$0.isNumber }).contains("\(array)") { return "" }
    return pattern.replacing("\(Self.noTask)", with: "\(task)")
  }

  private func filled(_ pattern: String, _ record: JobRecord) -> String? {
    // One backslash turns all symbols off.
    if pattern.contains("\\") { return Self.withoutBackslashes(pattern) }
    var result = ""
    var rest = pattern[...]
    for symbol in Self.symbols(in: pattern) {
      result += rest[..<symbol.range.lowerBound]
      guard let value = value(of: symbol, record) else { return nil }
      result += value
      rest = pattern[symbol.range.upperBound...]
    }
    return result + rest
  }

  private struct Symbol {
    /// From the percent sign to the letter.
    var range: Range<String.Index>
    /// Nil at the end of the pattern.
    var letter: Character?
    var digits: Substring
  }

  private static func symbols(in pattern: String) -> [Symbol] {
    var found: [Symbol] = []
    var from = pattern.startIndex
    while let start = pattern[from...].firstIndex(of: "%") {
      let digits = pattern[pattern.index(after: start)...].prefix { $0.isASCII && $0.isNumber }
      let letter = digits.endIndex < pattern.endIndex ? pattern[digits.endIndex] : nil
      from = letter == nil ? pattern.endIndex : pattern.index(after: digits.endIndex)
      found.append(Symbol(range: start..<from, letter: letter, digits: digits))
    }
    return found
  }

  /// Nil for what is not known yet.
  private func value(of symbol: Symbol, _ record: JobRecord) -> String? {
    let width = min(Int(symbol.digits) ?? (symbol.digits.isEmpty ? 0 : .max), Self.greatestWidth)
    func padded(_ number: UInt32) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    switch symbol.letter {
    case "%": return symbol.digits.isEmpty ? "%" : lastDigit(symbol) + "%"
    // A batch job has no step of a number.
    case "j", "J": return record.jobID.map(padded)
    case "A": return (record.arrayJobID ?? record.jobID).map(padded)
    case "a": return task(record).map(padded)
    case "b" where hasTaskDigit: return task(record).map { padded($0 % 10) }
    case "n", "t": return padded(0)
    case "s": return "batch"
    case "N": return hostName
    case "u": return record.user
    case "x": return record.name
    case let letter?: return (symbol.digits.isEmpty ? "%" : lastDigit(symbol)) + String(letter)
    case nil: return symbol.digits.isEmpty ? "%" : lastDigit(symbol)
    }
  }

  /// Nil for a record that stands for several tasks.
  private func task(_ record: JobRecord) -> UInt32? {
    record.arrayTaskID ?? (record.arrayJobID == nil ? Self.noTask : nil)
  }

  /// What Slurm leaves of a width before something that is no symbol.
  private func lastDigit(_ symbol: Symbol) -> String { symbol.digits.last.map(String.init) ?? "" }

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
