public import DuctRecords
public import Logging
public import OutputRelay
internal import RecordText
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// Carries a run's files to the log directory. None of its calls waits for that directory but `finish`.
public protocol LogCarrier: Sendable {
  /// A captured stream has grown, or has ended.
  func deliverStream(_ index: Int)
  /// The relay has written the first `proven` bytes of a stream's log file: delivery resumes behind them.
  func adoptStream(_ index: Int, proven: Int)
  func deliverUsage()
  func replaceInfo(_ bytes: [UInt8])
  /// Removes what this run has put there; nothing is carried any more. Returns what could not be removed by the
  /// deadline.
  func discard(until deadline: MonotonicInstant) -> [Deliverer.Leftover]
  /// All failures so far.
  var events: [IOEvent] { get }
  /// Tries everything once more. Returns what was not written by the deadline.
  func finish(until deadline: MonotonicInstant?) -> [Deliverer.Leftover]
}

/// What there is to be carried.
public struct DeliverySources: Sendable {
  /// Nil where a stream is not captured.
  var streams: [RenderedOutput?]
  var usage: any GrowingSource
  /// Log files that the relay writes itself, as far as they are open here.
  var logFiles: [FileDescriptor] = []

  public init(
    streams: [RenderedOutput?], usage: any GrowingSource, logFiles: [FileDescriptor] = []
  ) {
    self.streams = streams
    self.usage = usage
    self.logFiles = logFiles
  }
}

/// Carries on a thread of this process: for log directories that answer for sure, since a thread that
/// hangs in some file systems cannot be ended, and would hold this process up.
public final class ThreadCarrier: LogCarrier {
  /// Seconds from the first line of usage.jsonl until it is carried, if the run does not end before.
  private static let firstUsage = 0.01

  let deliverer: Deliverer
  private let sources: DeliverySources
  private let status: RelayStatus
  private let runID: String
  let paths: LogPaths

  /// - Parameters:
  ///   - runID: the run's id.
  ///   - status: on it stands which files are ours.
  ///   - isSuccessor: earlier processes of the run have been at them.
  ///   - credentials: the value of $KRB5CCNAME.
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

  func stream(_ index: Int) -> RenderedOutput? { sources.streams[index] }

  /// So much of a stream's log file is there already, by the relay or by earlier processes.
  public func adoptStream(_ index: Int, proven: Int) {
    deliverer.know(
      path(paths.stream(index)), by: PageMemory(status: status, target: .stream(index)), proven: proven,
      isSuccessor: true)
  }

  public func deliverStream(_ index: Int) {
    if let source = sources.streams[index] { deliverer.deliver(source, to: path(paths.stream(index))) }
  }

  /// Has every file carried that there is anything for.
  func deliverEverything() {
    for index in 0..<2 { deliverStream(index) }
    if sources.usage.readableLength > 0 { deliverUsage() }
  }

  /// Makes the files now, and takes their names from another run that writes its own there again meanwhile.
  ///
  /// Now, since later there may be another: a run that has been started with --clobber after this one.
  ///
  /// - Parameter delivered: the streams whose log files are made here, and not by the relay.
  public func takeNames(delivered: [Bool]) {
    for index in 0..<2 where delivered[index] {
      deliverer.take(path(paths.stream(index)))
      deliverStream(index)
    }
    deliverer.take(path(paths.usage))
    deliverUsage()
    // It is made first of all records.
    deliverer.take(path(paths.info))
  }

  /// Of a command that is over at once the lines go out together with the end of the file, by one fsync.
  public func deliverUsage() {
    deliverer.deliver(sources.usage, to: path(paths.usage), afterPause: Self.firstUsage)
  }

  public func replaceInfo(_ bytes: [UInt8]) {
    let own = paths.info
    deliverer.replace(path(paths.info)) { [deliverer, paths, status, runID] in
      // As it stands when it is written: output that had failed may have been carried since. And whoever
      // reads this knows that it was written itself.
      var events = deliverer.events
      for index in events.indices where events[index].path == own && events[index].outcome == .waiting {
        events[index].outcome = .delivered
        events[index].bytesWaiting = 0
      }
      return DeliveredInfo(paths: paths, status: status, runID: runID).bytes(of: bytes, events)
    }
  }

  public func discard(until deadline: MonotonicInstant) -> [Deliverer.Leftover] {
    // What it has not written is not wanted any more.
    _ = deliverer.finish(until: deadline)
    // A directory that is not there may have been moved. That of a log file without a name was removed.
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

/// What is told to the user of the log directory, and how.
public struct CarrierNotices: Sendable {
  let log: Logger
  /// Where what cannot be written is kept meanwhile.
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

/// A deliverer's notice, as it is handed from process to process.
public enum CarrierNotice: Codable, Sendable, Equatable {
  case began(failure: String, isAboutCredentials: Bool)
  case ended(tries: Int, seconds: Double)
  case displaced(path: String, place: String)
  case restored(path: String, missing: Int)
  case lost(path: String, bytes: Int)

  /// Nil for what needs not be told.
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
