internal import DuctRecords
import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The carrier process: delivers a run's files to a remote log directory.
///
/// It is a process and not a thread. While a thread waits for some file systems (FUSE, a frozen server), it
/// cannot be killed, and its process cannot end either. But duct must end. The carrier process has no
/// descriptor of the user's terminal open. It ends with duct or, at the latest, when the file system answers.
public enum CarrierService {
  /// Serves duct, which is at the other end of descriptor 0, until duct ends or the work is done.
  ///
  /// - Parameters:
  ///   - folder: the run folder.
  ///   - isSuccessor: an earlier carrier process was killed, and may have delivered a part.
  /// - Returns: an exit code.
  public static func run(folder: String, isSuccessor: Bool) -> CInt {
    let placed = CarrierPlacement.Found()
    outliveFileSizeLimit()
    // duct may end while this process writes a reply to it.
    ignoreSignal(SIGPIPE)
    // Slurm sends these to all processes of a job. Only the end of duct ends the carrier.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2] { ignoreSignal(signal) }
    let socket = FileDescriptor(rawValue: CarrierPlacement.socket)
    guard let manifest = RunManifest.read(FilePath(escaped: folder)),
      let page = placed[CarrierPlacement.status],
      let status = try? RelayStatus(mapping: page, copy: placed[CarrierPlacement.copy]),
      SpoolFolder.holdCarrierLock(FilePath(escaped: folder))
    else { return 1 }
    do throws(Errno) {
      let service = try Service(socket, placed, manifest, status, isSuccessor: isSuccessor)
      service.serve()
      return 0
    } catch {
      return 1
    }
  }
}

/// Writes each reply as a whole, also if several threads reply at the same time.
private final class ReplyChannel: Sendable {
  private let socket: FileDescriptor
  private let writing = Monitor(())

  init(_ socket: FileDescriptor) { self.socket = socket }

  func send(_ reply: CarrierReply) {
    // If this fails, duct has ended and needs no reply.
    writing.update { _ in try? socket.writeAll(reply.jsonLine) }
  }
}

private final class Service: Sendable {
  /// Commands that duct sent before the log directory was checked.
  private struct Waiting: Sendable {
    /// The log directory has answered.
    var isChecked = false
    var isOpen = false
    /// The end of the run, or that of duct: deliver without any wait.
    var isHurried = false
    var commands: [(CarrierCommand, [UInt8])] = []
  }

  private let socket: FileDescriptor
  private let isSuccessor: Bool
  private let waiting = Monitor(Waiting())
  /// duct has written its last records.
  private let isFinishing = Monitor(false)
  private let manifest: RunManifest
  private let carrier: ThreadCarrier
  private let replies: ReplyChannel

  init(
    _ socket: FileDescriptor, _ placed: CarrierPlacement.Found, _ manifest: RunManifest,
    _ status: RelayStatus,
    isSuccessor: Bool
  ) throws(Errno) {
    self.socket = socket
    self.manifest = manifest
    self.isSuccessor = isSuccessor
    let replies = ReplyChannel(socket)
    self.replies = replies
    let wake = placed[CarrierPlacement.wake]
    let streams = CarrierPlacement.stores.enumerated().map { index, numbers -> RenderedOutput? in
      let files = numbers.map { placed[$0] }
      guard files.contains(where: { $0 != nil }) else { return nil }
      return RenderedOutput(
        stream: index, stores: OutputStores(log: nil, spool: files[0], memory: files[1]), status: status,
        wake: { wake?.signalEvent() })
    }
    let usage = WrittenUsage(
      disk: placed[CarrierPlacement.usage[0]], memory: placed[CarrierPlacement.usage[1]],
      isComplete: { [isFinishing] in isFinishing.withLock { $0 } })
    let events = LateFunction<Void, [IOEvent]>()
    let carrier = try ThreadCarrier(
      DeliverySources(streams: streams, usage: usage), to: manifest.paths, runID: manifest.runID,
      status: status,
      isSuccessor: isSuccessor, credentials: getenv("KRB5CCNAME").map { bytes(ofCString: $0) }
    ) { notice in
      replies.send(
        CarrierReply(
          notice: CarrierNotice(notice).map(NoticeMessage.init), events: events()))
    }
    self.carrier = carrier
    events.set { carrier.events }
    guard isSuccessor else { return }
    for (index, stream) in streams.enumerated() {
      guard let stream else { continue }
      carrier.adoptStream(index, proven: stream.position(of: status.proven(stream: index)))
    }
  }

