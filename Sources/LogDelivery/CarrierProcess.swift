public import DuctRecords
import Glibc
internal import Logging
internal import RecordText
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// duct's side of the process that carries its files to a remote log directory. Should that be killed,
/// another takes its place.
public final class CarrierProcess: LogCarrier {
  private static let mostStarts = 5
  /// Seconds from the end of one to the start of the next.
  private static let pause = 1.0

  private struct State: Sendable {
    var socket: FileDescriptor
    var starts = 1
    /// What the first ones have told of failures.
    var earlierEvents: [IOEvent] = []
    /// The latest, for a successor.
    var info: [UInt8]?
    var existing: [String]?
    var events: [IOEvent] = []
    var leftovers: [Deliverer.Leftover]?
    var hasEnded = false
    /// The last command: `finish` or `discard`.
    var ending: CarrierCommand?
  }

  private let state: Monitor<State>
  private let sending = Monitor(())
  /// Starts a process; true: in the place of one that had begun. Returns our end of its socket.
  private let start: @Sendable (Bool) throws(Errno) -> FileDescriptor
  private let paths: LogPaths
  private let log: Logger

  /// Starts it.
  ///
  /// - Parameter program: duct itself.
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
        // It stays known: it is none of the command's processes.
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

  /// Has the log directory prepared.
  ///
  /// - Returns: records that exist and were not to be replaced; nil if there was no answer in time.
  public func prepare(replacing: Bool, until deadline: MonotonicInstant) -> [String]? {
    if replacing { send(.replacePrepared, deadline.message) } else { send(.prepare) }
    return state.wait(until: deadline) { state -> [String]?? in
      if let existing = state.existing { return .some(existing) }
      return state.hasEnded ? .some(nil) : nil
    } ?? nil
  }

  // MARK: Carrying

  public func deliverStream(_ index: Int) { send(index == 0 ? .stdoutHasGrown : .stderrHasGrown) }
  /// Does nothing: where this process delivers, the relay writes no log files.
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
      answer == nil ? "the log directory does not answer" : "the process that carries files there has ended"
    // Nothing is known for certain but that it is all in the spool.
    return paths.all.map { .init(path: FilePath(escaped: $0), bytes: 0, failure: reason) }
  }

  /// Writes to a process that always reads, or is gone. A run's threads for records alone come here.
  private func send(_ command: CarrierCommand, _ payload: [UInt8] = []) {
    sending.update { _ in
      guard let socket = state.withLock({ $0.hasEnded ? nil : $0.socket }) else { return }
      try? socket.writeAll(command.message(payload))
    }
  }

  // MARK: A successor

  /// The process has ended. Starts another, which is told all that the first one was; false if it was done, or
  /// none can be had.
  private func goOn() -> Bool {
    let (isDone, starts) = state.withLock { ($0.leftovers != nil || $0.ending == .discard, $0.starts) }
    if !isDone {
      log.warning(
        "The process that carries files to the log directory has ended: \(starts < Self.mostStarts ? "starting another" : "the rest stays in the spool until `con-duct recover`")"
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
        // What still fails is told again by the successor.
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

  /// Until the process ends.
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
    guard let value = try? JSONParser.parse(line),
      let reply = try? RecordDecoder().decode(CarrierReply.self, from: value)
    else { return }
    if let notice = reply.notice { notices.tell(notice) }
    state.update { state in
      if let existing = reply.existing { state.existing = existing }
      if let events = reply.events { state.events = events }
      if let leftovers = reply.leftovers { state.leftovers = leftovers.map(\.leftover) }
    }
  }
}
