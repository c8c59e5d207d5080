import Glibc
internal import OutputRelay
internal import SystemCalls
internal import SystemPackage

/// Follows a captured stream as it grows, on a thread of its own. Where none can be had, `followHere` does
/// it in one go at the end.
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
  private let reader: OutputReader
  private let status: RelayStatus
  private let holdsBack: Bool
  private let sink: @Sendable (UnsafeRawBufferPointer) -> Bool
  private let atEnd: @Sendable () -> Void

  /// - Parameters:
  ///   - stores: read by position, so that they may be shared.
  ///   - holdsBack: what it has not read yet must be kept.
  ///   - sink: takes what has come; false ends the following.
  ///   - atEnd: called when the following has ended, on its thread.
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

  /// Follows on a thread of its own.
  func start(_ name: String) throws(Errno) {
    _ = try OwnThread(name) { [self] in followHere() }
  }

  /// Follows on the caller's thread, until the end.
  func followHere() {
    follow()
    atEnd()
    if holdsBack { status.noteNeeded(.max, stream: stream) }
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
        // Somebody has shortened the file: what is gone cannot be followed.
        if end != nil { return }
        status.waitForChange(from: sequence, until: .now + 1)
        continue
      }
      if holdsBack { status.noteNeeded(offset, stream: stream) }
    }
  }
}
