internal import DuctSettings
import Glibc
internal import Logging
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The captured streams of the command: pipes, the relay that reads them, and the files they go to.
///
/// duct keeps the reading ends and the files open beside the relay, so that it can put another relay,
/// or itself, in the place of one that died.
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

  /// Stream 0 is stdout, 1 is stderr; nil where a stream is not captured.
  private let streams: [Stream?]
  let status: RelayStatus
  let wake: FileDescriptor
  /// Its writing end is open in this process alone: the relay sees us end by it.
  private let life: (read: FileDescriptor, write: FileDescriptor)
  private let lock: FileDescriptor?
  private let folder: FilePath?
  private let programs: HelperPrograms
  private let children: ChildProcesses
  private let log: Logger
  private let state = Monitor(State())

  /// Makes the pipes.
  ///
  /// - Parameters:
  ///   - stores: where each stream goes to; nil where it is not captured.
  ///   - status: the page that duct and the relay share.
  ///   - lock: the lock of the run folder, which the relay holds too.
  ///   - folder: the run folder; the relay recovers the run from it if duct is killed. Nil where there is none.
  init(
    _ stores: [OutputStores?], status: RelayStatus, lock: FileDescriptor?, folder: FilePath?,
    wake: FileDescriptor, programs: HelperPrograms, children: ChildProcesses, log: Logger
  ) throws(CaptureFailure) {
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
      throw CaptureFailure(
        message: "cannot set up the capture of output: \(error.description) (\(error.name))")
    }
  }

  func isCaptured(_ index: Int) -> Bool { streams[index] != nil }

  /// The command's end of a stream.
  func writingEnd(_ index: Int) -> FileDescriptor? { streams[index]?.writing }

  /// To read by position what has been captured.
  func stores(_ index: Int) -> OutputStores? { streams[index]?.stores }

  /// After the command has started: only it, and what it starts, holds the writing ends.
  func closeWritingEnds() {
    for stream in streams { stream?.writing.closeQuietly() }
  }

  /// Gives everything up, before the command has started; the files are left, and empty.
  func abandon() {
    if let relay = state.update({ state in
      defer { state.relay = nil }
      return state.relay
    }) {
      children.end(relay)
    }
    // A thread in its place goes on waiting for these.
    if !state.withLock({ $0.isReadHere }) {
      for stream in streams {
        guard let stream else { continue }
        for end in stream.pipe.ends + [stream.writing] { end.closeQuietly() }
        stream.stores.closeAll()
      }
    }
  }

  // MARK: The relay

  /// Starts the relay, or reads the pipes on a thread of this process where that is impossible.
  ///
  /// - Returns: false if neither can be had: then nobody reads.
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

  /// What the main loop reaped may have been the relay. If it was killed, another takes its place.
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

  /// For a relay that outlives duct, where duct's file may not.
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

  /// Waits until all that the pipes hold now is in the files. False if the deadline passes first.
  func sync(until deadline: MonotonicInstant) -> Bool {
    let request = status.requestSync()
    wake.signalEvent()
    while true {
      let sequence = status.sequence
      if status.isSynced(request) || hasEnded { return true }
      if !status.waitForChange(from: sequence, until: deadline) { return false }
    }
  }

  /// Every pipe was at its end: there is nothing to wait for, and no relay either.
  var hasEnded: Bool { streams.indices.allSatisfy { streams[$0] == nil || status[$0].hasEnded } }
}

/// Why output cannot be captured.
struct CaptureFailure: Error, Sendable {
  var message: String
}
