internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// The page that a run has left: the copy in its spool. A damaged file holds anything.
extension RelayStatus {
  /// Its numbers may be anything: see `isPlausible`.
  ///
  /// - Throws: EINVAL for a file that is no such page.
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

  /// Whether what a page that a run has left says of a stream can be: a damaged file holds anything. Nothing else is
  /// asked of a page of which this is not known.
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

  /// Whether no more was delivered or given back than was printed. To be asked when `written` is known.
  public func isInOrder(stream index: Int) -> Bool {
    let written = self[index].written
    let ends = (dropped(stream: index).items + unreadable(stream: index).items).map(\.range.upperBound)
    let starts = (0..<OutputStores.count).compactMap { start(of: $0, stream: index) }
    return ([proven(stream: index), released(stream: index)] + ends + starts).allSatisfy { $0 <= written }
  }

  /// No relay is left: what the store in use holds is all that there is of a stream.
  ///
  /// - Parameter sizes: bytes of each store's file, nil where it cannot be read. What was in memory went with the
  ///   processes: it counts as dropped.
  public func noteAbandoned(stream index: Int, sizes: [Int?]) {
    if self[index].hasEnded, currentStore(stream: index) != OutputStores.Kind.memory.rawValue { return }
    if let store = currentStore(stream: index), let start = start(of: store, stream: index) {
      if let size = sizes[store], size <= Self.mostBytes - start {
        noteWritten(max(self[index].written, start + size), stream: index)
      } else if store == OutputStores.Kind.memory.rawValue, self[index].written > start {
        // What has a mark already has no second one.
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
