import Glibc
internal import OutputRelay
internal import SystemCalls
internal import SystemPackage

/// Follows a captured stream as it grows, on a thread of its own. If no thread can be started, `followHere` reads
/// the whole stream at the end.
final class OutputFollower: Sendable {
  private static let largestRead = 256 << 10

  private struct State: Sendable {
    /// The offset to stop at. Nil while not known.
    var end: Int?
    var isCancelled = false
    var isDone = false
  }

  private let state = Monitor(State())
  let stream: Int
  private let reader: OutputReader
  private let status: RelayStatus
  private let holdsBack: Bool
  private let sink: @Sendable (UnsafeRawBufferPointer) -> Bool
  private let atEnd: @Sendable () -> Void

  /// - Parameters:
  ///   - stores: read by position, so other readers may use them too.
  ///   - holdsBack: asks the relay and the carrier to keep bytes that this follower has not read.
  ///   - sink: receives the bytes. Returning false ends the following.
  ///   - atEnd: called at the end, on the thread that follows.
  init(
    stream: Int, stores: OutputStores, status: RelayStatus, holdsBack: Bool = false,
    sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
    atEnd: @escaping @Sendable () -> Void = {}
  ) {
    self.stream = stream
    self.status = status
    self.holdsBack = holdsBack
    self.sink = sink
    self.atEnd = atEnd
    reader = OutputReader(stream: stream, stores: stores, status: status)
    if holdsBack { status.noteNeeded(0, stream: stream) }
  }

  /// Starts to follow on a thread of its own.
  func start(_ name: String) throws(Errno) {
    _ = try OwnThread(name) { [self] in followHere() }
  }

  /// Follows on the caller's thread until the end.
  func followHere() {
    follow()
    atEnd()
    if holdsBack { status.noteNeeded(.max, stream: stream) }
    state.update { $0.isDone = true }
  }

  /// Reports that the stream has `end` bytes. The follower stops there.
  func finish(at end: Int) {
    state.update { $0.end = end }
    status.wakeAll()
  }

  func cancel() {
    state.update { $0.isCancelled = true }
    status.wakeAll()
  }

  /// Waits until the follower has stopped. False if the deadline passes first.
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
      if let end, offset >= end { return }
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, (end ?? .max) - offset)])
      switch reader.read(part, at: offset) {
      case .bytes(let count):
        if !sink(UnsafeRawBufferPointer(rebasing: part[..<count])) { return }
        offset += count
      case .gap(let next), .openGap(let next):
        let missing = next - offset
        if missing > 0, !gapMark(missing).withUnsafeBytes(sink) { return }
        offset = next
        if missing == 0 { status.waitForChange(from: sequence, until: .now + 1) }
      case .nothing:
        status.waitForChange(from: sequence)
        continue
      case .unreadable:
        // Someone has truncated the file. The missing bytes cannot be read.
        if end != nil { return }
        status.waitForChange(from: sequence, until: .now + 1)
        continue
      }
      if holdsBack { status.noteNeeded(offset, stream: stream) }
    }
  }
}
