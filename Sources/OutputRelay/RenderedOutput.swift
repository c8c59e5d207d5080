internal import SystemCalls

/// A stream in the form that its log file gets: a mark with the number of missing bytes replaces each gap.
///
/// Positions are those of the log file. They differ from stream offsets behind the first mark. For example, the
/// command printed 100 bytes, and bytes 30..<70 were dropped. The mark ("[duct: 40 bytes of output are missing
/// here]" with a line feed before and after it) has 45 bytes:
///
///     stream   0 ........ 30 ~~~~ dropped ~~~~ 70 ........ 100
///     log      0 ........ 30 [duct: 40 bytes ] 75 ........ 105
///
/// `position(of: 70)` is 75. `position(of: 50)` is 30, the start of the mark. `length` is 105. While the relay
/// still drops bytes, the size of the mark is not known, so `length` is 30.
public final class RenderedOutput: Sendable {
  /// Delivered bytes that the stores keep, so that a log file that somebody truncates or removes can be restored.
  public static let keptBytes = 64 << 20

  /// A mark and the bytes that it stands for.
  private struct Mark: Sendable {
    var missing: Range<Int>
    /// Nil for several marks and the bytes between them, of which only the ends are known (merged ranges).
    var text: [UInt8]?
    /// Where the mark begins and ends in the log file.
    var start: Int
    var end: Int
  }

  public let stream: Int
  private let reader: OutputReader
  private let status: RelayStatus
  private let wake: @Sendable () -> Void
  private let kept: Int

  /// - Parameters:
  ///   - wake: signals the relay's eventfd after a request.
  ///   - kept: bytes that the stores keep after they were delivered; `.max`: all.
  public init(
    stream: Int, stores: any OutputStoring, status: RelayStatus, kept: Int = RenderedOutput.keptBytes,
    wake: @escaping @Sendable () -> Void
  ) {
    self.stream = stream
    self.status = status
    self.wake = wake
    self.kept = kept
    reader = OutputReader(stream: stream, stores: stores, status: status)
  }

