internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The settings that decide where the files of a run go.
struct LogPlan: Sendable {
  let identity: RunIdentity
  /// Whether stdout and stderr are captured.
  let captured: [Bool]
  let localFirst: LocalFirst
  /// Whether the run replaces existing records.
  let clobber: Bool
  /// The spool directory that the user chose; nil: the default places.
  let spoolDirectory: FilePath?
  /// The most bytes of output that may wait on disk; nil: only the disk limits it.
  let spoolLimit: Int?
  let redaction: Redaction
  let environment: [String: String]

  init(_ settings: RunSettings, _ surroundings: Surroundings, _ identity: RunIdentity) {
    self.identity = identity
    captured = (0..<2).map { settings.captureOutputs.includes($0) }
    localFirst = settings.localFirst
    clobber = settings.clobber
    spoolDirectory = settings.spoolDirectory
    spoolLimit = settings.spoolLimit
    redaction = settings.redaction
    environment = surroundings.environment
  }

  var paths: LogPaths { identity.paths }
}

/// Where the files of a run go. Decided before the command starts.
struct LogSetup: Sendable {
  let spool: RunSpool
  /// The stores of stdout and stderr; nil if a stream is not captured.
  let stores: [OutputStores?]
  let carrier: any LogCarrier
  let journal: UsageJournal
  /// An eventfd that makes the relay check requests.
  let wake: FileDescriptor
  /// Whether the relay writes the log files itself.
  let isDirect: Bool

  /// Creates the run folder, the stores and the carrier.
  ///
  /// - Parameters:
  ///   - carrierProgram: duct's executable, which duct also starts as the carrier for a remote log directory.
  ///   - mask: the signal mask for that process.
  /// - Returns: nil if the system has no descriptors or threads left.
  /// - Throws: `UsageError` if records exist and `--clobber` is not set.
  static func make(
    _ plan: LogPlan, carrierProgram: FilePath, children: ChildProcesses, mask: SignalSet, log: Logger
  ) throws(UsageError) -> LogSetup? {
    let spool: RunSpool
    let wake: FileDescriptor
    do throws(Errno) {
      spool = try RunSpool(
        chosen: plan.spoolDirectory, limit: plan.spoolLimit, captured: plan.captured,
        runID: plan.identity.runID, environment: plan.environment, log: log)
    } catch {
      return refuse(error, log)
    }
    do throws(Errno) { wake = try FileDescriptor.event() } catch {
      spool.remove()
      return refuse(error, log)
    }
    let builder = LogSetupBuilder(
      plan: plan, spool: spool, wake: wake, carrierProgram: carrierProgram, children: children, mask: mask,
      log: log)
    do throws(UsageError) {
      if let setup = try builder.build() { return setup }
    } catch {
      spool.remove()
      throw error
    }
    spool.remove()
    return nil
  }

  private static func refuse(_ error: Errno, _ log: Logger) -> LogSetup? {
    log.error("Cannot set up the records: \(error.description) (\(error.name))")
    return nil
  }
}

/// Creates a `LogSetup`.
private struct LogSetupBuilder {
  let plan: LogPlan
  let spool: RunSpool
  let wake: FileDescriptor
  let carrierProgram: FilePath
  let children: ChildProcesses
  let mask: SignalSet
  let log: Logger

  private var paths: LogPaths { plan.paths }

  func build() throws(UsageError) -> LogSetup? {
    let kind = Filesystem.kind(of: paths.directory)
    let isDirect =
      switch plan.localFirst {
      case .auto: kind == .local
      case .always: false
      case .never: true
      }
    if !isDirect, kind == .remote, let folder = spool.folder {
      return try remote(folder)
    }
    return try local(isDirect: isDirect)
  }

  private var notices: CarrierNotices {
    CarrierNotices(
      log: log, keptIn: spool.folder.map { "\($0.path) on \(hostName())" } ?? "memory")
  }

  private func writeManifest(isDirect: Bool) {
    guard let folder = spool.folder else { return }
    let manifest = RunManifest(
      runID: plan.identity.runID, host: hostName(), pid: getpid(), bootID: HostConstants.bootID,
      startTime: plan.identity.start.seconds,
      command: plan.identity.command.bounded(to: RunManifest.longestCommand),
      workingDirectory: currentDirectory(), prefix: paths.prefix,
      paths: paths.absolute(in: currentDirectory()),
      captured: plan.captured, isDirect: isDirect, redact: plan.redaction.patterns,
      redactSecrets: plan.redaction.hidesSecrets)
    do throws(PrivateFolder.Refusal) { try manifest.write(to: folder) } catch {
      log.warning(
        "\(folder.file(RunManifest.fileName)): \(error): `con-duct recover` cannot deliver what this run leaves"
      )
    }
  }

