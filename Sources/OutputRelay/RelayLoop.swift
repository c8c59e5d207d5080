internal import SystemCalls
public import SystemPackage

/// Keeps the pipes of a command read until their end, whatever becomes of duct.
///
/// The same loop runs in `duct-relay` and, when that cannot be run, on a thread of duct.
public struct RelayLoop {
  private var streams: [RelayStream]
  private let status: RelayStatus
  private let wake: FileDescriptor

  /// - Parameters:
  ///   - pipes: reading ends; nil where a stream is not captured.
  ///   - files: the local files, in the same order, at the position to go on from.
  ///   - wake: an eventfd that duct signals after `RelayStatus.requestSync()`.
  public init(
    pipes: [FileDescriptor?], files: [FileDescriptor?], wake: FileDescriptor, status: RelayStatus
  ) {
    self.status = status
    self.wake = wake
    streams = zip(pipes, files).enumerated().compactMap { index, stream in
      guard let pipe = stream.0, let file = stream.1 else { return nil }
      return RelayStream(index: index, pipe: pipe, file: file, status: status)
    }
  }

  /// Returns once every pipe is at its end and all its bytes are in the file.
  ///
  /// - Parameter shouldStop: asked after each wake-up; true leaves at once.
  public mutating func run(shouldStop: () -> Bool = { false }) throws(Errno) {
    while !streams.allSatisfy(\.isDone) {
      let pipes = streams.map { $0.hasEnded ? nil : $0.pipe }
      let ready = try poll(reading: pipes + [wake], until: streams.compactMap(\.nextTry).min())
      if shouldStop() { return }
      for index in streams.indices {
        if ready[index].isReadable { _ = streams[index].move() }
        if let nextTry = streams[index].nextTry, nextTry <= .now { streams[index].retry() }
      }
      if ready[streams.count].isReadable { wake.clearEvent() }
      if let request = status.waitingSync { sync(request) }
    }
    if let request = status.waitingSync { status.noteSynced(request) }
  }

  /// Moves what the pipes hold now. What arrives meanwhile is for later: a daemon may never stop.
  private mutating func sync(_ request: UInt32) {
    for index in streams.indices {
      var left = streams[index].pipe.bytesReadable ?? 0
      while left > 0 {
        let moved = streams[index].move(atMost: left)
        if moved == 0 { break }
        left -= moved
      }
      streams[index].retry()
    }
    status.noteSynced(request)
  }
}