  /// Reads each command immediately, so that duct never waits for this process.
  func serve() {
    if isSuccessor { open {} }
    while let (command, payload) = CarrierCommand.next(from: socket) {
      switch command {
      case .prepare: open { [self] in prepare() }
      case .replacePrepared: open { [self] in replacePrepared(until: MonotonicInstant(message: payload)) }
      case .stdoutHasGrown, .stderrHasGrown, .usageHasGrown, .info: deliver(command, payload)
      case .discard:
        waitUntilOpen()
        let leftovers = carrier.discard(until: .now + 60)
        replies.send(CarrierReply(leftovers: leftovers.map(LeftoverMessage.init)))
        return
      case .finish:
        waitUntilOpen()
        isFinishing.update { $0 = true }
        // A successor may not have received a command for every file.
        carrier.deliverEverything()
        // duct has its own time limit and ends when it is over, so none is needed here.
        let leftovers = carrier.finish(until: nil)
        replies.send(
          CarrierReply(events: carrier.events, leftovers: leftovers.map(LeftoverMessage.init)))
        return
      }
    }
    hearTheEnd()
  }

  /// Finishes the delivery after duct was killed.
  ///
  /// Some servers report an error only when a file is closed. The end of this process would also close the
  /// files, but would report no error. After an error here, the proven offset on the page goes back, and
  /// `recover` writes those bytes again.
  private func hearTheEnd() {
    guard waiting.withLock({ $0.isChecked }) else { return }
    waitUntilOpen()
    _ = carrier.finish(until: nil)
  }

  /// Checks the log directory on a thread of its own, because the directory may take any time to answer.
  /// Nothing is delivered before the check is done, and before the turn of this task has come.
  private func open(_ check: @escaping @Sendable () -> Void) {
    let turn = FirstDelivery { getenv($0).map { String(cString: $0) } }
    let start = MonotonicInstant.now + (isSuccessor ? 0 : turn.delay)
    let body: @Sendable () -> Void = { [self] in
      check()
      waiting.update { $0.isChecked = true }
      _ = waiting.wait(until: start) { $0.isHurried ? true : nil }
      waiting.update { waiting in
        waiting.isOpen = true
        for (command, payload) in waiting.commands { deliverNow(command, payload) }
        waiting.commands = []
      }
    }
    if (try? OwnThread("duct open", body: body)) == nil { body() }
  }

  private func waitUntilOpen() {
    waiting.update { $0.isHurried = true }
    _ = waiting.wait(until: nil) { $0.isOpen ? true : nil }
  }

  private func deliver(_ command: CarrierCommand, _ payload: [UInt8]) {
    waiting.update { waiting in
      if waiting.isOpen { return deliverNow(command, payload) }
      // The latest command of a kind covers the earlier ones.
      waiting.commands.removeAll { $0.0 == command }
      waiting.commands.append((command, payload))
    }
  }

  private func deliverNow(_ command: CarrierCommand, _ payload: [UInt8]) {
    switch command {
    case .stdoutHasGrown: carrier.deliverStream(0)
    case .stderrHasGrown: carrier.deliverStream(1)
    case .usageHasGrown: carrier.deliverUsage()
    case .info: carrier.replaceInfo(payload)
    case .prepare, .replacePrepared, .finish, .discard: break
    }
  }

  private func prepare() {
    replies.send(CarrierReply(existing: LogDirectory.existing(manifest.paths)))
  }

  /// - Parameter deadline: when duct starts the command, with or without an answer. CLOCK_MONOTONIC is the same
  ///   in both processes.
  private func replacePrepared(until deadline: MonotonicInstant) {
    let existing = LogDirectory.existing(manifest.paths)
    let replaced = LogDirectory.replaced(existing, manifest.paths, captured: manifest.captured)
    if MonotonicInstant.now < deadline {
      LogDirectory.remove(replaced)
      carrier.takeNames(delivered: manifest.captured)
    } else {
      // The directory did not answer in time, perhaps for hours. Keep the files of a run that began since then.
      LogDirectory.remove(LogDirectory.unchanged(replaced, since: manifest.startTime))
    }
    replies.send(CarrierReply(existing: []))
  }
}
