public import DuctRecords
public import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import OutputRelay
internal import ProcessSampling
internal import RecordText
internal import ResilientIO
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// One run: the command from its start to its end, with all that duct does around it.
///
/// The main thread starts the command, reaps it and serves signals; it never writes a file and never
/// waits for anything else. See docs/architecture.md for the other threads.
public struct Run {
  /// Wraps a command.
  ///
  /// - Returns: the exit code of duct: the command's own.
  /// - Throws: before anything has started.
  public static func execute(
    _ settings: RunSettings, _ surroundings: Surroundings
  ) throws(UsageError) -> CInt {
    let originalMask = SignalForwarding.blocked.block()
    StandardStreams.fill()
    let writer = StandardErrorWriter()
    let log = Logger(level: settings.logLevel, writer: writer)
    for note in surroundings.notes { log.log(level: note.level, "\(note.text)") }
    defer { writer.flush(until: .now + 2) }
    do throws(UsageError) {
      let context = try RunContext(settings, surroundings, log: log, writer: writer, mask: originalMask)
      return try context.run()
    } catch {
      // What was said before stays before it.
      writer.flush(until: .now + 2)
      throw error
    }
  }
}

/// What the parts of a run share.
final class RunContext: Sendable {
  let settings: RunSettings
  let surroundings: Surroundings
  let log: Logger
  let writer: StandardErrorWriter
  let originalMask: SignalSet
  let start: WallTime
  /// The same moment on a clock that nobody sets.
  let startInstant = MonotonicInstant.now
  let runID: String
  let paths: LogPaths
  let helpers: HelperPrograms
  let children = ChildProcesses(reaping: .byEventLoop)
  /// For the last writing of info.json, which takes a directory and a file, and for what stands in its way.
  let reserve = DescriptorReserve(3)
  /// Nanoseconds of processor time that orphans of the command had used when they were reaped.
  let orphanTime = Monitor<Int64>(0)
  /// duct's own largest resident memory when it had started the command, in bytes (not getrusage's, in which
  /// is that of whoever started duct). Nil where not known.
  let ownPeakResident = Monitor<Int?>(nil)

  init(
    _ settings: RunSettings, _ surroundings: Surroundings, log: Logger, writer: StandardErrorWriter,
    mask: SignalSet
  ) throws(UsageError) {
    self.settings = settings
    self.surroundings = surroundings
    self.log = log
    self.writer = writer
    originalMask = mask
    start = .now
    runID = RunID.make(start)
    helpers = HelperPrograms(environment: surroundings.environment)
    if LogPrefix.isDeprecated(settings.outputPrefix) {
      log.warning("{datetime_filesafe} in --output-prefix is deprecated; use {datetime} instead")
    }
    paths = try LogPrefix.paths(
      template: settings.outputPrefix, start: start, host: fullHostName(),
      environment: surroundings.environment)
  }

  // MARK: From start to end

  func run() throws(UsageError) -> CInt {
    do throws(Errno) { try becomeSubreaper() } catch {
      log.debug("Orphans of the command cannot be followed: \(error.description)")
    }
    guard let setup = try LogSetup.make(self) else { return replaceByCommand(nil, nil) }
    var capture = makeCapture(setup)
    let slurm = SlurmSetup.find(
      settings, surroundings, runID: runID, access: slurmAccess(), children: children, log: log)
    let signals: SignalFile
    do throws(Errno) {
      signals = try SignalFile(SignalForwarding.read)
    } catch {
      // Without it duct could not wait for the command; so the command takes duct's place.
      log.critical("Cannot watch the command (signalfd: \(error.description)): running it without duct")
      return replaceByCommand(capture, setup)
    }
    // Before the command, so that there is certainly somebody to read what it prints.
    if let unread = capture, !unread.startRelay() {
      log.error("The command's output is not kept")
      unread.abandon()
      removeLogFiles(setup)
      capture = nil
    }

    let pid: pid_t
    do throws(LaunchFailure) {
      pid = try launcher(capture, tag: slurm?.tag.tag).start(children)
    } catch {
      if error.isLackOfProcesses {
        log.critical("Cannot start another process (\(error.message)): running the command without duct")
        return replaceByCommand(capture, setup)
      }
      capture?.closeWritingEnds()
      discardRecords(setup)
      log.error("\(error.message)")
      return error.exitCode
    }
    capture?.closeWritingEnds()
    if let command = CommandIdentity(of: pid) { setup.spool.status.noteCommand(command) }
    log.info("duct \(Versions.duct) is executing \(commandText.bounded().pythonRepresentation)...")
    log.info("Log files will be written to \(paths.prefix)")
    if ProcNumbers.current.inProc(pid) == nil {
      log.warning(
        "/proc is not of this pid namespace, and does not tell which processes are the command's: what they use is not known"
      )
    }
    var own = ProcessDetails()
    let files = ProcFiles()
    if let number = files.numbers.own { own.read(files, number, withShares: false) }
    ownPeakResident.update { $0 = own.peakResidentBytes.map { Int(clamping: $0) } }
    let watch = RunWatch(self, command: pid, setup: setup, capture: capture, slurm: slurm)
    var loop = RunLoop(watch, signals: signals)
    return loop.run()
  }

