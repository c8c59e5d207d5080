import Glibc
internal import OutputRelay
internal import SystemCalls
internal import SystemPackage

/// Follows a captured stream as it grows in its local file, on a thread of its own. Where none can be had,
/// `followHere` does it in one go at the end.
final class OutputFollower: Sendable {
  private static let largestRead = 256 << 10

  private struct State: Sendable {
    /// Where to stop, once it is known.
    var end: Int?
    var isCancelled = false
    var isDone = false
  }

  private let state = Monitor(State())
  let stream: Int
  private let file: FileDescriptor
  private let status: RelayStatus
  private let sink: @Sendable (UnsafeRawBufferPointer) -> Bool
  private let atEnd: @Sendable () -> Void

  /// - Parameters:
  ///   - file: open for reading; read by position, so that it may be shared.
  ///   - sink: takes what has come; false ends the following.
  ///   - atEnd: called when the following has ended, on its thread.
  init(
    stream: Int, file: FileDescriptor, status: RelayStatus,
    sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
    atEnd: @escaping @Sendable () -> Void = {}
  ) {
    self.stream = stream
    self.file = file
    self.status = status
    self.sink = sink
    self.atEnd = atEnd
  }

  /// Follows on a thread of its own.
  func start(_ name: String) throws(Errno) {
    _ = try OwnThread(name) { [self] in followHere() }
  }

  /// Follows on the caller's thread, until the end.
  func followHere() {
    follow()
    atEnd()
    state.update { $0.isDone = true }
  }

  /// The stream counts up to `end` bytes: following stops there.
  func finish(at end: Int) {
    state.update { $0.end = end }
    status.wakeAll()
  }

  func cancel() {
    state.update { $0.isCancelled = true }
    status.wakeAll()
  }

  /// Waits for its end. False if the deadline passes first.
  @discardableResult
  func wait(until deadline: MonotonicInstant?) -> Bool {
    state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  private func follow() {
    var offset = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.largestRead, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let sequence = status.sequence
      let (end, isCancelled) = state.withLock { ($0.end, $0.isCancelled) }
      if isCancelled { return }
      let limit = min(status[stream].written, end ?? .max)
      if offset < limit {
        let got = read(buffer, at: offset, atMost: limit - offset)
        if got > 0 {
          if !sink(UnsafeRawBufferPointer(rebasing: buffer[..<got])) { return }
          offset += got
          continue
        }
        // Somebody has shortened the file: what is gone cannot be followed.
        if end != nil { return }
        status.waitForChange(from: sequence, until: .now + 1)
        continue
      }
      if let end, offset >= end { return }
      status.waitForChange(from: sequence)
    }
  }

  private func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int, atMost count: Int) -> Int {
    let result = try? valueOrErrno {
      pread(file.rawValue, buffer.baseAddress, min(count, buffer.count), offset)
    }
    return result ?? 0
  }
}
