/// One, both or none of the command's output streams.
public enum StreamSelection: String, Sendable, CaseIterable {
  case all, none, stdout, stderr

  public var hasStdout: Bool { self == .all || self == .stdout }
  public var hasStderr: Bool { self == .all || self == .stderr }
  /// - Parameter index: 0 is stdout, 1 is stderr.
  public func includes(_ index: Int) -> Bool { index == 0 ? hasStdout : hasStderr }
}

/// The records that duct writes in addition to the captured streams.
public enum RecordTypes: String, Sendable, CaseIterable {
  case all
  case systemSummary = "system-summary"
  case processesSamples = "processes-samples"

  public var hasSystemSummary: Bool { self != .processesSamples }
  public var hasProcessesSamples: Bool { self != .systemSummary }
}

/// Whether the command runs in its own session or in that of duct.
public enum SessionMode: String, Sendable, CaseIterable {
  case newSession = "new-session"
  case currentSession = "current-session"
}

/// Whether duct asks Slurm.
public enum SlurmMode: String, Sendable, CaseIterable {
  /// Asks if there is a configuration of Slurm, and is silent if there is none.
  case auto
  /// Asks, and warns if that is not possible.
  case on
  case off
}

/// Whether duct tags jobs with a wckey.
public enum SlurmTagMode: String, Sendable, CaseIterable {
  case auto, off
}

/// Whether records omit values whose names say that they are secrets.
public enum SecretRedaction: String, Sendable, CaseIterable {
  case auto, off
}

/// Whether duct keeps a Kerberos ticket alive during the run.
public enum TicketRenewal: String, Sendable, CaseIterable {
  case off
  /// A copy for the run.
  case own
  /// The user's own.
  case shared
}

/// How much duct logs. The names are those of con-duct.
public enum LogLevel: String, Sendable, CaseIterable {
  case none = "NONE"
  case critical = "CRITICAL"
  case error = "ERROR"
  case warning = "WARNING"
  case info = "INFO"
  case debug = "DEBUG"
}

/// Whether duct writes output and records to local disk first and delivers them to the log directory from there.
public enum LocalFirst: String, Sendable, CaseIterable {
  /// If the log directory is not on a local file system.
  case auto
  case always
  case never
}

/// A number of bytes as people write it: `500M`, `2G`, `1.5GiB`, `100kB`.
///
/// Units are powers of 1024, except those with a `B` but no `i`, which are powers of 1000.
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
