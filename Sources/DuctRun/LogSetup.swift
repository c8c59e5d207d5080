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
  private(set) var identity: RunIdentity
  /// Whether stdout and stderr are captured.
  let captured: [Bool]
  let localFirst: LocalFirst
  /// Whether the run replaces existing records. Under a name that duct chose, they are those of another run.
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
    clobber = settings.clobber && identity.isNameChosen
    spoolDirectory = settings.spoolDirectory
    spoolLimit = settings.spoolLimit
    redaction = settings.redaction
    environment = surroundings.environment
  }

  var paths: LogPaths { identity.paths }

  mutating func takeOtherName() -> Bool { identity.takeOtherName() }
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
  /// - Parameter plan: gets another name if that of the run is taken and the user did not choose it.
  /// - Returns: nil if the system has no descriptors or threads left.
  /// - Throws: `UsageError` if records exist under a name that the user chose, and `--clobber` is not set.
  static func make(
    _ plan: inout LogPlan, carrierProgram: FilePath, children: ChildProcesses, mask: SignalSet, log: Logger
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
    var builder = LogSetupBuilder(
      plan: plan, spool: spool, wake: wake, carrierProgram: carrierProgram, children: children, mask: mask,
      log: log)
    do throws(UsageError) {
      if let setup = try builder.build() {
        plan = builder.plan
        return setup
      }
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
  private(set) var plan: LogPlan
  let spool: RunSpool
  let wake: FileDescriptor
  let carrierProgram: FilePath
  let children: ChildProcesses
  let mask: SignalSet
  let log: Logger

  private var paths: LogPaths { plan.paths }

  mutating func build() throws(UsageError) -> LogSetup? {
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
    var manifest = RunManifest(
      runID: plan.identity.runID, host: hostName(), pid: getpid(), bootID: HostConstants.bootID,
      startTime: plan.identity.start.seconds,
      command: plan.identity.command.bounded(to: RunManifest.longestCommand),
      workingDirectory: currentDirectory(), prefix: paths.prefix,
      paths: paths.absolute(in: currentDirectory()),
      captured: plan.captured, isDirect: isDirect, redact: plan.redaction.patterns,
      redactSecrets: plan.redaction.hidesSecrets)
    if plan.identity.isOfStep { manifest.isOfStep = true }
    do throws(PrivateFolder.Refusal) { try manifest.write(to: folder) } catch {
      log.warning(
        "\(folder.file(RunManifest.fileName)): \(error): `con-duct recover` cannot deliver what this run leaves"
      )
    }
  }

  // MARK: On a local file system

  private mutating func local(isDirect: Bool) throws(UsageError) -> LogSetup? {
    var isMade: Bool
    var stores: [OutputStores?]
    repeat {
      try takeFreeName()
      isMade = makeDirectory()
      writeManifest(isDirect: isDirect)
      stores = spool.stores
      // Another run may have created files with this name since we looked.
    } while isDirect && !addLogFiles(to: &stores) && plan.takeOtherName()
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

  /// Takes a name under which there are no records, or with `--clobber` removes those that are there.
  private mutating func takeFreeName() throws(UsageError) {
    var existing = LogDirectory.existing(paths)
    while !existing.isEmpty, !plan.clobber {
      if !plan.takeOtherName() { throw refusal(existing) }
      existing = LogDirectory.existing(paths)
    }
    LogDirectory.remove(LogDirectory.replaced(existing, paths, captured: plan.captured))
  }

  private func makeDirectory() -> Bool {
    do throws(IOFailure) {
      try makeDirectories(paths.directory)
      return true
    } catch {
      log.debug("\(error)")
      return false
    }
  }

  /// Creates the log files for the relay to write. If one cannot be created, or if the file system cannot identify it
  /// later, the stream goes to the spool, and the carrier creates the file or reports why it cannot.
  ///
  /// - Returns: false if one exists, and the run can take another name: then it has created none.
  private func addLogFiles(to stores: inout [OutputStores?]) -> Bool {
    for index in 0..<2 where stores[index] != nil {
      let path = FilePath(escaped: paths.stream(index))
      do throws(Errno) {
        let (file, identity) = try RecordFile.create(path, taking: plan.clobber)
        spool.status.remember(TargetNote(identity: identity, name: 0), as: .stream(index))
        stores[index]?.files[OutputStores.Kind.log.rawValue] = file
      } catch {
        guard error == .fileExists, !plan.identity.isNameChosen else { continue }
        for other in 0..<index { stores[other]?[.log]?.closeQuietly() }
        let kept = LogDirectory.removeOurs(
          paths, status: spool.status, runID: plan.identity.runID, [.stdout, .stderr])
        LogDirectory.warn(ofKept: kept, log)
        return false
      }
    }
    return true
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

  private mutating func remote(_ folder: SpoolFolder) throws(UsageError) -> LogSetup? {
    let deadline = MonotonicInstant.now + LogDirectory.patience
    guard var carrier = startCarrier(folder) else { return nil }
    var answer = carrier.prepare(replacing: plan.clobber, until: deadline)
    while let existing = answer, !existing.isEmpty {
      if !plan.takeOtherName() { throw refusal(existing) }
      // It has written nothing yet, so it has nothing to remove.
      _ = carrier.discard(until: deadline)
      guard let next = startCarrier(folder) else { return nil }
      carrier = next
      answer = carrier.prepare(replacing: false, until: deadline)
    }
    if answer == nil {
      log.warning(
        "\(paths.directory) does not answer: the command starts all the same, and its output and records are kept in \(notices.keptIn)"
      )
    }
    let (_, journal) = sources(spool.stores)
    return LogSetup(
      spool: spool, stores: spool.stores, carrier: carrier, journal: journal, wake: wake, isDirect: false)
  }

  /// Starts the process that delivers to the log directory, which reads from the manifest where that is. Nil if it
  /// cannot be started.
  private func startCarrier(_ folder: SpoolFolder) -> CarrierProcess? {
    writeManifest(isDirect: false)
    do throws(Errno) {
      return try CarrierProcess(
        spool, folder: folder.path, paths: paths.absolute(in: currentDirectory()),
        program: carrierProgram, wake: wake, children: children,
        mask: mask, notices: notices)
    } catch {
      log.error(
        "Cannot start the process that delivers files to the log directory: \(error.description) (\(error.name))"
      )
      return nil
    }
  }
}
