import Glibc
internal import SystemCalls
internal import SystemPackage

/// What the relay does when the spool's disk has room again: it moves the bytes that went to memory meanwhile into the
/// spool file, and continues there. Bytes in memory would end with duct, and are limited to 64 MiB.
///
///     spool   0 ......... 100                        full at 100
///     memory              100 ......... 180
///
///     spool   0 ......... 100 ......... 180 ...      all bytes at the positions that they would have had
extension RelayStream {
  /// Bytes that must stay free beyond what is moved, so that the disk is not full again at once.
  private static let roomBesides = 4 << 20

  var isInMemory: Bool { keeper.store == OutputStores.Kind.memory.rawValue }

  /// Moves everything from memory to the spool, or nothing. Waits for the spool's disk only. A disk that failed otherwise
  /// than for lack of room is not trusted again.
  ///
  /// - Parameter isLast: the streams have ended, so the disk needs room for nothing more.
  mutating func returnToSpool(isLast: Bool = false) {
    guard isInMemory, [.noSpace, .diskQuotaExceeded].contains(status[index].error),
      let spool = stores[.spool], let memory = stores[.memory],
      let first = status.start(of: OutputStores.Kind.spool.rawValue, stream: index),
      let moved = keeper.account.range(of: .memory),
      Self.hasRoom(spool, for: keeper.account.held(in: .memory) + (isLast ? 0 : Self.roomBesides))
    else { return }
    do throws(Errno) {
      try copy(moved, to: spool, first)
      // Behind a range that was dropped, nothing has been written.
      try valueOrErrno { ftruncate(spool.rawValue, off_t(moved.upperBound - first)) }
      try valueOrErrno { lseek(spool.rawValue, off_t(moved.upperBound - first), SEEK_SET) }
    } catch {
      // The bytes are in memory, as before.
      stores.giveBack(OutputStores.Kind.spool.rawValue, moved.lowerBound - first..<moved.upperBound - first)
      return
    }
    // From here on, every reader takes the bytes from the spool.
    keeper.leaveMemory()
    _ = ftruncate(memory.rawValue, 0)
    _ = lseek(memory.rawValue, 0, SEEK_SET)
  }

  /// Writes the bytes that memory holds to their positions in the spool file.
  ///
  /// - Parameter first: the stream offset of the first byte in the spool file.
  private func copy(_ range: Range<Int>, to spool: FileDescriptor, _ first: Int) throws(Errno) {
    let reader = OutputReader(stream: index, stores: stores, status: status)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = range.lowerBound
    while offset < range.upperBound {
      switch buffer.withUnsafeMutableBytes({ reader.read($0, at: offset) }) {
      case .bytes(let count):
        let taken = min(count, range.upperBound - offset)
        try valueOrErrno { lseek(spool.rawValue, off_t(offset - first), SEEK_SET) }
        try spool.writeAll(Array(buffer[..<taken]))
        offset += taken
      case .gap(let end), .openGap(let end): offset = max(end, offset + 1)
      case .nothing, .unreadable: throw .ioError
      }
    }
  }

  private static func hasRoom(_ file: FileDescriptor, for bytes: Int) -> Bool {
    var information = statvfs()
    guard fstatvfs(file.rawValue, &information) == 0 else { return false }
    let blocks = UInt(bytes) / max(information.f_frsize, 1) + 1
    return information.f_bavail >= blocks + RelayLoop.reserved(information)
  }
}
