internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// Reads a page that an earlier run has left: the copy in its spool folder. The file may be damaged, so it may
/// contain any values.
extension RelayStatus {
  /// Reads a copy of the page. Its numbers may have any value: check them with `isPlausible`.
  ///
  /// - Throws: EINVAL if the file is not a copy of the page.
  public convenience init(left copy: FileDescriptor) throws(Errno) {
    var information = stat()
    try valueOrErrno { fstat(copy.rawValue, &information) }
    guard information.st_mode & S_IFMT == S_IFREG, information.st_size == Self.size else {
      throw .invalidArgument
    }
    try self.init(mapping: Self.memory(), copy: copy)
    let got = try valueOrErrno { pread(copy.rawValue, page, Self.size, 0) }
    guard got == Self.size, page.pointee.version == Self.version else { throw .invalidArgument }
  }

  /// A page in memory with the same numbers, and without a copy on a disk.
  public convenience init(copying other: RelayStatus) throws(Errno) {
    try self.init(mapping: Self.memory(), copy: nil)
    page.pointee = other.page.pointee
  }

  /// The page as its copy contains it.
  public var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: page, count: Self.size)) }

  /// Whether the numbers of one stream are possible; a damaged file may contain any values. Check this before any
  /// other use of the stream's fields.
  public func isPlausible(stream index: Int) -> Bool {
    let stream = streamPointer(index).pointee
    let most = UInt64(Self.mostBytes)
    let offsets = [stream.written, stream.claimed, stream.proven, stream.released]
    let starts = withUnsafeBytes(of: stream.starts) { Array($0.bindMemory(to: UInt64.self)) }
    guard offsets.allSatisfy({ $0 <= most }), starts.allSatisfy({ $0 <= most || $0 == .max }) else {
      return false
    }
    return [RangeList.dropped, .unreadable].allSatisfy {
      isPlausible($0, stream: index)
    }
  }

  /// Whether no more bytes were delivered or given back than the command printed. Ask after `written` is known
  /// (see `noteAbandoned`).
  public func isInOrder(stream index: Int) -> Bool {
    let written = self[index].written
    let ends = (dropped(stream: index).items + unreadable(stream: index).items).map(\.range.upperBound)
    let starts = (0..<OutputStores.count).compactMap { start(of: $0, stream: index) }
    return ([proven(stream: index), released(stream: index)] + ends + starts).allSatisfy { $0 <= written }
  }

  /// Bytes of a stream that wait in memory. They are lost when the last process of the run ends.
  public func bytesInMemory(stream index: Int) -> Int { StreamAccount(self, index).waiting(in: .memory) }

  /// Bytes of a stream that were in memory when the last process of the run ended. Ask after `noteAbandoned`.
  public func bytesLostWithMemory(stream index: Int) -> Int {
    guard let start = start(of: OutputStores.Kind.memory.rawValue, stream: index) else { return 0 }
    let part = start..<max(start, self[index].written)
    return dropped(stream: index).items.reduce(0) { $0 + $1.range.clamped(to: part).count }
  }

  /// Records that no relay is left, so that the store in use holds all that exists of the stream. Sets `written`
  /// from the size of that store and ends the stream.
  ///
  /// - Parameter sizes: bytes of each store's file; nil if it cannot be read. The contents of a memory file were
  ///   lost with the processes, so they count as dropped.
  public func noteAbandoned(stream index: Int, sizes: [Int?]) {
    if self[index].hasEnded, currentStore(stream: index) != OutputStores.Kind.memory.rawValue { return }
    if let store = currentStore(stream: index), let start = start(of: store, stream: index) {
      if let size = sizes[store], size <= Self.mostBytes - start {
        noteWritten(max(self[index].written, start + size), stream: index)
      } else if store == OutputStores.Kind.memory.rawValue, self[index].written > start {
        // Bytes that already have a mark get no second one.
        let marked = (dropped(stream: index).items + unreadable(stream: index).items).map(\.range.upperBound)
        let first = max(start, proven(stream: index), marked.max() ?? 0)
        if isDropping(stream: index) {
          extendDropped(to: self[index].written, stream: index)
        } else if first < self[index].written {
          _ = startDropping(first..<self[index].written, stream: index)
        }
      }
    }
    stopDropping(stream: index)
    noteEnd(stream: index)
  }
}
