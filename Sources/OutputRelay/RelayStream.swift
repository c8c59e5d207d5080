internal import CSystemCalls
import Glibc
internal import SystemCalls
internal import SystemPackage

/// Moves the bytes of one pipe of the command into its stores.
///
/// splice(2) moves bytes from the pipe to a file, so they are never in this process alone: if the relay is
/// killed, each byte is still in a pipe or already in the file. The file position belongs to the open file
/// description, which a successor shares. If a store fails, the relay continues in the next one. If none can take
/// more, `StreamKeeping` decides what is dropped. The relay reads the pipe in any case.
struct RelayStream {
  private static let largestMove = 1 << 20

  let index: Int
  let pipe: FileDescriptor
  private var transit: CommandPipe.Transit?
  /// Bytes in the transit pipe.
  private var inTransit = 0
  let stores: OutputStores
  let status: RelayStatus
  /// The store into which splice(2) does not work.
  private var unspliceable: Int?
  /// Keeps track of the store in use and of what is dropped.
  var keeper: StreamKeeper

  init(index: Int, pipe: CommandPipe, stores: OutputStores, status: RelayStatus) {
    self.index = index
    self.pipe = pipe.reading
    transit = pipe.transit
    inTransit = transit?.reading.bytesReadable ?? 0
    self.stores = stores
    self.status = status
    // A relay that was killed may have moved more bytes than it recorded. The file position shows how many.
    let position = status.currentStore(stream: index).flatMap { stores.files[$0] }.map {
      Int(lseek($0.rawValue, 0, SEEK_CUR))
    }
    keeper = StreamKeeper(index: index, stores: stores, status: status, position: position)
  }

  var isDone: Bool { keeper.isDone }

  // MARK: Moving

  /// Moves what the pipe holds, at most 1 MiB. Call it when the pipe is readable.
  ///
  /// - Returns: the number of bytes read from the pipe.
  mutating func move(atMost limit: Int = largestMove) -> Int {
    finishTransit()
    guard let transit else { return moveToStore(atMost: limit) }
    if isDone { return 0 }
    do throws(Errno) {
      inTransit = try valueOrErrno { duct_splice(pipe.rawValue, transit.writing.rawValue, limit) }
    } catch {
      if error == .resourceTemporarilyUnavailable { return 0 }
      self.transit = nil
      return moveToStore(atMost: limit)
    }
    let moved = inTransit
    if moved == 0 { end() }
    finishTransit()
    return moved
  }

  /// Moves what is in the transit pipe into a store, including what a previous relay has left there.
  mutating func finishTransit() {
    while inTransit > 0 {
      let moved = moveToStore(atMost: inTransit)
      inTransit = moved > 0 ? inTransit - moved : 0
    }
  }

  /// The pipe that the next byte comes from.
  private var source: FileDescriptor { inTransit > 0 ? transit?.reading ?? pipe : pipe }

  private mutating func moveToStore(atMost limit: Int) -> Int {
    while !isDone {
      guard let store = keeper.store, let file = stores.files[store] else { return discard(atMost: limit) }
      guard unspliceable != store else { return copy(atMost: limit) }
      do throws(Errno) {
        let moved = try valueOrErrno { duct_splice(source.rawValue, file.rawValue, limit) }
        if moved == 0 { end() } else { keeper.note(moved) }
        return moved
      } catch {
        switch error {
        case .resourceTemporarilyUnavailable: return 0
        case .invalidArgument: unspliceable = store
        default: keeper.storeFailed(error)
        }
      }
    }
    return 0
  }

  /// Moves bytes by read(2) and write(2), for stores into which splice(2) does not work.
  private mutating func copy(atMost limit: Int) -> Int {
    guard let bytes = taken(atMost: limit) else { return 0 }
    var rest = bytes[...]
    while !rest.isEmpty, let store = keeper.store, let file = stores.files[store] {
      do throws(Errno) {
        let count = try valueOrErrno {
          rest.withUnsafeBytes { write(file.rawValue, $0.baseAddress, $0.count) }
        }
        rest = rest.dropFirst(count)
        keeper.note(count)
      } catch {
        keeper.storeFailed(error)
      }
    }
    if !rest.isEmpty { keeper.lose(rest.count) }
    return bytes.count
  }

  private mutating func discard(atMost limit: Int) -> Int {
    guard let bytes = taken(atMost: limit) else { return 0 }
    keeper.lose(bytes.count)
    return bytes.count
  }

  /// Reads bytes from the pipe into this process. Nil if there are none; at end of file, it ends the stream.
  private mutating func taken(atMost limit: Int) -> [UInt8]? {
    let source = self.source
    guard (source.bytesReadable ?? 0) > 0 || isAtEnd else { return nil }
    var buffer = [UInt8](repeating: 0, count: min(limit, 64 << 10))
    let got = try? valueOrErrno {
      buffer.withUnsafeMutableBytes { read(source.rawValue, $0.baseAddress, $0.count) }
    }
    guard let got, got > 0 else {
      end()
      return nil
    }
    buffer.removeLast(buffer.count - got)
    return buffer
  }

  /// Whether the pipe is empty and no process can write into it any more.
  var isAtEnd: Bool {
    var entry = pollfd(fd: pipe.rawValue, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&entry, 1, 0) > 0 && CInt(entry.revents) & (POLLHUP | POLLERR) != 0
      && CInt(entry.revents) & POLLIN == 0
  }

  private mutating func end() { keeper.end() }

  /// The spool file, while bytes go to it.
  var spoolFile: FileDescriptor? {
    keeper.store == OutputStores.Kind.spool.rawValue ? stores[.spool] : nil
  }
}
