internal import CSystemCalls
import Glibc
internal import SystemCalls
internal import SystemPackage

/// One pipe of the command, and the stores that its bytes go to.
///
/// Bytes go from the pipe to a file by splice(2), so that they are never in this process alone: when
/// it is killed, they are either still in a pipe or in the file already. A file's position is that
/// of the open file, which a successor shares. A store that fails is left for the next one; where none
/// can take more, `gap` says what is let go. The pipe is read in any case.
struct RelayStream {
  private static let largestMove = 1 << 20

  let index: Int
  let pipe: FileDescriptor
  private var transit: CommandPipe.Transit?
  /// Bytes in the pipe of our own.
  private var inTransit = 0
  private let stores: OutputStores
  private let status: RelayStatus
  /// Where the next byte goes; nil when no store can take one.
  private var store: Int?
  private var written = 0
  private var canSplice = true
  private var gap: OutputGap
  private(set) var isDone = false

  init(index: Int, pipe: CommandPipe, stores: OutputStores, status: RelayStatus) {
    self.index = index
    self.pipe = pipe.reading
    transit = pipe.transit
    inTransit = transit?.reading.bytesReadable ?? 0
    self.stores = stores
    self.status = status
    gap = OutputGap(stream: index, stores: stores, status: status)
    isDone = status[index].hasEnded
    store = status.currentStore(stream: index)
    written = status[index].written
    if let store {
      // A relay that was killed may have moved more than it could tell.
      if let file = stores.files[store], let start = status.start(of: store, stream: index) {
        let position = lseek(file.rawValue, 0, SEEK_CUR)
        if position > 0 { written = max(written, start + position) }
      }
      status.noteWritten(written, stream: index)
    } else {
      enter(stores.next(after: -1))
    }
  }

  // MARK: Moving

  /// Moves what the pipe holds, at most a megabyte. Call it when the pipe is readable.
  ///
  /// - Returns: the bytes taken from the pipe.
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

  /// Moves on what is in our own pipe, also what a relay before us has left there.
  mutating func finishTransit() {
    while inTransit > 0 {
      let moved = moveToStore(atMost: inTransit)
      inTransit = moved > 0 ? inTransit - moved : 0
    }
  }

  /// Where the next byte comes from.
  private var source: FileDescriptor { inTransit > 0 ? transit?.reading ?? pipe : pipe }

  private mutating func moveToStore(atMost limit: Int) -> Int {
    while !isDone {
      guard let store, let file = stores.files[store] else { return discard(atMost: limit) }
      guard canSplice else { return copy(atMost: limit) }
      do throws(Errno) {
        let moved = try valueOrErrno { duct_splice(source.rawValue, file.rawValue, limit) }
        if moved == 0 { end() } else { note(moved) }
        return moved
      } catch {
        switch error {
        case .resourceTemporarilyUnavailable: return 0
        case .invalidArgument: canSplice = false
        default: leave(error)
        }
      }
    }
    return 0
  }

  /// Where splice does not work.
  private mutating func copy(atMost limit: Int) -> Int {
    guard let bytes = taken(atMost: limit) else { return 0 }
    var rest = bytes[...]
    while !rest.isEmpty, let store, let file = stores.files[store] {
      do throws(Errno) {
        let count = try valueOrErrno {
          rest.withUnsafeBytes { write(file.rawValue, $0.baseAddress, $0.count) }
        }
        rest = rest.dropFirst(count)
        note(count)
      } catch {
        leave(error)
      }
    }
    if !rest.isEmpty { letGo(rest.count) }
    return bytes.count
  }

  private mutating func discard(atMost limit: Int) -> Int {
    guard let bytes = taken(atMost: limit) else { return 0 }
    letGo(bytes.count)
    return bytes.count
  }

  /// Bytes that are in this process alone. Nil if there are none; at the end of the pipe it is noted.
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

  /// Nothing is in the pipe, and nobody can write into it any more.
  private var isAtEnd: Bool {
    var entry = pollfd(fd: pipe.rawValue, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&entry, 1, 0) > 0 && CInt(entry.revents) & (POLLHUP | POLLERR) != 0
      && CInt(entry.revents) & POLLIN == 0
  }

  private mutating func note(_ count: Int) {
    written += count
    status.noteWritten(written, stream: index)
  }

  private mutating func letGo(_ count: Int) {
    gap.extend(from: written, to: written + count)
    note(count)
  }

  private mutating func end() {
    isDone = true
    gap.close()
    status.noteEnd(stream: index)
  }

  // MARK: Stores

  private mutating func enter(_ next: Int?) {
    store = next
    canSplice = true
    if let next { status.noteStart(written, of: next, stream: index) }
  }

  /// A store cannot be written: on to the next, or make room in this one.
  private mutating func leave(_ error: Errno) {
    status.noteError(error, stream: index)
    let isFull = [Errno.noSpace, Errno(rawValue: EDQUOT)].contains(error)
    if store == OutputStores.Kind.spool.rawValue, isFull, gap.makeRoom(written: written) { return }
    enter(stores.next(after: store ?? OutputStores.count))
  }

  /// Does what duct has asked for.
  mutating func serveRequests() {
    if store == OutputStores.Kind.log.rawValue, status.isLeavingLogRequested(stream: index) {
      enter(stores.next(after: OutputStores.Kind.log.rawValue))
    }
    if status.isGapCloseRequested(stream: index) { gap.close() }
  }

  /// Bytes that a kind of store keeps and must keep.
  func held(in kind: OutputStores.Kind) -> Int { gap.held(in: kind, written: written) }

  /// Lets go of the middle of what a kind of store holds, so that it holds no more than before.
  mutating func limit(_ kind: OutputStores.Kind) { if !isDone { gap.limit(kind, written: written) } }

  mutating func keepLimit() { gap.advance(written: written) }

  /// The file of the spool, while bytes go to it.
  var spoolFile: FileDescriptor? {
    store == OutputStores.Kind.spool.rawValue ? stores[.spool] : nil
  }

  var writtenBytes: Int { written }
}
