internal import SystemCalls

/// A stream as it is to stand in its log file: what is missing is replaced by a mark that says how much.
///
/// Positions here are those of the log file; with the first mark they part from those of the stream.
public final class RenderedOutput: Sendable {
  /// So many delivered bytes are kept in the stores: should somebody shorten or remove the log file, it can be made whole.
  public static let keptBytes = 64 << 20

  /// A mark, and what it stands for.
  private struct Mark: Sendable {
    var missing: Range<Int>
    /// Nil for several marks and what lies between them, of which only the ends are known any more.
    var text: [UInt8]?
    /// Where it begins and ends in the log file.
    var start: Int
    var end: Int
  }

  public let stream: Int
  private let reader: OutputReader
  private let status: RelayStatus
  private let wake: @Sendable () -> Void
  private let kept: Int

  /// - Parameters:
  ///   - wake: makes the relay look at what was asked of it.
  ///   - kept: bytes that are kept in the stores after they were delivered.
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

  /// Everything that has a mark, in order, and where what is being dropped begins.
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
    // One of the other list may reach over its end.
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

  /// The position in the log file of a byte of the stream. Of a byte that is missing: that of its mark.
  public func position(of byte: Int) -> Int {
    let marks = self.marks().marks
    guard let last = marks.last(where: { $0.missing.lowerBound <= byte }) else { return byte }
    if byte >= last.missing.upperBound { return last.end + byte - last.missing.upperBound }
    return last.text != nil ? last.start : min(last.start + byte - last.missing.lowerBound, last.end)
  }

  /// The byte of the stream at a position. Of a position in a mark: the first that is missing there.
  private func byte(at position: Int) -> Int {
    guard let last = self.marks().marks.last(where: { $0.start <= position }) else { return position }
    if position >= last.end { return last.missing.upperBound + position - last.end }
    if last.text != nil { return last.missing.lowerBound }
    return min(last.missing.lowerBound + position - last.start, last.missing.upperBound - 1)
  }

  /// How far the log file can be written now.
  public var length: Int {
    let end = status.dropped(stream: stream).open?.range.lowerBound ?? status[stream].written
    return position(of: end)
  }

  public var hasEnded: Bool { status[stream].hasEnded && !status.isDropping(stream: stream) }

  /// Bytes before this position are in no store any more.
  public var firstReadable: Int {
    let byte = givenBack
    return byte == 0 ? 0 : position(of: byte)
  }

  /// Where it can be read again, behind a position at which it cannot.
  public func nextReadable(behind position: Int) -> Int {
    let byte = self.byte(at: position)
    return max(
      self.position(of: byte < givenBack ? givenBack : reader.endOfUnreadable(at: byte)), position + 1)
  }

  /// Delivery is about to read up to a position: nothing before it is dropped from now on.
  ///
  /// - Returns: how far it may read.
  public func claim(upTo position: Int) -> Int {
    status.claim(upTo: min(byte(at: position), status[stream].written), stream: stream)
    return min(position, length)
  }

  /// Delivery should begin with no more than this at a time, so that there is something left to choose from when
  /// space runs out.
  public var mostAtOnce: Int {
    let isInMemory = status.currentStore(stream: stream) == OutputStores.Kind.memory.rawValue
    let limit = isInMemory ? status.memoryLimit : status.spoolLimit ?? .max
    return min(max(limit / 4, 64 << 10), 64 << 20)
  }

  /// Bytes of the log file at a position. 0: nothing to be had there now.
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

  /// What cannot be read at a position is given up: a mark stands for it. For the end, when nothing else would
  /// ever come.
  ///
  /// Its place stays empty where the marks around it are not known any more: then what lies behind keeps its place.
  ///
  /// - Returns: how many bytes of the stream that are, 0 if nothing is wrong there; and how many bytes of the log file
  ///   stay empty.
  public func giveUpUnreadable(at position: Int) -> (skip: Int, missing: Int) {
    let byte = self.byte(at: position)
    let marks = self.marks().marks
    if let unclear = marks.first(where: { $0.text == nil && $0.start <= position && position < $0.end }) {
      return (unclear.end - position, unclear.missing.upperBound - byte)
    }
    guard byte < status[stream].written, self.position(of: byte) == position else { return (0, 0) }
    var end = byte < givenBack ? givenBack : reader.endOfUnreadable(at: byte)
    // From here on the relay drops nothing of it. What has a mark of its own stays out of it.
    status.claim(upTo: end, stream: stream)
    let open = status.dropped(stream: stream).open.map { [$0.range] } ?? []
    for range in self.marks().marks.map(\.missing) + open where range.upperBound > byte {
      end = min(end, max(range.lowerBound, byte))
    }
    guard end > byte else { return (0, 0) }
    if status.comesBeforeMerged(byte, stream: stream) { return (end - byte, end - byte) }
    // Without room for another mark before the others are delivered the next try has it.
    return status.noteUnreadable(byte..<end, stream: stream) ? (0, end - byte) : (0, 0)
  }

  /// Bytes of the stream before this are in no store any more.
  private var givenBack: Int {
    guard status.hasLeftLog(stream: stream), let first = status.deliveryStart(stream: stream) else {
      return 0
    }
    let released = status.released(stream: stream)
    return released > first ? released : 0
  }

  /// A reader that stops reading holds back so many bytes at most.
  private static let mostHeldBack = 1 << 30

  /// So much of the log file is proven to be there: but for what is kept, the stores may let go of it.
  public func prove(upTo position: Int) {
    let byte = self.byte(at: position)
    status.prove(upTo: byte, stream: stream)
    let release = max(min(byte - kept, status.needed(stream: stream)), byte - Self.mostHeldBack)
    let portion = min(1 << 20, kept)
    guard release > status.released(stream: stream) + portion, status.hasLeftLog(stream: stream) else {
      return
    }
    // First it counts as given back, then it goes: no reader takes a hole for output.
    status.release(upTo: release, stream: stream)
    reader.giveBack(upTo: release)
  }
}
