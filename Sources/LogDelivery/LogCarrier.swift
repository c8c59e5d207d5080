public import DuctRecords
public import Logging
public import OutputRelay
internal import RecordText
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// The carrier: delivers a run's files to the log directory. Only `discard` and `finish` wait for that
/// directory.
public protocol LogCarrier: Sendable {
  /// Delivers a captured stream that has grown or has ended.
  func deliverStream(_ index: Int)
  /// Continues a log file whose first `proven` bytes the relay or an earlier process has written.
  func adoptStream(_ index: Int, proven: Int)
  /// Delivers usage.jsonl, which has grown.
  func deliverUsage()
  /// Delivers a new info.json.
  func replaceInfo(_ bytes: [UInt8])
  /// Removes the files that this run has put into the log directory, and delivers nothing more. Returns what
  /// could not be removed by the deadline.
  func discard(until deadline: MonotonicInstant) -> [Deliverer.Leftover]
  /// All episodes of failures so far.
  var events: [IOEvent] { get }
  /// Tries everything that waits once more. Returns what was not written by the deadline; nil means no
  /// deadline.
  func finish(until deadline: MonotonicInstant?) -> [Deliverer.Leftover]
}

/// The data that a carrier delivers.
public struct DeliverySources: Sendable {
  /// stdout and stderr. Nil: the stream is not captured.
  var streams: [RenderedOutput?]
  var usage: any GrowingSource
  /// Log files that the relay writes itself, if this process has them open.
  var logFiles: [FileDescriptor] = []

  public init(
    streams: [RenderedOutput?], usage: any GrowingSource, logFiles: [FileDescriptor] = []
  ) {
    self.streams = streams
    self.usage = usage
    self.logFiles = logFiles
  }
}

/// A carrier on a thread of this process. For log directories that are certain to answer: a thread that hangs
/// in some file systems cannot be ended, and would hold up this process.
public final class ThreadCarrier: LogCarrier {
  /// Seconds from the first line of usage.jsonl to its delivery, unless the run ends before.
  private static let firstUsage = 0.01

  let deliverer: Deliverer
  private let sources: DeliverySources
  private let status: RelayStatus
  private let runID: String
  let paths: LogPaths

  /// - Parameters:
  ///   - status: the page, which records which files are ours.
  ///   - isSuccessor: earlier processes of the run may have written these files.
  ///   - credentials: the value of $KRB5CCNAME.
  ///   - makesDirectories: creates the log directory if it is missing.
  ///   - notify: called on the deliverer's thread.
  public init(
    _ sources: DeliverySources, to paths: LogPaths, runID: String, status: RelayStatus,
    isSuccessor: Bool = false,
    credentials: [UInt8]?, makesDirectories: Bool = true,
    notify: @escaping @Sendable (Deliverer.Notice) -> Void
  ) throws(Errno) {
    self.sources = sources
    self.status = status
    self.runID = runID
    self.paths = paths
    deliverer = try Deliverer(
      runID: runID, credentials: CredentialCache(name: credentials),
      makesDirectories: makesDirectories, notify: notify)
    for target in RelayStatus.Target.allCases {
      deliverer.know(
        path(paths.path(of: target)), by: PageMemory(status: status, target: target), isSuccessor: isSuccessor
      )
    }
  }

  public func adoptStream(_ index: Int, proven: Int) { adoptStream(index, proven: proven, old: nil) }

  /// - Parameter old: the file that has the proven bytes, if it is not at its path.
  func adoptStream(_ index: Int, proven: Int, old: FileDescriptor?) {
    deliverer.know(
      path(paths.stream(index)), by: PageMemory(status: status, target: .stream(index)), proven: proven,
      isSuccessor: true, old: old)
  }

  public func deliverStream(_ index: Int) {
    if let source = sources.streams[index] { deliverer.deliver(source, to: path(paths.stream(index))) }
  }

  /// Delivers every file that has data.
  func deliverEverything() {
    for index in 0..<2 { deliverStream(index) }
    if sources.usage.readableLength > 0 { deliverUsage() }
  }

  /// Creates the files immediately and takes their names, even if another run has created its own files there
  /// again.
  ///
  /// Later, a run that was started with --clobber after this one may have the names, and must keep them.
  ///
  /// - Parameter delivered: the streams whose log files the carrier creates, and not the relay.
  public func takeNames(delivered: [Bool]) {
    for index in 0..<2 where delivered[index] {
      deliverer.take(path(paths.stream(index)))
      deliverStream(index)
    }
    deliverer.take(path(paths.usage))
    deliverUsage()
    // No request is needed here: duct writes info.json first of all records.
    deliverer.take(path(paths.info))
  }

