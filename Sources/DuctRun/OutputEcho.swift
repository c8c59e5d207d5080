internal import Logging
internal import OutputRelay
internal import SystemCalls
internal import SystemPackage

/// Echoes a captured stream: shows it on duct's own stdout or stderr as it grows.
final class OutputEcho: Sendable {
  let stream: Int
  private let writer: EchoWriter
  private let follower: OutputFollower
  private let hasThread = Monitor(false)

  /// Starts to echo stream `index`; nil if that stream is not captured.
  init?(stream index: Int, of capture: OutputCapture, path: String, log: Logger) {
    guard let stores = capture.stores(index) else { return nil }
    let writer = EchoWriter(
      index == 0 ? .standardOutput : .standardError, name: index == 0 ? "stdout" : "stderr", path: path,
      log: log)
    self.writer = writer
    stream = index
    follower = OutputFollower(
      stream: index, stores: stores, status: capture.status, holdsBack: true, sink: writer.write)
    if let error = startThread() {
      log.warning(
        "Cannot start a thread to show the command's \(writer.name) (\(error.description)): it is shown at the end"
      )
    }
  }

  private func startThread() -> Errno? {
    do throws(Errno) {
      try follower.start("duct " + writer.name)
      hasThread.update { $0 = true }
      return nil
    } catch {
      return error
    }
  }

  /// Whether duct failed to show output, although the reader was still there. Some of the output may then be only
  /// in the records, so duct keeps them.
  var hasFailed: Bool { writer.hasFailed }

  /// Reports that the command has ended and that its stream has `end` bytes.
  func finish(at end: Int) {
    writer.finish(at: end)
    follower.finish(at: end)
    // The end of the command may have freed processes of the user's limit.
    if !hasThread.withLock({ $0 }) { _ = startThread() }
  }

  func cancel() {
    writer.cancel()
    follower.cancel()
  }

  /// Waits until duct has shown everything; false if the deadline passes first. If there is no thread for it, shows
  /// everything now, on the caller's thread.
  @discardableResult
  func wait(until deadline: MonotonicInstant?) -> Bool {
    if !hasThread.update({ state in
      defer { state = true }
      return state
    }) {
      follower.followHere()
    }
    return follower.wait(until: deadline)
  }
}

/// Writes what a command printed to duct's own stream.
///
/// If the reader (EPIPE) or the terminal (EIO) has gone, stops without a message. Logs any other failure, and where
/// the output is kept. If the failure may pass (a full disk), retries while the command runs.
private final class EchoWriter: Sendable {
  private static let pause = 1.0

  private struct State: Sendable {
    /// The length of the stream in bytes. Nil while the command runs.
    var end: Int?
    var isCancelled = false
    var hasFailed = false
    var shown = 0
  }

  let name: String
  private let target: FileDescriptor
  private let path: String
  private let log: Logger
  private let state = Monitor(State())

  init(_ target: FileDescriptor, name: String, path: String, log: Logger) {
    self.target = target
    self.name = name
    self.path = path
    self.log = log
  }

  var hasFailed: Bool { state.withLock { $0.hasFailed } }
  func finish(at end: Int) { state.update { $0.end = end } }
  func cancel() { state.update { $0.isCancelled = true } }

  /// False if further writes are pointless.
  @Sendable func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while true {
      let (count, error) = target.writeMost(rest)
      state.update { $0.shown += count }
      guard let error else { return true }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if error == .brokenPipe || error == .ioError { return false }
      guard continues(after: error) else { return false }
    }
  }

  /// Logs a failure and waits before the next try. False if there is no next try.
  private func continues(after error: Errno) -> Bool {
    let (isFirst, end, shown) = state.update { state in
      defer { state.hasFailed = true }
      return (!state.hasFailed, state.end, state.shown)
    }
    let reason = "\(error.description) (\(error.name))"
    if let end {
      log.error(
        "\(end - shown) bytes of the command's \(name) could not be shown: \(reason); they are in \(path)")
      return false
    }
    let mayPass = [Errno.noSpace, .diskQuotaExceeded, .fileTooLarge].contains(error)
    if isFirst || !mayPass {
      let next = mayPass ? "; trying again while the command runs" : ""
      log.error("Cannot show the command's \(name): \(reason)\(next); all of it is in \(path)")
    }
    guard mayPass else { return false }
    let isCancelled = state.wait(until: .now + Self.pause) { state -> Bool? in
      state.isCancelled ? true : state.end != nil ? false : nil
    }
    return isCancelled != true
  }
}
