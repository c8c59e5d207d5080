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

/// Where the files of a run go, decided before the command starts.
struct LogSetup: Sendable {
  let spool: RunSpool
  /// Of the captured streams.
  let stores: [OutputStores?]
  let carrier: any LogCarrier
  let journal: UsageJournal
  /// An eventfd that makes the relay look at requests.
  let wake: FileDescriptor
  /// The relay writes the log files itself.
  let isDirect: Bool

  /// - Returns: nil if the system has no descriptors or threads left for it.
  /// - Throws: when records exist that are not to be replaced.
  static func make(_ context: RunContext) throws(UsageError) -> LogSetup? {
    let spool: RunSpool
    let wake: FileDescriptor
    do throws(Errno) {
      let settings = context.settings
      spool = try RunSpool(
        chosen: settings.spoolDirectory, limit: settings.spoolLimit,
        captured: (0..<2).map { settings.captureOutputs.includes($0) }, runID: context.runID,
        environment: context.surroundings.environment, log: context.log)
    } catch {
      return tell(error, context)
    }
    do throws(Errno) { wake = try FileDescriptor.event() } catch {
      spool.remove()
      return tell(error, context)
    }
    let builder = LogSetupBuilder(context: context, spool: spool, wake: wake)
    do throws(UsageError) {
      if let setup = try builder.build() { return setup }
    } catch {
      spool.remove()
      throw error
    }
    spool.remove()
    return nil
  }

  private static func tell(_ error: Errno, _ context: RunContext) -> LogSetup? {
    context.log.error("Cannot set up the records: \(error.description) (\(error.name))")
    return nil
  }
}

/// Makes a `LogSetup`.
private struct LogSetupBuilder {

  let context: RunContext
  let spool: RunSpool
  let wake: FileDescriptor

  private var settings: RunSettings { context.settings }
  private var paths: LogPaths { context.paths }
  private var log: Logger { context.log }

  func build() throws(UsageError) -> LogSetup? {
    let kind = Filesystem.kind(of: paths.directory)
    let isDirect =
      switch settings.localFirst {
      case .auto: kind == .local
      case .always: false
      case .never: true
      }
    if !isDirect, kind == .remote, let folder = spool.folder {
      return try remote(folder)
    }
    return try local(isDirect: isDirect)
  }

  private var captured: [Bool] { (0..<2).map { settings.captureOutputs.includes($0) } }

  private var notices: CarrierNotices {
    CarrierNotices(
      log: log, keptIn: spool.folder.map { "\($0.path) on \(hostName())" } ?? "memory")
  }

  private func writeManifest(isDirect: Bool) {
    guard let folder = spool.folder else { return }
    let manifest = RunManifest(
      runID: context.runID, host: hostName(), pid: getpid(), bootID: HostConstants.bootID,
      startTime: context.start.seconds, command: context.commandText.bounded(to: RunManifest.longestCommand),
      workingDirectory: currentDirectory(), prefix: paths.prefix,
      paths: paths.absolute(in: currentDirectory()),
      captured: captured, isDirect: isDirect, redact: settings.redaction.patterns,
      redactSecrets: settings.redaction.hidesSecrets)
    do throws(PrivateFolder.Refusal) { try manifest.write(to: folder) } catch {
      log.warning(
        "\(folder.file(RunManifest.fileName)): \(error): `con-duct recover` cannot deliver what this run leaves"
      )
    }
  }

  // MARK: On a local file system

  private func local(isDirect: Bool) throws(UsageError) -> LogSetup? {
    let existing = LogDirectory.existing(paths)
    if !existing.isEmpty, !settings.clobber { throw refusal(existing) }
    LogDirectory.remove(LogDirectory.replaced(existing, paths, captured: captured))
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
        sources, to: paths, runID: context.runID, status: spool.status,
        credentials: context.surroundings.environment["KRB5CCNAME"]?.originalBytes,
        makesDirectories: !isMade
      ) { notice in CarrierNotice(notice).map(notices.tell) }
      if settings.clobber { carrier.takeNames(delivered: stores.map { $0 != nil && $0?[.log] == nil }) }
      return LogSetup(
        spool: spool, stores: stores, carrier: carrier, journal: journal, wake: wake, isDirect: isDirect)
    } catch {
      log.error("Cannot start the thread that writes the records: \(error.description) (\(error.name))")
      return nil
    }
  }

  /// Nil where it cannot be made, or not be known again for certain: then the stream goes to the spool, and the carrier
  /// makes the file, or says why it cannot.
  private func newLogFile(_ index: Int) -> FileDescriptor? {
    let path = FilePath(escaped: paths.stream(index))
    guard let (file, identity) = try? RecordFile.create(path, taking: settings.clobber) else { return nil }
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

  // MARK: On a remote one

  private func remote(_ folder: SpoolFolder) throws(UsageError) -> LogSetup? {
    writeManifest(isDirect: false)
    let carrier: CarrierProcess
    do throws(Errno) {
      carrier = try CarrierProcess(
        spool, folder: folder.path, paths: paths.absolute(in: currentDirectory()),
        program: context.helpers.duct, wake: wake, children: context.children,
        mask: context.originalMask, notices: notices)
    } catch {
      log.error(
        "Cannot start the process that carries files to the log directory: \(error.description) (\(error.name))"
      )
      return nil
    }
    let answer = carrier.prepare(replacing: settings.clobber, until: .now + LogDirectory.patience)
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
