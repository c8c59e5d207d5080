internal import SystemCalls

/// A stream as it is to stand in its log file: what was let go is replaced by a mark that says how much.
///
/// Positions here are those of the log file; with the first gap they part from those of the stream.
public final class RenderedOutput: Sendable {
  /// So many published bytes are kept in the stores: should somebody shorten or remove the log file, it can be made whole.
  public static let keptBytes = 64 << 20

  private struct Gap: Sendable {
    var lost: Range<Int>
    var mark: [UInt8]
    /// Where the mark begins in the log file.
    var start: Int
  }

  public let stream: Int
  private let reader: OutputReader
  private let status: RelayStatus
  private let wake: @Sendable () -> Void
  private let kept: Int

  /// - Parameters:
  ///   - wake: makes the relay look at what was asked of it.
  ///   - kept: bytes that are kept in the stores after they were published.
  public init(
    stream: Int, stores: OutputStores, status: RelayStatus, kept: Int = RenderedOutput.keptBytes,
    wake: @escaping @Sendable () -> Void
  ) {
    self.stream = stream
    self.status = status
    self.wake = wake
    self.kept = kept
    reader = OutputReader(stream: stream, stores: stores, status: status)
  }

  /// The closed gaps, with their marks.
  private func gaps() -> (closed: [Gap], open: RelayStatus.Gap?) {
    let (ranges, lastIsOpen) = status.gaps(stream: stream)
    var closed: [Gap] = []
    var shift = 0
    for range in lastIsOpen ? ranges.dropLast() : ranges[...] where !range.isEmpty {
      let mark = gapMark(range.count)
      closed.append(Gap(lost: range, mark: mark, start: range.lowerBound + shift))
      shift += mark.count - range.count
    }
    return (closed, lastIsOpen ? ranges.last : nil)
  }

  /// The position in the log file of a byte of the stream.
  public func position(of byte: Int) -> Int {
    var shift = 0
    for gap in gaps().closed where gap.lost.lowerBound < byte {
      shift += gap.mark.count - min(gap.lost.count, byte - gap.lost.lowerBound)
    }
    return byte + shift
  }

  /// How far the log file can be written now.
  public var length: Int {
    let (closed, open) = gaps()
    let end = open?.lowerBound ?? status[stream].written
    return end + closed.map { $0.mark.count - $0.lost.count }.reduce(0, +)
  }

  public var hasEnded: Bool { status[stream].hasEnded && gaps().open == nil }

  /// Bytes of the log file at a position. 0: nothing to be had there now.
  public func read(_ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
    let (closed, open) = gaps()
    var shift = 0
    for gap in closed {
      if position < gap.start { break }
      if position < gap.start + gap.mark.count {
        let part = gap.mark[(position - gap.start)...].prefix(buffer.count)
        part.withUnsafeBytes { buffer.copyMemory(from: $0) }
        return part.count
      }
      shift += gap.lost.count - gap.mark.count
    }
    let byte = position + shift
    if let open, byte >= open.lowerBound {
      status.requestGapClose(stream: stream)
      wake()
      return 0
    }
    if byte < givenBack { return 0 }
    if case .bytes(let count) = reader.read(buffer, at: byte) { return count }
    return 0
  }

  /// Bytes of the stream before this are in no store any more.
  private var givenBack: Int {
    guard status.hasLeftLog(stream: stream), let first = status.firstCarried(stream: stream) else { return 0 }
    let released = status.released(stream: stream)
    return released > first ? released : 0
  }

  /// A reader that stops reading holds back so many bytes at most.
  private static let mostHeldBack = 1 << 30

  /// So much of the log file is proven to be there: but for what is kept, the stores may let go of it.
  public func notePublished(_ position: Int) {
    var byte = position
    for gap in gaps().closed where gap.start < position {
      byte += gap.lost.count - min(gap.mark.count, position - gap.start)
    }
    status.notePublished(byte, stream: stream)
    let release = max(min(byte - kept, status.needed(stream: stream)), byte - Self.mostHeldBack)
    guard release > status.released(stream: stream) + (1 << 20), status.hasLeftLog(stream: stream) else {
      return
    }
    // First it counts as given back, then it goes: no reader takes a hole for output.
    status.release(upTo: release, stream: stream)
    reader.giveBack(upTo: release)
  }
}
