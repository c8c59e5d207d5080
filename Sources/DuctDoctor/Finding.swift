public import RecordText

/// One thing that the doctor has looked at.
public struct Finding: WrittenRecord, Equatable {
  public enum Level: String, Sendable, Comparable, CaseIterable {
    case ok
    /// Worth knowing. Nothing needs to change.
    case note
    /// A run works, but something of it may be missing or late.
    case warning
    /// The records of a run would not get where they belong, or the run would be refused.
    case failure

    public static func < (first: Self, second: Self) -> Bool { first.rank < second.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  public enum Area: String, Sendable {
    case settings
    case logDirectory = "log_directory"
    case ticket, spool, logout, slurm, kernel

    /// The name in the text.
    public var title: String { self == .logDirectory ? "log directory" : rawValue }
  }

  public var area: Area
  /// A short name of what was looked at, for programs.
  public var check: String
  public var level: Level
  /// What was found, without a full stop.
  public var text: String
  /// What to do; nil only if nothing needs to be done.
  public var advice: String?

  init(_ area: Area, _ check: String, ok text: String) {
    (self.area, self.check, level, self.text) = (area, check, .ok, text)
  }

  init(_ area: Area, _ check: String, _ level: Level, _ text: String, advice: String) {
    (self.area, self.check, self.level, self.text, self.advice) = (area, check, level, text, advice)
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("area", &area)
    members("check", &check)
    members("level", &level)
    members("text", &text)
    members("advice", &advice)
  }

  /// The finding in one line.
  var line: String {
    func padded(_ word: String, _ width: Int) -> String {
      word + String(repeating: " ", count: max(width - word.count, 0))
    }
    let head = padded(level.rawValue, 9) + padded(area.title, 15)
    return (head + text + (advice.map { ". \($0)" } ?? "")).forDisplay
  }
}

/// All findings about a run with certain settings on this host.
public struct Diagnosis: WrittenRecord {
  public var host: String
  /// The output prefix, as an absolute path.
  public var prefix: String
  public var findings: [Finding]

  public init(host: String, prefix: String, findings: [Finding]) {
    (self.host, self.prefix, self.findings) = (host, prefix, findings)
  }

  /// The worst of all findings.
  public var level: Finding.Level { findings.map(\.level).max() ?? .ok }

  /// The exit code of `con-duct doctor`: 0, 1 after warnings, 2 if a run would not work.
  public var exitCode: Int32 {
    switch level {
    case .ok, .note: 0
    case .warning: 1
    case .failure: 2
    }
  }

  public mutating func list(_ members: inout RecordMembers) {
    var (level, exitCode) = (self.level, self.exitCode)
    members("host", &host)
    members("prefix", &prefix)
    members("level", &level)
    members("exit_code", &exitCode)
    members("findings", &findings)
  }

  /// A line for each finding, and one with the verdict.
  public var text: String {
    func counted(_ level: Finding.Level) -> String {
      let count = findings.count { $0.level == level }
      return "\(count) \(level.rawValue)\(count == 1 ? "" : "s")"
    }
    let verdict =
      switch level {
      case .ok, .note: "A run works here."
      case .warning: "A run works here, with \(counted(.warning))."
      case .failure: "A run would not work here: \(counted(.failure)), \(counted(.warning))."
      }
    return (findings.map(\.line) + [verdict]).joined(separator: "\n") + "\n"
  }
}
