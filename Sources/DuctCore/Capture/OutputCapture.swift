import Glibc
internal import Logging
internal import OutputRelay
internal import RecordText
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
    var reading: FileDescriptor
    var writing: FileDescriptor
    var file: FileDescriptor
  }

  private struct State: Sendable {
    var relay: pid_t?
    var relaysStarted = 0
    var isReadHere = false
  }

  /// Stream 0 is stdout, 1 is stderr; nil where a stream is not captured.
  private let streams: [Stream?]
  let status: RelayStatus
  private let wake: FileDescriptor
  private let program: FilePath
  private let children: ChildProcesses
  private let log: Logger
  private let state = Monitor(State())

  /// Makes the files and the pipes.
  ///
  /// - Throws: which file cannot be made, and why.
  init(
    paths: LogPaths, selection: StreamSelection, clobber: Bool, program: FilePath,
    children: ChildProcesses, log: Logger
  ) throws(CaptureFailure) {
    self.program = program
    self.children = children
    self.log = log
    var streams: [Stream?] = []
    let paths = [paths.stdout, paths.stderr]
    do throws(CaptureFailure) {
      for (index, path) in paths.enumerated() {
        streams.append(selection.includes(index) ? try Self.open(path, clobber: clobber) : nil)
      }
    } catch {
      for (stream, path) in zip(streams, paths) { Self.remove(stream, path) }
      throw error
    }
    self.streams = streams
    do throws(Errno) {
      status = try RelayStatus()
      wake = try FileDescriptor.event()
    } catch {
      for (stream, path) in zip(streams, paths) { Self.remove(stream, path) }
      throw CaptureFailure(message: "cannot set up the capture of output: \(error.description)")
    }
  }

  private static func open(_ path: String, clobber: Bool) throws(CaptureFailure) -> Stream {
    do throws(Errno) {
      let file = try FileDescriptor.opening(
        FilePath(escaped: path), .readWrite,
        options: clobber ? [.create, .truncate] : [.create, .exclusiveCreate])
      do throws(Errno) {
        let pipe = try FileDescriptor.closeOnExecPipe()
        pipe.write.setPipeSize(pipeSize)
        return Stream(reading: pipe.read, writing: pipe.write, file: file)
      } catch {
        file.closeQuietly()
        FilePath(escaped: path).withPlatformString { _ = unlink($0) }
        throw error
      }
    } catch {
      throw CaptureFailure(message: "cannot create \(path): \(error.description) (\(error.name))")
    }
  }

  private static func close(_ stream: Stream?) {
    stream?.reading.closeQuietly()
    stream?.writing.closeQuietly()
    stream?.file.closeQuietly()
  }

  /// Of a capture that did not come about nothing is left.
  private static func remove(_ stream: Stream?, _ path: String) {
    guard let stream else { return }
    close(stream)
    FilePath(escaped: path).withPlatformString { _ = unlink($0) }
  }

  func isCaptured(_ index: Int) -> Bool { streams[index] != nil }

  /// The command's end of a stream.
  func writingEnd(_ index: Int) -> FileDescriptor? { streams[index]?.writing }

  /// To read by position what has been captured.
  func file(_ index: Int) -> FileDescriptor? { streams[index]?.file }

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
      for stream in streams { Self.close(stream) }
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
      var relay = Program(path: program.bytes, arguments: [Array("duct-relay".utf8)])
      relay.descriptors = RelayPlacement.sources(
        pipes: streams.map { $0?.reading }, files: streams.map { $0?.file }, wake: wake,
        status: status, null: null)
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
      if isFirst {
        log.warning(
          "Cannot start \(program) (\(error.description)): duct reads the command's output itself, and it would end with duct"
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
    if hasEnded { return }
    log.warning(
      "The relay of the command's output has ended (\(describe(exit.cause))): going on in its place")
    startRelay()
  }

  private func describe(_ cause: ChildExit.Cause) -> String {
    switch cause {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal, _): "signal \(signalName(signal))"
    }
  }

  private func relayInThisProcess() -> Bool {
    do throws(Errno) {
      _ = try OwnThread("duct relay") { [streams, wake, status, log] in
        var loop = RelayLoop(
          pipes: streams.map { $0?.reading }, files: streams.map { $0?.file }, wake: wake,
          status: status)
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
  private var hasEnded: Bool {
    streams.indices.allSatisfy { streams[$0] == nil || status[$0].hasEnded && status[$0].waiting == 0 }
  }
}

/// Why output cannot be captured.
struct CaptureFailure: Error, Sendable {
  var message: String
}
