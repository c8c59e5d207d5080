internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// The stores of a stream, read by position and given back in ranges. Positions are those of the store: it counts
/// from the byte at which it began.
public protocol OutputStoring: Sendable {
  /// Whether there is such a store.
  func has(_ store: Int) -> Bool
  /// Reads at a position; 0 or less where nothing can be read.
  func read(_ store: Int, _ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int
  /// Gives the blocks of a range back. The log file is never touched.
  func giveBack(_ store: Int, _ range: Range<Int>)
}

extension OutputStoring {
  /// The first that there is behind `store`.
  public func next(after store: Int) -> Int? { (store + 1..<OutputStores.count).first(where: has) }
}

/// Where the bytes of a stream can be: in the log file itself, in a file of the spool, in memory. A
/// stream goes to the first of them that there is, and on to the next when that fails.
public struct OutputStores: OutputStoring {
  /// How many there are.
  public static let count = 3

  public enum Kind: Int, Sendable {
    case log = 0
    case spool = 1
    case memory = 2
  }

  /// nil: not to be had. Each is open for reading and writing, at the position where to go on.
  public var files: [FileDescriptor?]

  public init(log: FileDescriptor?, spool: FileDescriptor?, memory: FileDescriptor?) {
    files = [log, spool, memory]
  }

  public subscript(kind: Kind) -> FileDescriptor? { files[kind.rawValue] }

  public func has(_ store: Int) -> Bool { files[store] != nil }

  public func read(_ store: Int, _ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
    guard let file = files[store] else { return 0 }
    return (try? valueOrErrno { pread(file.rawValue, buffer.baseAddress, buffer.count, position) }) ?? 0
  }

  public func giveBack(_ store: Int, _ range: Range<Int>) {
    guard store > 0, let file = files[store], !range.isEmpty else { return }
    _ = duct_punch_hole(file.rawValue, UInt64(range.lowerBound), UInt64(range.count))
  }

  public func closeAll() { for file in files { file?.closeQuietly() } }
}

/// Reads a stream by the position of its bytes, wherever they are.
public struct OutputReader: Sendable {
  public enum Piece: Sendable, Equatable {
    /// So many bytes are in the buffer.
    case bytes(Int)
    /// The byte at that position was let go, and all up to `end`.
    case gap(end: Int)
    /// It was let go, and how much with it is not known yet.
    case openGap(end: Int)
    /// Nothing yet.
    case nothing
    /// It should be there, and cannot be read: someone has cut the file.
    case unreadable
  }

  private let index: Int
  private let stores: any OutputStoring
  private let status: RelayStatus

  /// - Parameter index: of the stream.
  public init(stream index: Int, stores: any OutputStoring, status: RelayStatus) {
    self.index = index
    self.stores = stores
    self.status = status
  }

  /// Reads what is known at `offset`.
  public func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Piece {
    let written = status[index].written
    guard offset < written else { return .nothing }
    // Given back already: to a reader that is as late as that it is like a gap.
    let released = status.released(stream: index)
    if offset < released, isReleased(offset) { return .gap(end: released) }
    let starts = self.starts
    guard let store = (0..<OutputStores.count).last(where: { (starts[$0] ?? .max) <= offset }),
      stores.has(store), let start = starts[store]
    else { return gap(at: offset) ?? .unreadable }
    let end = starts[(store + 1)...].compactMap { $0 }.min() ?? written
    var count = min(buffer.count, min(end, written) - offset)
    if let next = nextMarked(after: offset) { count = min(count, next - offset) }
    let got = stores.read(
      store, UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset - start)
    // Asked after reading: a range is marked, or released, before its bytes go.
    if let gap = gap(at: offset) { return gap }
    if offset < status.released(stream: index), isReleased(offset) {
      return .gap(end: status.released(stream: index))
    }
    let limit = nextMarked(after: offset).map { $0 - offset }
    let kept = min(got, limit ?? got)
    return kept > 0 ? .bytes(kept) : .unreadable
  }

  private var starts: [Int?] { (0..<OutputStores.count).map { status.start(of: $0, stream: index) } }

  /// The log file keeps what it has; the other stores have let go of what is released.
  private func isReleased(_ offset: Int) -> Bool {
    (1..<OutputStores.count).contains { (status.start(of: $0, stream: index) ?? .max) <= offset }
  }

  private func nextMarked(after offset: Int) -> Int? {
    let dropped = status.dropped(stream: index).items.first { $0.range.lowerBound > offset }
    let unreadable = status.unreadable(stream: index).items.first { $0.range.lowerBound > offset }
    return [dropped, unreadable].compactMap { $0?.range.lowerBound }.min()
  }

  private func gap(at offset: Int) -> Piece? {
    if let lost = status.unreadable(stream: index).items.first(where: { $0.range.contains(offset) }) {
      return .gap(end: lost.range.upperBound)
    }
    let dropped = status.dropped(stream: index)
    guard let number = dropped.items.firstIndex(where: { $0.range.contains(offset) }) else { return nil }
    let end = dropped.items[number].range.upperBound
    return dropped.lastIsOpen && number == dropped.items.count - 1 ? .openGap(end: end) : .gap(end: end)
  }

  /// Where what cannot be read at `offset` ends: at the next byte of its store that can be, or at the store's end.
  public func endOfUnreadable(at offset: Int) -> Int {
    let starts = self.starts
    let written = status[index].written
    guard let store = (0..<OutputStores.count).last(where: { (starts[$0] ?? .max) <= offset }),
      let start = starts[store]
    else { return starts.compactMap { $0 }.filter { $0 > offset }.min() ?? written }
    let end = min(
      starts[(store + 1)...].compactMap { $0 }.min() ?? written, nextMarked(after: offset) ?? .max, written)
    guard stores.has(store) else { return end }
    var next = offset
    let probe = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    defer { probe.deallocate() }
    while next < end {
      // Disks lose whole blocks.
      next = min(next + StreamAccount.block - (next - start) % StreamAccount.block, end)
      if next < end, stores.read(store, probe, at: next - start) == 1 { break }
    }
    return max(next, min(offset + 1, end))
  }

  /// Gives back what comes before `offset`, which is released. The log file is not touched.
  public func giveBack(upTo offset: Int) {
    for store in 1..<OutputStores.count {
      guard let start = status.start(of: store, stream: index), start < offset else { continue }
      stores.giveBack(store, 0..<offset - start)
    }
  }
}

/// The mark that stands in a log file for bytes that were let go.
public func gapMark(_ count: Int) -> [UInt8] {
  Array("\n[duct: \(count) bytes of output are missing here]\n".utf8)
}