  /// All marks in order, and the offset at which the relay is dropping bytes, if it is.
  private func marks() -> (marks: [Mark], dropping: Int?) {
    let dropped = status.dropped(stream: stream)
    let unreadable = status.unreadable(stream: stream)
    func position(_ byte: Int) -> Int {
      max(byte + dropped.shift(before: byte) + unreadable.shift(before: byte), 0)
    }
    var unclear: [Range<Int>] = []
    for range in [dropped, unreadable].compactMap(\.merged?.range).sorted(by: {
      $0.lowerBound < $1.lowerBound
    }) {
      if let last = unclear.last, range.lowerBound < last.upperBound {
        unclear[unclear.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        unclear.append(range)
      }
    }
    // A range of one list can begin inside the merged range of the other list and end after it, so the loop below
    // only compares where ranges begin.
    let all = (dropped.closed + unreadable.closed).sorted { $0.range.lowerBound < $1.range.lowerBound }
    var marks = unclear.map { range in
      let start = position(range.lowerBound)
      return Mark(
        missing: range, text: nil, start: start, end: max(position(range.upperBound), start))
    }
    for item in all where !unclear.contains(where: { $0.contains(item.range.lowerBound) }) {
      let start = position(item.range.lowerBound)
      marks.append(
        Mark(missing: item.range, text: item.mark, start: start, end: start + item.mark.count))
    }
    return (marks.sorted { $0.start < $1.start }, dropped.open?.range.lowerBound)
  }

  /// The position of a stream offset in the log file. For a missing byte: the position of its mark.
  public func position(of byte: Int) -> Int {
    let marks = self.marks().marks
    guard let last = marks.last(where: { $0.missing.lowerBound <= byte }) else { return byte }
    if byte >= last.missing.upperBound { return last.end + byte - last.missing.upperBound }
    return last.text != nil ? last.start : min(last.start + byte - last.missing.lowerBound, last.end)
  }

  /// The stream offset at a position of the log file. For a position inside a mark: the first byte that the mark
  /// stands for.
  private func byte(at position: Int) -> Int {
    guard let last = self.marks().marks.last(where: { $0.start <= position }) else { return position }
    if position >= last.end { return last.missing.upperBound + position - last.end }
    if last.text != nil { return last.missing.lowerBound }
    return min(last.missing.lowerBound + position - last.start, last.missing.upperBound - 1)
  }

  /// The length that the log file can have at this moment.
  public var length: Int {
    let end = status.dropped(stream: stream).open?.range.lowerBound ?? status[stream].written
    return position(of: end)
  }

  public var hasEnded: Bool { status[stream].hasEnded && !status.isDropping(stream: stream) }

  /// No store holds the bytes before this position any longer.
  public var firstReadable: Int {
    let byte = givenBack
    return byte == 0 ? 0 : position(of: byte)
  }

  /// The next readable position after one that cannot be read.
  public func nextReadable(behind position: Int) -> Int {
    let byte = self.byte(at: position)
    return max(
      self.position(of: byte < givenBack ? givenBack : reader.endOfUnreadable(at: byte)), position + 1)
  }

  /// Claims all bytes up to a position: from then on the relay drops none of them.
  ///
  /// - Returns: the position up to which delivery may read.
  public func claim(upTo position: Int) -> Int {
    status.claim(upTo: min(byte(at: position), status[stream].written), stream: stream)
    return min(position, length)
  }

  /// The most bytes that a delivery turn should claim, so that the relay can still choose what to drop when space
  /// runs out.
  public var mostAtOnce: Int {
    let isInMemory = status.currentStore(stream: stream) == OutputStores.Kind.memory.rawValue
    let limit = isInMemory ? status.memoryLimit : status.spoolLimit ?? .max
    return min(max(limit / 4, 64 << 10), 64 << 20)
  }

  /// Reads the log file's bytes at a position. Returns 0 if nothing can be read there now. If the relay is still
  /// dropping bytes there, requests that it stop, so that the size of the mark becomes known.
  public func read(_ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
    let (marks, dropping) = self.marks()
    if let mark = marks.first(where: { $0.start <= position && position < $0.end }) {
      guard let text = mark.text else { return 0 }
      let part = text[(position - mark.start)...].prefix(buffer.count)
      part.withUnsafeBytes { buffer.copyMemory(from: $0) }
      return part.count
    }
    let byte = self.byte(at: position)
    if let dropping, byte >= dropping {
      status.requestStopDropping(stream: stream)
      wake()
      return 0
    }
    if byte < givenBack { return 0 }
    if case .bytes(let count) = reader.read(buffer, at: byte) { return count }
    return 0
  }

  /// Gives up bytes that cannot be read at a position, so that delivery can continue behind them. For the last
  /// turn, when no later turn could read them. A mark stands for them.
  ///
  /// If the marks around the position are merged, no mark can be added. Then the place of the bytes in the log
  /// file stays empty, and everything behind it keeps its position.
  ///
  /// - Returns: `missing`: stream bytes that are given up, 0 if nothing is wrong at the position. `skip`: bytes
  ///   of the log file that stay empty.
  public func giveUpUnreadable(at position: Int) -> (skip: Int, missing: Int) {
    let byte = self.byte(at: position)
    let marks = self.marks().marks
    if let unclear = marks.first(where: { $0.text == nil && $0.start <= position && position < $0.end }) {
      return (unclear.end - position, unclear.missing.upperBound - byte)
    }
    guard byte < status[stream].written, self.position(of: byte) == position else { return (0, 0) }
    var end = byte < givenBack ? givenBack : reader.endOfUnreadable(at: byte)
    // From here on the relay drops none of these bytes. Ranges that already have a mark are left out.
    status.claim(upTo: end, stream: stream)
    let open = status.dropped(stream: stream).open.map { [$0.range] } ?? []
    for range in self.marks().marks.map(\.missing) + open where range.upperBound > byte {
      end = min(end, max(range.lowerBound, byte))
    }
    guard end > byte else { return (0, 0) }
    if status.comesBeforeMerged(byte, stream: stream) { return (end - byte, end - byte) }
    // If there is no room for another mark, the next try finds room, after the earlier marks are proven.
    return status.noteUnreadable(byte..<end, stream: stream) ? (0, end - byte) : (0, 0)
  }

  /// No store holds the bytes of the stream before this offset any longer.
  private var givenBack: Int {
    guard status.hasLeftLog(stream: stream), let first = status.deliveryStart(stream: stream) else {
      return 0
    }
    let released = status.released(stream: stream)
    return released > first ? released : 0
  }

  /// The most bytes that a reader which has stopped reading (the echo) can hold back.
  private static let mostHeldBack = 1 << 30

  /// Records that the log file has everything up to `position` on stable storage, and gives back space in the
  /// stores, except for the `kept` bytes.
  public func prove(upTo position: Int) {
    let byte = self.byte(at: position)
    status.prove(upTo: byte, stream: stream)
    let release = max(min(byte - kept, status.needed(stream: stream)), byte - Self.mostHeldBack)
    let portion = min(1 << 20, kept)
    guard kept < .max, release > status.released(stream: stream) + portion,
      status.hasLeftLog(stream: stream)
    else { return }
    // Record the bytes as released first, then punch the hole, so that no reader takes its zeros for output.
    status.release(upTo: release, stream: stream)
    reader.giveBack(upTo: release)
  }
}