  /// Delays the first delivery a little. For a command that ends immediately, one fsync then covers the lines
  /// and the end of the file.
  public func deliverUsage() {
    deliverer.deliver(sources.usage, to: path(paths.usage), afterPause: Self.firstUsage)
  }

  public func replaceInfo(_ bytes: [UInt8]) {
    let own = paths.info
    deliverer.replace(path(paths.info)) { [deliverer, paths, status, runID] in
      // Read the events when the record is written: output that had failed may be delivered by then. The
      // record's own entry says `delivered`, because a reader of the record sees that it was written.
      var events = deliverer.events
      for index in events.indices where events[index].path == own && events[index].outcome == .waiting {
        events[index].outcome = .delivered
        events[index].bytesWaiting = 0
      }
      return DeliveredInfo(paths: paths, status: status, runID: runID).bytes(of: bytes, events)
    }
  }

  public func discard(until deadline: MonotonicInstant) -> [Deliverer.Leftover] {
    // What the deliverer has not written is not wanted any more. It must not create a file that `recover`, which may
    // already be removing the others, would not see.
    if !deliverer.abandon(until: deadline) {
      return RelayStatus.Target.allCases.filter { !status.notes(of: $0).isEmpty }.map {
        Deliverer.Leftover(path: path(paths.path(of: $0)), bytes: 0, failure: "it does not answer")
      }
    }
    // A missing directory may have been moved. But if a log file in it has lost its name, the directory was
    // removed.
    return LogDirectory.removeOurs(paths, status: status, runID: runID) { [sources] in
      sources.logFiles.contains(where: LogDirectory.isRemoved)
    }
  }

  public var events: [IOEvent] { deliverer.events }
  public func finish(until deadline: MonotonicInstant?) -> [Deliverer.Leftover] {
    deliverer.finish(until: deadline)
  }

  private func path(_ text: String) -> FilePath { FilePath(escaped: text) }
}

/// Logs what the user should know about the log directory.
public struct CarrierNotices: Sendable {
  let log: Logger
  /// Where data waits that cannot be written into the log directory.
  public let keptIn: String

  public init(log: Logger, keptIn: String) {
    self.log = log
    self.keptIn = keptIn
  }

  public func tell(_ notice: CarrierNotice) {
    switch notice {
    case .began(let failure, let isAboutCredentials):
      let hint = isAboutCredentials ? " If it is on Kerberos NFS, renew the ticket: kinit." : ""
      log.warning(
        "\(failure). The command runs on; what cannot be written is kept in \(keptIn) and delivered as soon as it can be.\(hint)"
      )
    case .ended(let tries, let seconds):
      log.warning(
        "The log directory can be written again, after \(Self.rounded(seconds)) s and \(tries) tries; what was kept is delivered"
      )
    case .displaced(let path, let place):
      log.warning("\(path) has been replaced by another: this run goes on in \(place)")
    case .lost(let path, let bytes):
      log.warning(
        "\(bytes) bytes for \(path) could not be read back from where they waited: they are missing there")
    case .restored(let path, let missing):
      let loss = missing > 0 ? ", but for \(missing) bytes that were kept nowhere else" : ""
      log.warning("\(path) was removed or shortened by another: it is whole again\(loss)")
    }
  }

  private static func rounded(_ seconds: Double) -> String {
    let tenths = Int(min(max(seconds * 10, 0), 1e12))
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// A notice of the deliverer, in a form that the carrier process can send to duct.
public enum CarrierNotice: Sendable, Equatable {
  case began(failure: String, isAboutCredentials: Bool)
  case ended(tries: Int, seconds: Double)
  case displaced(path: String, place: String)
  case restored(path: String, missing: Int)
  case lost(path: String, bytes: Int)

  /// Nil for a notice that the user does not need.
  public init?(_ notice: Deliverer.Notice) {
    func text(_ path: FilePath) -> String { String(escaping: path.bytes) }
    switch notice {
    case .began(let failure):
      self = .began(
        failure:
          "Cannot \(failure.operation) \(text(failure.path)): \(failure.errno.description) (\(failure.errno.name))",
        isAboutCredentials: failure.errno.isAboutCredentials)
    case .ended(let tries, let seconds): self = .ended(tries: tries, seconds: seconds)
    case .displaced(let path, let place): self = .displaced(path: text(path), place: text(place))
    case .restored(let path, let missing): self = .restored(path: text(path), missing: missing)
    case .lost(let path, let bytes): self = .lost(path: text(path), bytes: bytes)
    case .eventsHaveChanged: return nil
    }
  }
}
