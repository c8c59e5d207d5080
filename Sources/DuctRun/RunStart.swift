internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import OutputRelay
internal import ProcessSampling
internal import ResilientIO
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Starts the command and all parts of a run. If duct cannot do its work, executes the command in place of duct.
struct RunStart {
  private let settings: RunSettings
  private let surroundings: Surroundings
  private var identity: RunIdentity
  private let services: RunServices
  private let helpers: HelperPrograms
  /// Descriptors held back for the last write of info.json: for the directory, for the new file, and a spare one.
  private let reserve = DescriptorReserve(Self.reservedDescriptors)
  static let reservedDescriptors = 3

  private var log: Logger { services.log }
  private var children: ChildProcesses { services.children }
  private var paths: LogPaths { identity.paths }

  init(
    _ settings: RunSettings, _ surroundings: Surroundings, _ identity: RunIdentity, _ services: RunServices
  ) {
    self.settings = settings
    self.surroundings = surroundings
    self.identity = identity
    self.services = services
    helpers = HelperPrograms(environment: surroundings.environment)
  }

  /// Runs the command to its end.
  ///
  /// - Returns: the exit code of duct.
  mutating func run() throws(UsageError) -> CInt {
    do throws(Errno) { try becomeSubreaper() } catch {
      log.debug("Orphans of the command cannot be followed: \(error.description)")
    }
    let search = SlurmSetup.search(settings, surroundings)
    var plan = LogPlan(settings, surroundings, identity)
    guard
      let setup = try LogSetup.make(
        &plan, carrierProgram: helpers.duct, children: children, mask: services.originalMask, log: log)
    else { return replaceByCommand(nil, nil) }
    identity = plan.identity
    var capture = makeCapture(setup)
    let slurm = SlurmSetup.find(
      search, settings, surroundings, runID: identity.runID, access: slurmAccess(), children: children,
      log: log)
    let signals: SignalFile
    do throws(Errno) {
      signals = try SignalFile(SignalForwarding.read)
    } catch {
      // Without signalfd(2), duct cannot wait for the command.
      log.critical("Cannot watch the command (signalfd: \(error.description)): running it without duct")
      return replaceByCommand(capture, setup)
    }
    // Start the relay before the command, so that certainly something reads what the command prints.
    if let unread = capture, !unread.startRelay() {
      log.error("The command's output is not kept")
      unread.abandon()
      removeLogFiles(setup)
      capture = nil
    }
    do throws(LaunchFailure) {
      let pid = try launcher(capture, slurm).start(children)
      return watch(pid, setup, capture, slurm, signals)
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
  }

  /// Starts the other parts of the run after the command has started, and runs the main loop.
  private func watch(
    _ pid: pid_t, _ setup: LogSetup, _ capture: OutputCapture?, _ slurm: SlurmSetup?, _ signals: SignalFile
  ) -> CInt {
    capture?.closeWritingEnds()
    if let command = CommandIdentity(of: pid) { setup.spool.status.noteCommand(command) }
    log.info(
      "duct \(Versions.duct) is executing \(identity.command.bounded().pythonRepresentation)...")
    log.info("Log files will be written to \(paths.prefix)")
    if ProcNumbers.current.inProc(pid) == nil {
      log.warning(
        "/proc is not of this pid namespace, and does not tell which processes are the command's: what they use is not known"
      )
    }
    let ownPeakResident = Self.ownPeakResident
    let orphanTime = Monitor<Int64>(0)
    let watch = RunWatch(
      settings, environment: surroundings.environment, identity, services, command: .child(pid), setup: setup,
      capture: capture, slurm: slurm, orphanTime: orphanTime)
    let end = RunFinalizer.Context(
      settings: settings, services: services, startInstant: identity.startInstant, paths: paths,
      ownPeakResident: ownPeakResident, reserve: reserve, ownJob: slurm.flatMap(ownJobQuestion),
      ticket: careForTicket(slurm?.access))
    var loop = RunLoop(
      watch, command: pid, signals: signals, hasOwnGroup: settings.mode == .newSession, services,
      orphanTime: orphanTime
    ) { exit, ending in RunFinalizer(watch, end, exit: exit, ending: ending) }
    return loop.run()
  }

  /// duct's own peak resident memory in bytes, from /proc; nil if not known. getrusage(2) would include the peak of
  /// the program that executed duct.
  private static var ownPeakResident: Int? {
    var own = ProcessDetails()
    let files = ProcFiles()
    if let number = files.numbers.own { own.read(files, number, withShares: false) }
    return own.peakResidentBytes.map { Int(clamping: $0) }
  }

  // MARK: The parts

  private func makeCapture(_ setup: LogSetup) -> OutputCapture? {
    // Even if no stream is captured, the relay finishes the records if duct is killed.
    guard settings.captureOutputs != .none || setup.spool.folder != nil else { return nil }
    do throws(Problem) {
      return try OutputCapture(
        setup.stores, status: setup.spool.status, lock: setup.spool.folder?.lock,
        folder: setup.spool.folder?.path, wake: setup.wake, programs: helpers, children: children, log: log)
    } catch {
      log.warning("\(error.description): the command runs, and its output is not kept")
      removeLogFiles(setup)
      // The threads that write the records may need these descriptors.
      for stores in setup.stores { stores?.closeAll() }
      return nil
    }
  }

  /// Keeps the ticket alive, or warns if it may end before the run. Nil if duct does not keep it.
  private func careForTicket(_ slurm: SlurmAccess?) -> TicketKeeper? {
    guard settings.renewTicket != .off else {
      TicketWarning.start(paths.directory, surroundings, slurm, services)
      return nil
    }
    do throws(Errno) {
      return try TicketKeeper(
        settings, surroundings, services, program: helpers.duct, runID: identity.runID)
    } catch {
      log.error("Cannot renew the ticket: \(error.description) (\(error.name)); the command runs on")
      return nil
    }
  }

  private func slurmAccess() -> SlurmAccess { SlurmAccess(settings, surroundings, services, helpers) }

  /// With an access of its own: a signal at the end cancels the other requests, and Slurm sends such a signal.
  private func ownJobQuestion(_ slurm: SlurmSetup) -> OwnJobQuestion? {
    OwnJobQuestion(
      surroundings.environment, access: slurmAccess().with(configuration: slurm.access.configuration),
      log: log)
  }

  private func launcher(_ capture: OutputCapture?, _ slurm: SlurmSetup?) -> CommandLauncher {
    var environment = CommandEnvironment(surroundings.entries)
    if let tag = slurm?.tag.tag { environment.hand(tag: tag) }
    // Also where an outer run has named itself: this run is nearer.
    if slurm != nil || settings.campaign != nil || environment.hasParentRun {
      environment.hand(run: identity.runID)
    }
    if let campaign = settings.campaign { environment.hand(campaign: campaign) }
    // If duct runs from a copy in memory, its environment has a variable that the command must not get. The entries
    // lack it.
    let isOther = environment.isChanged || OwnProgram.isCopy
    return CommandLauncher(
      command: settings.command, environment: isOther ? environment.entries : nil,
      sources: [.inherited, source(0, capture), source(1, capture)],
      startsSession: settings.mode == .newSession, signalMask: services.originalMask)
  }

  /// The source of the command's stdout (0) or stderr (1).
  private func source(_ index: Int, _ capture: OutputCapture?) -> Program.Source {
    if let end = capture?.writingEnd(index) { return .duplicate(of: end) }
    if settings.outputs.includes(index) { return .inherited }
    do throws(Errno) {
      return .duplicate(of: try FileDescriptor.opening("/dev/null", .writeOnly))
    } catch {
      return .inherited
    }
  }

  // MARK: Giving up

  /// Removes everything that this run has created.
  private func discardRecords(_ setup: LogSetup) {
    LogDirectory.warn(ofKept: setup.carrier.discard(until: .now + settings.finalizeTimeout), log)
    setup.spool.status.noteEnding(.done)
    setup.spool.remove()
  }

  /// Removes the log files that were created for the relay.
  private func removeLogFiles(_ setup: LogSetup) {
    guard setup.isDirect else { return }
    LogDirectory.warn(
      ofKept: LogDirectory.removeOurs(
        paths, status: setup.spool.status, runID: identity.runID, [.stdout, .stderr]), log)
  }

  /// Executes the command in place of duct, in the same conditions as without duct.
  private func replaceByCommand(_ capture: OutputCapture?, _ setup: LogSetup?) -> CInt {
    capture?.abandon()
    if let setup {
      discardRecords(setup)
    } else {
      log.critical("Nothing can be recorded: running the command without duct")
    }
    services.writer.flush(until: .now + Run.lastWords)
    for index in 0..<2 where !settings.outputs.includes(index) {
      if let null = try? FileDescriptor.opening("/dev/null", .writeOnly) { dup2(null.rawValue, CInt(index)) }
    }
    endBeingSubreaper()
    unsetenv(OwnProgram.variable)
    // Writes of duct itself may have raised these signals. Pending, they would kill the command.
    dropPending(SignalSet([SIGXFSZ, SIGPIPE]))
    services.originalMask.setAsMask()
    let arguments = settings.command.map { FilePath(bytes: $0).withPlatformString { strdup($0) } }
    if let name = arguments.first.flatMap({ $0 }) { execvp(name, arguments + [nil]) }
    let failure = LaunchFailure(Errno(rawValue: errno), settings.command.first ?? [])
    log.error("\(failure.message)")
    return failure.exitCode
  }
}

extension SlurmAccess {
  /// For a process whose main loop reaps the children.
  init(
    _ settings: RunSettings, _ surroundings: Surroundings, _ services: RunServices, _ helpers: HelperPrograms
  ) {
    let (children, mask, log) = (services.children, services.originalMask, services.log)
    self.init(
      by: settings.slurmBy,
      helper: SlurmHelper(program: helpers.slurm, children: children, signalMask: mask),
      commands: SlurmCommands(environment: surroundings.entries, children: children, signalMask: mask),
      configuration: nil, note: { log.debug("\($0)") })
  }
}