  // MARK: On a local file system

  private func local(isDirect: Bool) throws(UsageError) -> LogSetup? {
    let existing = LogDirectory.existing(paths)
    if !existing.isEmpty, !plan.clobber { throw refusal(existing) }
    LogDirectory.remove(LogDirectory.replaced(existing, paths, captured: plan.captured))
    var isMade = false
    do throws(IOFailure) {
      try makeDirectories(paths.directory)
      isMade = true
    } catch {
      log.debug("\(error)")
    }
    writeManifest(isDirect: isDirect)
    let stores = (0..<2).map { index -> OutputStores? in
      guard var stores = spool.stores[index] else { return nil }
      if isDirect { stores.files[OutputStores.Kind.log.rawValue] = newLogFile(index) }
      return stores
    }
    let (sources, journal) = sources(stores)
    do throws(Errno) {
      let notices = self.notices
      let carrier = try ThreadCarrier(
        sources, to: paths, runID: plan.identity.runID, status: spool.status,
        credentials: plan.environment["KRB5CCNAME"]?.originalBytes,
        makesDirectories: !isMade
      ) { notice in CarrierNotice(notice).map(notices.tell) }
      if plan.clobber { carrier.takeNames(delivered: stores.map { $0 != nil && $0?[.log] == nil }) }
      return LogSetup(
        spool: spool, stores: stores, carrier: carrier, journal: journal, wake: wake, isDirect: isDirect)
    } catch {
      log.error("Cannot start the thread that writes the records: \(error.description) (\(error.name))")
      LogDirectory.warn(
        ofKept: LogDirectory.removeOurs(
          paths, status: spool.status, runID: plan.identity.runID, [.stdout, .stderr]), log)
      return nil
    }
  }

  /// Creates a log file for the relay to write. Nil if it cannot be created, or if the file system cannot identify
  /// it later. The stream then goes to the spool, and the carrier creates the file or reports why it cannot.
  private func newLogFile(_ index: Int) -> FileDescriptor? {
    let path = FilePath(escaped: paths.stream(index))
    guard let (file, identity) = try? RecordFile.create(path, taking: plan.clobber) else { return nil }
    spool.status.remember(TargetNote(identity: identity, name: 0), as: .stream(index))
    return file
  }

  private func sources(_ stores: [OutputStores?]) -> (DeliverySources, UsageJournal) {
    let journal = UsageJournal(disk: spool.usageFile, memory: spool.usageMemory)
    let (status, wake) = (spool.status, self.wake)
    let streams = stores.enumerated().map { index, stores in
      stores.map { RenderedOutput(stream: index, stores: $0, status: status, wake: { wake.signalEvent() }) }
    }
    let logFiles = stores.compactMap { $0?[.log] }
    return (DeliverySources(streams: streams, usage: journal, logFiles: logFiles), journal)
  }

  private func refusal(_ existing: [String]) -> UsageError {
    UsageError(
      "records exist already: \(existing.joined(separator: ", ")); use --clobber to replace them, or another --output-prefix"
    )
  }

  // MARK: On a remote file system

  private func remote(_ folder: SpoolFolder) throws(UsageError) -> LogSetup? {
    writeManifest(isDirect: false)
    let carrier: CarrierProcess
    do throws(Errno) {
      carrier = try CarrierProcess(
        spool, folder: folder.path, paths: paths.absolute(in: currentDirectory()),
        program: carrierProgram, wake: wake, children: children,
        mask: mask, notices: notices)
    } catch {
      log.error(
        "Cannot start the process that delivers files to the log directory: \(error.description) (\(error.name))"
      )
      return nil
    }
    let answer = carrier.prepare(replacing: plan.clobber, until: .now + LogDirectory.patience)
    if let existing = answer, !existing.isEmpty { throw refusal(existing) }
    if answer == nil {
      log.warning(
        "\(paths.directory) does not answer: the command starts all the same, and its output and records are kept in \(notices.keptIn)"
      )
    }
    let (_, journal) = sources(spool.stores)
    return LogSetup(
      spool: spool, stores: spool.stores, carrier: carrier, journal: journal, wake: wake, isDirect: false)
  }
}
