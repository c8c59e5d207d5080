internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// Where the bytes of a stream can be: in the log file itself, in a file of the spool, in memory. A
/// stream goes to the first of them that there is, and on to the next when that fails.
public struct OutputStores: Sendable {
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

  /// The first that there is behind `store`.
  func next(after store: Int) -> Int? { (store + 1..<Self.count).first { files[$0] != nil } }

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
  private let stores: OutputStores
  private let status: RelayStatus

  public init(stream index: Int, stores: OutputStores, status: RelayStatus) {
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
    if offset < released,
      (0..<OutputStores.count).contains(where: {
        $0 > 0 && (status.start(of: $0, stream: index) ?? .max) <= offset
      })
    {
      return .gap(end: released)
    }
    let starts = (0..<OutputStores.count).map { status.start(of: $0, stream: index) }
    guard let store = (0..<OutputStores.count).last(where: { (starts[$0] ?? .max) <= offset }),
      let file = stores.files[store], let start = starts[store]
    else { return gap(at: offset) ?? .unreadable }
    let end = starts[(store + 1)...].compactMap { $0 }.min() ?? written
    var count = min(buffer.count, min(end, written) - offset)
    if let next = status.gaps(stream: index).gaps.first(where: { $0.lowerBound > offset }) {
      count = min(count, next.lowerBound - offset)
    }
    let got =
      (try? valueOrErrno { pread(file.rawValue, buffer.baseAddress, count, offset - start) }) ?? 0
    // Asked after reading: a range is made a gap before its bytes are let go.
    let gaps = status.gaps(stream: index).gaps
    if gaps.contains(where: { $0.contains(offset) }) { return gap(at: offset) ?? .unreadable }
    let limit = gaps.first { $0.lowerBound > offset }.map { $0.lowerBound - offset }
    let kept = min(got, limit ?? got)
    return kept > 0 ? .bytes(kept) : .unreadable
  }

  private func gap(at offset: Int) -> Piece? {
    let (gaps, lastIsOpen) = status.gaps(stream: index)
    guard let number = gaps.firstIndex(where: { $0.contains(offset) }) else { return nil }
    let end = gaps[number].upperBound
    return lastIsOpen && number == gaps.count - 1 ? .openGap(end: end) : .gap(end: end)
  }

  /// Gives the blocks of what comes before `offset` back to the file system. The log file is not touched.
  public func giveBack(upTo offset: Int) {
    let starts = (0..<OutputStores.count).map { status.start(of: $0, stream: index) }
    for store in 1..<OutputStores.count {
      guard let file = stores.files[store], let start = starts[store], start < offset else { continue }
      _ = duct_punch_hole(file.rawValue, 0, UInt64(offset - start))
    }
  }
}

/// The mark that stands in a log file for bytes that were let go.
public func gapMark(_ count: Int) -> [UInt8] {
  Array("\n[duct: \(count) bytes of output are missing here]\n".utf8)
}
