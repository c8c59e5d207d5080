public import DuctRecords
import Glibc
internal import Logging
internal import RecordText
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// duct's side of the carrier process, which delivers a run's files to a remote log directory. If that process
/// is killed, duct starts another one.
public final class CarrierProcess: LogCarrier {
  private static let mostStarts = 5
  /// Seconds from the end of one carrier process to the start of the next.
  private static let pause = 1.0

  private struct State: Sendable {
    var socket: FileDescriptor
    var starts = 1
    /// Failures that earlier carrier processes have reported.
    var earlierEvents: [IOEvent] = []
    /// The latest info.json, for a successor.
    var info: [UInt8]?
    var existing: [String]?
    var events: [IOEvent] = []
    var leftovers: [Deliverer.Leftover]?
    var hasEnded = false
    /// The last command, once duct has sent it: `finish` or `discard`.
    var ending: CarrierCommand?
  }

  private let state: Monitor<State>
  private let sending = Monitor(())
  /// Starts a carrier process. The argument is true if it succeeds another one. Returns duct's end of the
  /// socket.
  private let start: @Sendable (Bool) throws(Errno) -> FileDescriptor
  private let paths: LogPaths
  private let log: Logger

  /// Starts the carrier process.
  ///
  /// - Parameter program: the executable of duct.
  public init(
    _ spool: RunSpool, folder: FilePath, paths: LogPaths, program: FilePath, wake: FileDescriptor,
    children: ChildProcesses, mask: SignalSet, notices: CarrierNotices
  ) throws(Errno) {
    self.paths = paths
    log = notices.log
    start = { isSuccessor throws(Errno) in
      let (own, other) = try FileDescriptor.closeOnExecSocketPair()
      defer { other.closeQuietly() }
      do throws(Errno) {
        let null = try FileDescriptor.opening("/dev/null", .readWrite)
        defer { null.closeQuietly() }
        var child = Program(
          path: program.bytes,
          arguments: ["con-duct", isSuccessor ? "deliver-on" : "deliver"].map { Array($0.utf8) } + [
            folder.bytes
          ])
        child.descriptors = CarrierPlacement.sources(spool, socket: other, wake: wake, null: null)
        child.closesOthers = true
        child.startsSession = true
        child.signalMask = mask
        // Do not forget this child: the sampler leaves children that `children` knows out of the run.
        _ = try children.start(child)
        return own
      } catch {
        own.closeQuietly()
        throw error
      }
    }
    state = Monitor(State(socket: try start(false)))
    _ = try OwnThread("duct carrier") { [self] in
      while true {
        listen(notices)
        if !goOn() { break }
      }
    }
  }

  /// Makes the carrier check the log directory and, if `replacing`, remove the records there.
  ///
  /// - Returns: existing records that the carrier has not replaced. Nil if it did not answer in time.
  public func prepare(replacing: Bool, until deadline: MonotonicInstant) -> [String]? {
    if replacing { send(.replacePrepared, deadline.message) } else { send(.prepare) }
    return state.wait(until: deadline) { state -> [String]?? in
      if let existing = state.existing { return .some(existing) }
      return state.hasEnded ? .some(nil) : nil
    } ?? nil
  }

  // MARK: Delivering

  public func deliverStream(_ index: Int) { send(index == 0 ? .stdoutHasGrown : .stderrHasGrown) }
  /// Does nothing: with a carrier process, the relay writes no log files.
  public func adoptStream(_ index: Int, proven: Int) {}
  public func deliverUsage() { send(.usageHasGrown) }
  public func replaceInfo(_ bytes: [UInt8]) {
    state.update { $0.info = bytes }
    send(.info, bytes)
  }

  public var events: [IOEvent] { state.withLock { $0.earlierEvents + $0.events } }

  public func discard(until deadline: MonotonicInstant) -> [Deliverer.Leftover] {
    end(.discard, until: deadline)
  }

  public func finish(until deadline: MonotonicInstant?) -> [Deliverer.Leftover] {
    end(.finish, until: deadline)
  }

  private func end(_ command: CarrierCommand, until deadline: MonotonicInstant?) -> [Deliverer.Leftover] {
    state.update { $0.ending = command }
    send(command)
    let answer = state.wait(until: deadline) { state -> [Deliverer.Leftover]?? in
      if let leftovers = state.leftovers { return .some(leftovers) }
      return state.hasEnded ? .some(nil) : nil
    }
    if let answer, let answer { return answer }
    let reason =
      answer == nil ? "the log directory does not answer" : "the process that delivers files there has ended"
    // How much the carrier has delivered is not known. Everything is still in the spool.
    return paths.all.map { .init(path: FilePath(escaped: $0), bytes: 0, failure: reason) }
  }

  /// Sends a message. The carrier process always reads, so this does not block for long; if that process has
  /// ended, the message is dropped. During a run, only the threads for records and delivery call this.
  private func send(_ command: CarrierCommand, _ payload: [UInt8] = []) {
    sending.update { _ in
      guard let socket = state.withLock({ $0.hasEnded ? nil : $0.socket }) else { return }
      try? socket.writeAll(command.message(payload))
    }
  }

  // MARK: A successor

  /// The carrier process has ended. Starts a successor and repeats all commands to it. False if the work was
  /// done, or if no successor can be started.
  private func goOn() -> Bool {
    let (isDone, starts) = state.withLock { ($0.leftovers != nil || $0.ending == .discard, $0.starts) }
    if !isDone {
      log.warning(
        "The process that delivers files to the log directory has ended: \(starts < Self.mostStarts ? "starting another" : "the rest stays in the spool until `con-duct recover`")"
      )
    }
    var successor: FileDescriptor?
    if !isDone, starts < Self.mostStarts {
      _ = state.wait(until: .now + Self.pause) { _ in nil as Bool? }
      do throws(Errno) { successor = try start(true) } catch {
        log.error(
          "Cannot start another (\(error.description)): the rest stays in the spool until `con-duct recover`")
      }
    }
    guard let successor else {
      state.update { $0.hasEnded = true }
      return false
    }
    let (info, ending) = sending.update { _ in
      state.update { state in
        state.socket.closeQuietly()
        state.socket = successor
        state.starts += 1
        // The successor reports again what still fails.
        state.earlierEvents += state.events.filter { $0.outcome != .waiting }
        state.events = []
        return (state.info, state.ending)
      }
    }
    for index in 0..<2 { deliverStream(index) }
    deliverUsage()
    if let info { send(.info, info) }
    if let ending { send(ending) }
    return true
  }

  // MARK: Listening

  /// Reads replies until the carrier process ends.
  private func listen(_ notices: CarrierNotices) {
    let socket = state.withLock { $0.socket }
    var rest: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let got = try? valueOrErrno {
        buffer.withUnsafeMutableBytes { read(socket.rawValue, $0.baseAddress, $0.count) }
      }
      guard let got, got > 0 else { break }
      rest.append(contentsOf: buffer[..<got])
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        take(Array(rest[..<end]), notices)
        rest.removeFirst(end + 1)
      }
    }
  }

  private func take(_ line: [UInt8], _ notices: CarrierNotices) {
    guard let reply = try? CarrierReply(json: line) else { return }
    if let notice = reply.notice?.notice { notices.tell(notice) }
    state.update { state in
      if let existing = reply.existing { state.existing = existing }
      if let events = reply.events { state.events = events }
      if let leftovers = reply.leftovers { state.leftovers = leftovers.map(\.leftover) }
    }
  }
}
