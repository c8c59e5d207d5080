/// Which of the command's two streams.
public enum StreamSelection: String, Sendable, CaseIterable, Codable {
  case all, none, stdout, stderr

  public var hasStdout: Bool { self == .all || self == .stdout }
  public var hasStderr: Bool { self == .all || self == .stderr }
  /// For stream 0 (stdout) and 1 (stderr).
  public func includes(_ index: Int) -> Bool { index == 0 ? hasStdout : hasStderr }
}

/// Which records are written beside the captured streams.
public enum RecordTypes: String, Sendable, CaseIterable {
  case all
  case systemSummary = "system-summary"
  case processesSamples = "processes-samples"

  public var hasSystemSummary: Bool { self != .processesSamples }
  public var hasProcessesSamples: Bool { self != .systemSummary }
}

/// Whether the command gets a session of its own.
public enum SessionMode: String, Sendable, CaseIterable {
  case newSession = "new-session"
  case currentSession = "current-session"
}

/// Whether Slurm is asked.
public enum SlurmMode: String, Sendable, CaseIterable {
  /// Where a configuration is found; quiet where there is none.
  case auto
  /// With a warning where Slurm cannot be asked.
  case on
  case off
}

/// Whether jobs are tagged by a wckey.
public enum SlurmTagMode: String, Sendable, CaseIterable {
  case auto, off
}

/// Whether what is a secret by its name is left out of records.
public enum SecretRedaction: String, Sendable, CaseIterable {
  case auto, off
}

/// How much is logged, in con-duct's words.
public enum LogLevel: String, Sendable, CaseIterable {
  case none = "NONE"
  case critical = "CRITICAL"
  case error = "ERROR"
  case warning = "WARNING"
  case info = "INFO"
  case debug = "DEBUG"
}

/// Whether output and records go to local disk first, and are carried to the log directory from there.
public enum LocalFirst: String, Sendable, CaseIterable {
  /// Where the log directory is not on a local file system.
  case auto
  case always
  case never
}

/// A number of bytes, as people write it: `500M`, `2G`, `1.5GiB`, `100kB`.
public struct ByteCount: RawRepresentable, Sendable, Equatable {
  public var bytes: Int
  public let rawValue: String

  public init?(rawValue: String) {
    let digits = rawValue.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number > 0 else { return nil }
    var unit = rawValue.dropFirst(digits.count).uppercased()
    var base = 1024.0
    if unit.hasSuffix("IB") {
      unit.removeLast(2)
    } else if unit.hasSuffix("B") {
      unit.removeLast()
      if !unit.isEmpty { base = 1000 }
    }
    guard let power = ["", "K", "M", "G", "T", "P"].firstIndex(of: unit) else { return nil }
    var value = number
    for _ in 0..<power { value *= base }
    guard value >= 1, value < 9e18 else { return nil }
    bytes = Int(value)
    self.rawValue = rawValue
  }
}
