/// Which of the command's two streams.
public enum StreamSelection: String, Sendable, CaseIterable, Codable {
  case all, none, stdout, stderr

  public var hasStdout: Bool { self == .all || self == .stdout }
  public var hasStderr: Bool { self == .all || self == .stderr }
  /// For stream 0 (stdout) and 1 (stderr).
  func includes(_ index: Int) -> Bool { index == 0 ? hasStdout : hasStderr }
}

/// Which records are written beside the captured streams.
public enum RecordTypes: String, Sendable, CaseIterable {
  case all
  case systemSummary = "system-summary"
  case processesSamples = "processes-samples"

  var hasSystemSummary: Bool { self != .processesSamples }
  var hasProcessesSamples: Bool { self != .systemSummary }
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

/// How much is logged, in con-duct's words.
public enum LogLevel: String, Sendable, CaseIterable {
  case none = "NONE"
  case critical = "CRITICAL"
  case error = "ERROR"
  case warning = "WARNING"
  case info = "INFO"
  case debug = "DEBUG"
}
