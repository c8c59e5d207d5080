internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// Access to the stores of one stream: reads by position, gives space back by range.
///
/// Positions count from the first byte in that store, not from the start of the stream.
public protocol OutputStoring: Sendable {
  /// Whether this store is available.
  func has(_ store: Int) -> Bool
  /// Reads at a position. Returns 0 or less if nothing can be read.
  func read(_ store: Int, _ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int
  /// Frees the disk blocks or the memory of a range. Never changes the log file.
  func giveBack(_ store: Int, _ range: Range<Int>)
}

extension OutputStoring {
  /// The first available store after `store`.
  public func next(after store: Int) -> Int? { (store + 1..<OutputStores.count).first(where: has) }
}

/// The stores of one stream: the log file, a file in the spool, a memory file.
///
/// The relay writes into the first store that is available. When that store fails, the relay continues in the
/// next one.
public struct OutputStores: OutputStoring {
  /// The number of stores that a stream can have.
  public static let count = 3

  public enum Kind: Int, Sendable {
    case log = 0
    case spool = 1
    case memory = 2
  }

  /// Indexed by `Kind`. Nil: this store is not available. Each file is open for reading and writing, and its file
  /// position is where the relay continues to write.
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

/// Reads a stream by stream offset, from the store that holds each byte.
public struct OutputReader: Sendable {
  public enum Piece: Sendable, Equatable {
    /// The buffer holds this many bytes.
    case bytes(Int)
    /// The relay dropped the bytes up to `end`, or their space was given back.
    case gap(end: Int)
    /// The relay dropped the bytes up to `end` and may drop more: the end still moves.
    case openGap(end: Int)
    /// No byte at this offset yet.
    case nothing
    /// The byte should be in the store but cannot be read, because someone truncated the file.
    case unreadable
  }

  private let index: Int
  private let stores: any OutputStoring
  private let status: RelayStatus

  /// - Parameter index: the number of the stream, 0 for stdout and 1 for stderr.
  public init(stream index: Int, stores: any OutputStoring, status: RelayStatus) {
    self.index = index
    self.stores = stores
    self.status = status
  }

  /// Reads from `offset` until the next gap, the end of the store, or the end of the buffer.
  public func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Piece {
    let written = status[index].written
    guard offset < written else { return .nothing }
    // The space was already given back. For a reader that is this late, it is the same as a gap.
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
    // Check for gaps again after the read. Relay and carrier mark a range as dropped or released before its bytes
    // disappear, so this check detects a range that disappeared during the read.
    if let gap = gap(at: offset) { return gap }
    // The relay may have moved the bytes to another store meanwhile.
    if starts != self.starts { return read(buffer, at: offset) }
    if offset < status.released(stream: index), isReleased(offset) {
      return .gap(end: status.released(stream: index))
    }
    let limit = nextMarked(after: offset).map { $0 - offset }
    let kept = min(got, limit ?? got)
    return kept > 0 ? .bytes(kept) : .unreadable
  }

  private var starts: [Int?] { (0..<OutputStores.count).map { status.start(of: $0, stream: index) } }

  /// Whether the space of this byte was given back. The log file keeps its bytes; only the other stores give
  /// space back.
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

  /// The end of the bytes that cannot be read from `offset` on: the next readable byte in the same store, or the
  /// end of the store.
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
      // Disks lose whole blocks, so the search tests one byte per block.
      next = min(next + StreamAccount.block - (next - start) % StreamAccount.block, end)
      if next < end, stores.read(store, probe, at: next - start) == 1 { break }
    }
    return max(next, min(offset + 1, end))
  }

  /// Gives back the space of the bytes before `offset`. The caller has recorded them as released. Does not change
  /// the log file.
  public func giveBack(upTo offset: Int) {
    for store in 1..<OutputStores.count {
      guard let start = status.start(of: store, stream: index), start < offset else { continue }
      stores.giveBack(store, 0..<offset - start)
    }
  }
}

/// The mark that stands in a log file in place of `count` dropped bytes.
public func gapMark(_ count: Int) -> [UInt8] {
  Array("\n[duct: \(count) bytes of output are missing here]\n".utf8)
}