  private func makeCapture(_ setup: LogSetup) -> OutputCapture? {
    // Also where no stream is captured the relay finishes the records should duct be killed.
    guard settings.captureOutputs != .none || setup.spool.folder != nil else { return nil }
    do throws(CaptureFailure) {
      return try OutputCapture(
        setup.stores, status: setup.spool.status, lock: setup.spool.folder?.lock,
        folder: setup.spool.folder?.path, wake: setup.wake, programs: helpers, children: children, log: log)
    } catch {
      log.warning("\(error.message): the command runs, and its output is not kept")
      removeLogFiles(setup)
      // Those who write the records can do with the descriptors.
      for stores in setup.stores { stores?.closeAll() }
      return nil
    }
  }

  /// Nothing is left of this run.
  private func discardRecords(_ setup: LogSetup) {
    tellOfRemoval(setup.carrier.discard(until: .now + settings.finalizeTimeout))
    setup.spool.status.noteEnding(.done)
    setup.spool.remove()
  }

  /// Those that the relay was to write itself.
  func removeLogFiles(_ setup: LogSetup) {
    guard setup.isDirect else { return }
    tellOfRemoval(
      LogDirectory.removeOurs(paths, status: setup.spool.status, runID: runID, [.stdout, .stderr]))
  }

  private func tellOfRemoval(_ leftovers: [Deliverer.Leftover]) {
    for leftover in leftovers {
      log.warning("\(leftover.path) is not removed: \(leftover.failure ?? "it does not answer")")
    }
  }

  private func slurmAccess() -> SlurmAccess {
    SlurmAccess(
      by: settings.slurmBy,
      helper: SlurmHelper(program: helpers.slurm, children: children, signalMask: originalMask),
      commands: SlurmCommands(
        environment: surroundings.entries, children: children, signalMask: originalMask),
      configuration: nil, note: { [log] in log.debug("\($0)") })
  }

  private func launcher(_ capture: OutputCapture?, tag: String?) -> CommandLauncher {
    // The surroundings' entries lack what is duct's alone.
    var environment: [[UInt8]]? = OwnProgram.isCopy ? surroundings.entries : nil
    if let tag {
      let names = JobTag.variables.map { Array(($0 + "=").utf8) }
      environment =
        surroundings.entries.filter { entry in !names.contains { entry.starts(with: $0) } }
        + JobTag.variables.map { Array("\($0)=\(tag)".utf8) }
    }
    return CommandLauncher(
      command: settings.command, environment: environment,
      sources: [.inherited, source(0, capture), source(1, capture)],
      startsSession: settings.mode == .newSession, signalMask: originalMask)
  }

  /// Where stdout (0) or stderr (1) of the command goes.
  private func source(_ index: Int, _ capture: OutputCapture?) -> Program.Source {
    if let end = capture?.writingEnd(index) { return .duplicate(of: end) }
    if settings.outputs.includes(index) { return .inherited }
    do throws(Errno) {
      return .duplicate(of: try FileDescriptor.opening("/dev/null", .writeOnly))
    } catch {
      return .inherited
    }
  }

  /// Where duct cannot do its work, the command takes its place, and finds things as without it.
  private func replaceByCommand(_ capture: OutputCapture?, _ setup: LogSetup?) -> CInt {
    capture?.abandon()
    if let setup { discardRecords(setup) }
    writer.flush(until: .now + 2)
    for index in 0..<2 where !settings.outputs.includes(index) {
      if let null = try? FileDescriptor.opening("/dev/null", .writeOnly) { dup2(null.rawValue, CInt(index)) }
    }
    endBeingSubreaper()
    unsetenv(OwnProgram.variable)
    // They came for what duct has written, and would kill the command.
    dropPending(SignalSet([SIGXFSZ, SIGPIPE]))
    originalMask.setAsMask()
    let arguments = settings.command.map { FilePath(bytes: $0).withPlatformString { strdup($0) } }
    if let name = arguments.first.flatMap({ $0 }) { execvp(name, arguments + [nil]) }
    let failure = LaunchFailure(Errno(rawValue: errno), settings.command.first ?? [])
    log.error("\(failure.message)")
    return failure.exitCode
  }

  /// con-duct's `command`: the arguments with spaces between them; without what shall not be recorded.
  var commandText: String {
    settings.redaction.applied(to: settings.command.map { String(escaping: $0) })
  }
}
