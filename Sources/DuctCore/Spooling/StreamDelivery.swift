import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Has captured streams carried to the log directory as they grow, as far as the relay does not write
/// the log files itself. On a thread of its own, which sleeps while nothing is printed.
///
/// The same thread looks whether log files that the relay writes are still in their place: with `--local-first never`
/// they may lie on a server, and a look at one that hangs must hold up neither the samples nor the end of the run.
final class StreamDelivery: Sendable {
  /// Output is carried so often, in seconds, and not line by line: each time costs an fsync.
  private static let pause = 0.2

  private struct State: Sendable {
    var isStopped = false
    var isDone = false
    /// Looks at the log files that were asked for, and those that were taken.
    var looksAsked = 0
    var looksTaken = 0

    var isLookDue: Bool { looksTaken < looksAsked }
  }

  private let capture: OutputCapture
  private let carrier: any LogCarrier
  private let state = Monitor(State())

  private let paths: LogPaths
  private let folder: SpoolFolder?
  /// The relay writes log files.
  private let isDirect: Bool

  init(_ capture: OutputCapture, setup: LogSetup, paths: LogPaths) throws(Errno) {
    self.capture = capture
    carrier = setup.carrier
    folder = setup.spool.folder
    self.paths = paths
    isDirect = setup.isDirect
    _ = try OwnThread("duct delivery") { [self] in
      run()
      state.update { $0.isDone = true }
    }
  }

  /// Has the log files that the relay writes looked at, and does not wait for that.
  func look() {
    guard isDirect else { return }
    state.update { $0.looksAsked += 1 }
    capture.status.wakeAll()
  }

  /// The same, and waits for it; not beyond the deadline.
  func look(until deadline: MonotonicInstant) {
    look()
    _ = state.wait(until: deadline) { $0.isLookDue && !$0.isDone ? nil : true }
  }

  /// Has everything carried that there is, and ends the thread.
  func finish(until deadline: MonotonicInstant) {
    state.update { $0.isStopped = true }
    capture.status.wakeAll()
    _ = state.wait(until: deadline) { $0.isDone ? true : nil }
  }

  private func run() {
    var told = [-1, -1]
    var adopted = [false, false]
    while true {
      let sequence = capture.status.sequence
      let (isStopped, looks) = state.withLock { ($0.isStopped, $0.isLookDue ? $0.looksAsked : nil) }
      if let looks {
        capture.checkLogFiles(paths)
        state.update { $0.looksTaken = looks }
      }
      var removed: [RemovedLog] = []
      for index in 0..<2 where capture.isCaptured(index) && isDelivered(index) {
        if !adopted[index], let log = adopt(index) { removed.append(log) }
        adopted[index] = true
        let stream = capture.status[index]
        // The end counts as growth: then the file gets its exact length. A gap that is closed does too.
        let gaps = capture.status.closedRangeCount(stream: index)
        let extent = stream.written + (stream.hasEnded ? 1 : 0) + gaps
        if extent != told[index] || isStopped { carrier.deliverStream(index) }
        told[index] = extent
      }
      // The carrier is at work meanwhile.
      for log in removed {
        log.keep(in: folder, limit: capture.status.spoolLimit) {
          // At the end of the run, what is in the log directory again needs no copy.
          !state.withLock { $0.isStopped } || capture.status.proven(stream: log.stream) < log.length
        }
      }
      if isStopped { return }
      capture.status.waitForChange(from: sequence)
      // An end of the run is not held up by this pause.
      _ = state.wait(until: .now + Self.pause) { $0.isStopped || $0.isLookDue ? true : nil }
    }
  }

  private func path(_ index: Int) -> FilePath { FilePath(escaped: paths.stream(index)) }

  private func isDelivered(_ index: Int) -> Bool {
    capture.stores(index)?[.log] == nil || capture.status.hasLeftLog(stream: index)
  }

  /// The relay has written the beginning of the log file. Returns it if it has lost its name.
  private func adopt(_ index: Int) -> RemovedLog? {
    guard let log = capture.stores(index)?[.log], let carrier = carrier as? ThreadCarrier,
      let identity = FileIdentity(of: log)
    else { return nil }
    let start = capture.status.deliveryStart(stream: index) ?? 0
    carrier.adoptStream(index, proven: start)
    let found = try? FileIdentity.asked(at: path(index), followingLinks: false)
    return found?.isSameFile(as: identity) == true
      ? nil : RemovedLog(stream: index, file: log, length: start)
  }
}
