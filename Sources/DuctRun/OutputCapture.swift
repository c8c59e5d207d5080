internal import DuctSettings
import Glibc
internal import Logging
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The captured streams of the command: the pipes, the relay that reads them, and the stores that it writes to.
///
/// duct keeps the reading ends and the stores open too. If the relay dies, duct can start another one or read the
/// pipes itself.
final class OutputCapture: Sendable {
  static let pipeSize = 1 << 20
  private static let mostRelays = 3

  private struct Stream: Sendable {
    var pipe: CommandPipe
    var writing: FileDescriptor
    var stores: OutputStores
  }

  private struct State: Sendable {
    var relay: pid_t?
    var relaysStarted = 0
    var isReadHere = false
  }

  /// Stream 0 is stdout, 1 is stderr. Nil: the stream is not captured.
  private let streams: [Stream?]
  let status: RelayStatus
  let wake: FileDescriptor
  /// A pipe. Only this process has the writing end open, so the relay sees end of file when duct ends.
  private let life: (read: FileDescriptor, write: FileDescriptor)
  private let lock: FileDescriptor?
  private let folder: FilePath?
  private let programs: HelperPrograms
  private let children: ChildProcesses
  private let log: Logger
  private let state = Monitor(State())

  /// Creates the pipes.
  ///
  /// - Parameters:
  ///   - stores: the stores of stdout and stderr; nil if a stream is not captured.
  ///   - status: the page that duct and the relay share.
  ///   - lock: the lock of the run folder. The relay holds it too.
  ///   - folder: the run folder, from which the relay recovers the run if duct is killed; nil if there is none.
  init(
    _ stores: [OutputStores?], status: RelayStatus, lock: FileDescriptor?, folder: FilePath?,
    wake: FileDescriptor, programs: HelperPrograms, children: ChildProcesses, log: Logger
  ) throws(Problem) {
    self.programs = programs
    self.children = children
    self.log = log
    self.wake = wake
    self.status = status
    self.lock = lock
    self.folder = folder
    var opened: [FileDescriptor] = []
    do throws(Errno) {
      life = try FileDescriptor.closeOnExecPipe()
      opened += [life.read, life.write]
      var streams: [Stream?] = []
      for stores in stores {
        guard let stores else {
          streams.append(nil)
          continue
        }
        let (pipe, writing) = try CommandPipe.make(size: Self.pipeSize)
        opened += pipe.ends + [writing]
        streams.append(Stream(pipe: pipe, writing: writing, stores: stores))
      }
      self.streams = streams
    } catch {
      for descriptor in opened { descriptor.closeQuietly() }
      throw Problem(
        "cannot set up the capture of output: \(error.description) (\(error.name))")
    }
  }

  func isCaptured(_ index: Int) -> Bool { streams[index] != nil }

  /// The end of the pipe that the command writes to.
  func writingEnd(_ index: Int) -> FileDescriptor? { streams[index]?.writing }

  /// The stores of a stream, to read by position.
  func stores(_ index: Int) -> OutputStores? { streams[index]?.stores }

  /// Closes the writing ends in this process. Call it when the command has started: then only the command and the
  /// processes that it starts hold them.
  func closeWritingEnds() {
    for stream in streams { stream?.writing.closeQuietly() }
  }

  /// Ends the relay and closes the pipes and the stores. Only for a command that has not started. The files stay;
  /// they are empty.
  func abandon() {
    if let relay = state.update({ state in
      defer { state.relay = nil }
      return state.relay
    }) {
      children.end(relay)
    }
    // If a thread of this process relays, it keeps waiting for these descriptors, so they stay open.
    if !state.withLock({ $0.isReadHere }) {
      for stream in streams {
        guard let stream else { continue }
        for end in stream.pipe.ends + [stream.writing] { end.closeQuietly() }
        stream.stores.closeAll()
      }
    }
  }

  // MARK: The relay

