public import DuctRecords
public import DuctSettings
import Glibc
internal import Logging
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// One run: the command from start to end, and everything that duct does around it.
///
/// The main thread starts the command, reaps it and handles signals. It never writes a file and never waits for
/// anything else. docs/architecture.md lists the other threads.
public enum Run {
  /// Seconds that duct takes at the end to write its last messages to stderr.
  static let lastWords = 2.0

  /// Wraps a command.
  ///
  /// - Returns: the exit code of duct, which is the command's own.
  /// - Throws: `UsageError`, before anything has started.
  public static func execute(
    _ settings: RunSettings, _ surroundings: Surroundings
  ) throws(UsageError) -> CInt {
    try withServices(settings, surroundings) { services throws(UsageError) in
      let identity = try RunIdentity(settings, surroundings, log: services.log)
      var start = RunStart(settings, surroundings, identity, services)
      return try start.run()
    }
  }

  /// Prepares the process for a run, and calls `body`. Before it returns or throws, it writes what was logged.
  static func withServices(
    _ settings: RunSettings, _ surroundings: Surroundings,
    _ body: (RunServices) throws(UsageError) -> CInt
  ) throws(UsageError) -> CInt {
    let originalMask = SignalForwarding.blocked.block()
    StandardStreams.fill()
    let writer = StandardErrorWriter()
    let log = Logger(level: settings.logLevel, writer: writer)
    for note in surroundings.notes { log.log(level: note.level, "\(note.text)") }
    // The caller shows the message of an error. It comes after all earlier ones.
    defer { writer.flush(until: .now + lastWords) }
    return try body(RunServices(log: log, writer: writer, originalMask: originalMask))
  }
}

/// Identifies the run, and says where its records go.
struct RunIdentity: Sendable {
  let runID: String
  let start: WallTime
  /// The same moment as `start`, on the monotonic clock, which cannot be set.
  let startInstant = MonotonicInstant.now
  private(set) var paths: LogPaths
  /// Whether the user chose the name of the records.
  let isNameChosen: Bool
  private var attempt = 1
  private let environment: [String: String]
  private let template: String
  private let node: String?
  /// Whether the run is of a step that a task prolog lets duct watch.
  var isOfStep: Bool { node != nil }
  /// Runs of several hosts can have the same process id and begin in the same second.
  private static let mostNames = 10_000
  /// The `command` of con-duct's records: the arguments, separated by spaces, without what the redaction hides.
  let command: String

  /// - Throws: `UsageError` if the output prefix gives no usable path.
  init(_ settings: RunSettings, _ surroundings: Surroundings, log: Logger) throws(UsageError) {
    try self.init(
      settings, surroundings,
      redacted: settings.redaction.applied(to: settings.command.map { String(escaping: $0) }),
      log: log)
  }

  /// Of a run whose command duct has not started.
  ///
  /// - Parameters:
  ///   - command: in one line.
  ///   - runID: nil: a new one.
  ///   - node: for the names of the records of a step.
  init(
    _ settings: RunSettings, _ surroundings: Surroundings, command: String, runID: String? = nil,
    node: String? = nil, log: Logger
  ) throws(UsageError) {
    try self.init(
      settings, surroundings, redacted: settings.redaction.applied(to: command), runID: runID, node: node,
      log: log)
  }

  private init(
    _ settings: RunSettings, _ surroundings: Surroundings, redacted command: String, runID: String? = nil,
    node: String? = nil, log: Logger
  ) throws(UsageError) {
    start = .now
    self.runID = runID ?? RunID.make(start)
    self.node = node
    self.command = command
    if let prefix = settings.outputPrefix, LogPrefix.isDeprecated(prefix) {
      log.warning("{datetime_filesafe} in --output-prefix is deprecated; use {datetime} instead")
    }
    // A step has a record on each node, so the prefix of the user alone is no name for it.
    isNameChosen = settings.outputPrefix != nil && node == nil
    self.environment = surroundings.environment
    template =
      isNameChosen
      ? settings.outputPrefix ?? ""
      : settings.outputPrefix.map { $0 + LogPrefix.ofStep } ?? LogPrefix.standard(environment)
    paths = LogPaths()
    paths =
      isNameChosen
      ? try LogPrefix.paths(template: template, start: start, host: fullHostName(), environment: environment)
      : try namedPaths(attempt: attempt)
  }

  /// The paths under a name that is the run's alone.
  private func namedPaths(attempt: Int) throws(UsageError) -> LogPaths {
    try LogPrefix.paths(
      template: template, start: start, host: fullHostName(), environment: environment,
      pid: (node.map { $0 + "-" } ?? "") + LogPrefix.standardPid(runID: runID, attempt: attempt))
  }

  /// Takes another name for the records, because the one that they have is taken. False if the user chose the name.
  mutating func takeOtherName() -> Bool {
    guard !isNameChosen, attempt < Self.mostNames, let other = try? namedPaths(attempt: attempt + 1)
    else { return false }
    attempt += 1
    paths = other
    return true
  }
}

/// What all parts of a run use.
struct RunServices: Sendable {
  let log: Logger
  let writer: StandardErrorWriter
  let children = ChildProcesses(reaping: .byEventLoop)
  /// The signal mask that duct was started with. The programs that duct starts get it.
  let originalMask: SignalSet
}
