internal import Logging
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Carries a run's files to the log directory. None of its calls waits for that directory but `finish`.
protocol LogCarrier: Sendable {
  /// A captured stream has grown, or has ended.
  func carryStream(_ index: Int)
  func carryUsage()
  func replaceInfo(_ bytes: [UInt8])
  /// Removes what this run has put there; nothing is carried any more. Returns what could not be removed by the
  /// deadline.
  func discard(until deadline: MonotonicInstant) -> [Publisher.Leftover]
  /// All failures so far.
  var events: [IOEvent] { get }
  /// Tries everything once more. Returns what was not written by the deadline.
  func finish(until deadline: MonotonicInstant?) -> [Publisher.Leftover]
}

/// What there is to be carried.
struct CarriedSources: Sendable {
  /// Nil where a stream is not captured.
  var streams: [RenderedOutput?]
  var usage: any GrowingSource
  /// Log files that the relay writes itself, as far as they are open here.
  var logFiles: [FileDescriptor] = []
}

/// Carries on a thread of this process: for log directories that answer for sure, since a thread that
/// hangs in some file systems cannot be ended, and would hold this process up.
final class ThreadCarrier: LogCarrier {
  /// Seconds from the first line of usage.jsonl until it is carried, if the run does not end before.
  private static let firstUsage = 0.01

  let publisher: Publisher
  private let sources: CarriedSources
  private let status: RelayStatus
  private let label: String
  let paths: LogPaths

  /// - Parameters:
  ///   - label: the run's id.
  ///   - status: on it stands which files are ours.
  ///   - isSuccessor: earlier processes of the run have been at them.
  ///   - credentials: the value of $KRB5CCNAME.
  ///   - notify: called on the publisher's thread.
  init(
    _ sources: CarriedSources, to paths: LogPaths, label: String, status: RelayStatus,
    isSuccessor: Bool = false,
    credentials: [UInt8]?, makesDirectories: Bool = true,
    notify: @escaping @Sendable (Publisher.Notice) -> Void
  ) throws(Errno) {
    self.sources = sources
    self.status = status
    self.label = label
    self.paths = paths
    publisher = try Publisher(
      label: label, credentials: CredentialCache(name: credentials),
      makesDirectories: makesDirectories, notify: notify)
    for target in RelayStatus.Target.allCases {
      publisher.know(
        path(paths.path(of: target)), by: PageMemory(status: status, target: target), isSuccessor: isSuccessor
      )
    }
  }

  func stream(_ index: Int) -> RenderedOutput? { sources.streams[index] }

  /// So much of a stream's log file is there already, by the relay or by earlier processes.
  func adoptStream(_ index: Int, proven: Int) {
    publisher.know(
      path(paths.stream(index)), by: PageMemory(status: status, target: .stream(index)), proven: proven,
      isSuccessor: true)
  }

  func carryStream(_ index: Int) {
    if let source = sources.streams[index] { publisher.carry(source, to: path(paths.stream(index))) }
  }

  /// Has every file carried that there is anything for.
  func carryEverything() {
    for index in 0..<2 { carryStream(index) }
    if sources.usage.readableLength > 0 { carryUsage() }
  }

  /// Makes the files now, and takes their names from another run that writes its own there again meanwhile.
  ///
  /// Now, since later there may be another: a run that has been started with --clobber after this one.
  ///
  /// - Parameter carried: the streams whose log files are made here, and not by the relay.
  func takeNames(carried: [Bool]) {
    for index in 0..<2 where carried[index] {
      publisher.take(path(paths.stream(index)))
      carryStream(index)
    }
    publisher.take(path(paths.usage))
    carryUsage()
    // It is made first of all records.
    publisher.take(path(paths.info))
  }

  /// Of a command that is over at once the lines go out together with the end of the file, by one fsync.
  func carryUsage() {
    publisher.carry(sources.usage, to: path(paths.usage), afterPause: Self.firstUsage)
  }

  func replaceInfo(_ bytes: [UInt8]) {
    let own = paths.info
    publisher.replace(path(paths.info)) { [publisher, paths, status, label] in
      // As it stands when it is written: output that had failed may have been carried since. And whoever
      // reads this knows that it was written itself.
      var events = publisher.events
      for index in events.indices where events[index].path == own && events[index].outcome == .waiting {
        events[index].outcome = .delivered
        events[index].bytesWaiting = 0
      }
      return DeliveredInfo(paths: paths, status: status, label: label).bytes(of: bytes, events)
    }
  }

  func discard(until deadline: MonotonicInstant) -> [Publisher.Leftover] {
    // What it has not written is not wanted any more.
    _ = publisher.finish(until: deadline)
    // A directory that is not there may have been moved. That of a log file without a name was removed.
    return LogDirectory.removeOurs(paths, status: status, label: label) { [sources] in
      sources.logFiles.contains(where: LogDirectory.isRemoved)
    }
  }

  var events: [IOEvent] { publisher.events }
  func finish(until deadline: MonotonicInstant?) -> [Publisher.Leftover] { publisher.finish(until: deadline) }

  private func path(_ text: String) -> FilePath { FilePath(escaped: text) }
}

/// What is told to the user of the log directory, and how.
struct CarrierNotices: Sendable {
  let log: Logger
  /// Where what cannot be written is kept meanwhile.
  let keptIn: String

  func tell(_ notice: CarrierNotice) {
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

/// A publisher's notice, as it is handed from process to process.
enum CarrierNotice: Codable, Sendable, Equatable {
  case began(failure: String, isAboutCredentials: Bool)
  case ended(tries: Int, seconds: Double)
  case displaced(path: String, place: String)
  case restored(path: String, missing: Int)
  case lost(path: String, bytes: Int)

  /// Nil for what needs not be told.
  init?(_ notice: Publisher.Notice) {
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