  /// Starts the relay. If that is impossible, reads the pipes on a thread of this process.
  ///
  /// - Returns: false if neither is possible, so that no process reads the pipes.
  @discardableResult
  func startRelay() -> Bool {
    let isFirst = state.withLock { $0.relaysStarted == 0 }
    do throws(Errno) {
      guard state.withLock({ $0.relaysStarted < Self.mostRelays }) else { throw Errno(rawValue: EAGAIN) }
      let null = try FileDescriptor.opening("/dev/null", .readWrite)
      defer { null.closeQuietly() }
      var relay = Program(path: programs.relay.bytes, arguments: [Array("duct-relay".utf8)])
      if let folder { relay.arguments += [programs.duct.bytes, folder.bytes] }
      relay.descriptors = RelayPlacement.sources(parts, null: null)
      relay.closesOthers = true
      relay.startsSession = true
      let pid = try children.start(relay)
      state.update {
        $0.relay = pid
        $0.relaysStarted += 1
      }
      if !isFirst { log.debug("Started another relay, pid \(pid)") }
      return true
    } catch {
      if hasEnded {
        log.debug(
          "Cannot start \(programs.relay) (\(error.description)): nobody looks after the records of a killed duct"
        )
        return true
      }
      if isFirst {
        log.warning(
          "Cannot start \(programs.relay) (\(error.description)): duct reads the command's output itself, and it would end with duct"
        )
      }
      return relayInThisProcess()
    }
  }

  /// Handles the end of a child that the main loop has reaped. If it was the relay, starts another one.
  func noteEnd(of exit: ChildExit) {
    let wasRelay = state.update { state -> Bool in
      guard state.relay == exit.pid else { return false }
      state.relay = nil
      return true
    }
    guard wasRelay else { return }
    children.forget(exit.pid)
    if !hasEnded {
      log.warning(
        "The relay of the command's output has ended (\(describe(exit.cause))): going on in its place")
    }
    startRelay()
  }

  private func describe(_ cause: ChildExit.Cause) -> String {
    switch cause {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal, _): "signal \(signalName(signal))"
    }
  }

  private var parts: RelayPlacement.Parts {
    RelayPlacement.Parts(
      pipes: streams.map { $0?.pipe }, stores: streams.map { $0?.stores }, wake: wake, status: status,
      life: life.read, lock: lock, program: ownProgram)
  }

  /// duct's executable, which the relay needs to start `recover` after duct has ended. Nil unless duct runs from a
  /// copy in memory, which disappears with duct.
  private var ownProgram: FileDescriptor? {
    OwnProgram.isCopy ? try? FileDescriptor.opening("/proc/self/exe", .readOnly) : nil
  }

  private func relayInThisProcess() -> Bool {
    do throws(Errno) {
      let parts = self.parts
      _ = try OwnThread("duct relay") { [log] in
        var loop = RelayLoop(
          pipes: parts.pipes, stores: parts.stores, wake: parts.wake, status: parts.status)
        do throws(Errno) { try loop.run() } catch {
          log.error("Cannot read the command's output any more: \(error.description) (\(error.name))")
        }
      }
      state.update { $0.isReadHere = true }
      return true
    } catch {
      log.error("Cannot start a thread to read the command's output: \(error.description)")
      return false
    }
  }

  /// Waits until the relay has written all that the pipes contain now. False if the deadline passes first.
  func sync(until deadline: MonotonicInstant) -> Bool {
    let request = status.requestSync()
    wake.signalEvent()
    while true {
      let sequence = status.sequence
      if status.isSynced(request) || hasEnded { return true }
      if !status.waitForChange(from: sequence, until: deadline) { return false }
    }
  }

  /// Whether every captured stream has ended. Then nothing is left to read, and the relay serves no more requests.
  var hasEnded: Bool { streams.indices.allSatisfy { streams[$0] == nil || status[$0].hasEnded } }
}
