import Glibc
public import OutputRelay
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// Makes the carrier deliver captured streams as they grow, unless the relay writes the log files itself. Works
/// on a thread of its own, which sleeps while the command prints nothing.
///
/// The same thread checks that the log files that the relay writes are still in their place (`LogFileCheck`).
/// With `--local-first never` they may be on a server, and a check that hangs must delay neither the samples
/// nor the end of the run.
public final class StreamDelivery: Sendable {
  /// Seconds between two deliveries of a stream. Each delivery costs an fsync, so duct does not deliver line by
  /// line.
  private static let pause = 0.2

  private struct State: Sendable {
    var isStopped = false
    var isDone = false
    var checksRequested = 0
    var checksDone = 0

    var isCheckDue: Bool { checksDone < checksRequested }
  }

  private let status: RelayStatus
  private let stores: [OutputStores?]
  private let carrier: any LogCarrier
  private let state = Monitor(State())
  private let folder: SpoolFolder?
  /// Nil if the relay writes no log files.
  private let check: LogFileCheck?
  /// Seconds between two checks of the log files.
  private let checkInterval: Double

  /// - Parameters:
  ///   - status: the page that duct, relay and carrier share.
  ///   - stores: the stores of stdout and stderr; nil if a stream is not captured.
  ///   - folder: the run folder. A copy of a log file that lost its name goes there.
  ///   - check: checks the log files that the relay writes; nil if it writes none.
  ///   - checkInterval: seconds between two such checks.
  public init(
    status: RelayStatus, stores: [OutputStores?], carrier: any LogCarrier, folder: SpoolFolder?,
    check: LogFileCheck?, checkInterval: Double
  ) throws(Errno) {
    self.status = status
    self.stores = stores
    self.carrier = carrier
    self.folder = folder
    self.check = check
    self.checkInterval = checkInterval
    _ = try OwnThread("duct delivery") { [self] in
      run()
      state.update { $0.isDone = true }
    }
  }

  /// Checks the log files that the relay writes. Waits for the check, but not beyond the deadline.
  public func checkLogFiles(until deadline: MonotonicInstant) {
    if check == nil { return }
    state.update { $0.checksRequested += 1 }
    status.wakeAll()
    _ = state.wait(until: deadline) { $0.isCheckDue && !$0.isDone ? nil : true }
  }

  /// Makes the carrier deliver the rest, and ends the thread. Waits for that until the deadline.
  public func finish(until deadline: MonotonicInstant) {
    state.update { $0.isStopped = true }
    status.wakeAll()
    _ = state.wait(until: deadline) { $0.isDone ? true : nil }
  }

  private func run() {
    var delivered = [-1, -1]
    var adopted = [false, false]
    var nextCheck = MonotonicInstant.now + checkInterval
    while true {
      let sequence = status.sequence
      let (isStopped, isScheduled) = checkIfDue(&nextCheck)
      var removed: [RemovedLog] = []
      for (index, stores) in stores.enumerated() {
        guard let stores, Self.isDelivered(index, status, stores) else { continue }
        if !adopted[index], let log = adopt(index) { removed.append(log) }
        adopted[index] = true
        let stream = status[index]
        // The end of a stream counts as growth, because the file then gets its exact length. So does a gap that
        // is closed.
        let gaps = status.closedRangeCount(stream: index)
        let extent = stream.written + (stream.hasEnded ? 1 : 0) + gaps
        if extent != delivered[index] || isStopped { carrier.deliverStream(index) }
        delivered[index] = extent
      }
      // The carrier delivers in the meantime.
      for log in removed {
        log.keep(in: folder, limit: status.spoolLimit) {
          // At the end of the run, bytes that are in the log directory again need no copy.
          !state.withLock { $0.isStopped } || status.proven(stream: log.stream) < log.length
        }
      }
      if isStopped { return }
      status.waitForChange(from: sequence, until: isScheduled ? nextCheck : nil)
      // `finish` and `checkLogFiles` end this pause.
      _ = state.wait(until: .now + Self.pause) { $0.isStopped || $0.isCheckDue ? true : nil }
    }
  }

  /// Runs the check of the log files if it is requested or due.
  ///
  /// - Returns: whether to stop; and whether the schedule still holds. Once the command has ended, the finalizer requests
  ///   the checks, and a file that the user takes away then stays away.
  private func checkIfDue(_ nextCheck: inout MonotonicInstant) -> (isStopped: Bool, isScheduled: Bool) {
    let (isStopped, requested, isDue) = state.withLock {
      ($0.isStopped, $0.checksRequested, $0.isCheckDue)
    }
    let isScheduled = check != nil && requested == 0 && !isStopped
    if isDue || isScheduled && nextCheck <= .now {
      check?.run()
      state.update { $0.checksDone = requested }
      nextCheck = .now + checkInterval
    }
    return (isStopped, isScheduled)
  }

  /// Hands the streams over to the carrier once, at the end of a run whose delivery could not be started. Does not wait
  /// for the log directory.
  public static func handOver(status: RelayStatus, stores: [OutputStores?], to carrier: any LogCarrier) {
    for (index, stores) in stores.enumerated() {
      guard let stores, isDelivered(index, status, stores) else { continue }
      // The relay has written the beginning.
      if stores[.log] != nil { carrier.adoptStream(index, proven: status.deliveryStart(stream: index) ?? 0) }
      carrier.deliverStream(index)
    }
  }

  /// Whether the carrier delivers a stream, and not the relay.
  private static func isDelivered(_ index: Int, _ status: RelayStatus, _ stores: OutputStores) -> Bool {
    stores[.log] == nil || status.hasLeftLog(stream: index)
  }

  /// Hands over to the carrier a stream whose log file the relay has begun. Returns that file if it has lost
  /// its name.
  private func adopt(_ index: Int) -> RemovedLog? {
    guard let check, let log = stores[index]?[.log], let identity = FileIdentity(of: log) else { return nil }
    let start = status.deliveryStart(stream: index) ?? 0
    carrier.adoptStream(index, proven: start)
    let found = try? FileIdentity.asked(at: check.path(index), followingLinks: false)
    return found?.isSameFile(as: identity) == true
      ? nil : RemovedLog(stream: index, file: log, length: start)
  }
}
