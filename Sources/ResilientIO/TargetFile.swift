internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// A file in the log directory that a growing source is delivered into: carries out what `FileDelivery` decides.
struct TargetFile {
  private(set) var delivery: FileDelivery
  private let names: TargetNames
  private let memory: (any TargetMemory)?
  private var current: FileDescriptor?
  /// The previous descriptor of our file. It may be the only way to read the beginning of the stream.
  private var old: FileDescriptor?
  /// An error that a server reported when a descriptor was closed between turns.
  private var heldBack: Errno?

  /// - Parameters:
  ///   - runID: used for names beside `path`, if another file has it.
  ///   - notes: the files that earlier processes have noted as ours; `proven` bytes are in them.
  ///   - takesName: a file that has the name loses it.
  ///   - old: the file that has the proven bytes, if it is elsewhere.
  init(
    _ path: FilePath, runID: String, notes: [TargetNote] = [], proven: Int = 0, isSuccessor: Bool = false,
    takesName: Bool = false, old: FileDescriptor? = nil, memory: (any TargetMemory)? = nil
  ) {
    names = TargetNames(path: path, runID: runID)
    self.memory = memory
    self.old = old
    delivery = FileDelivery(
      notes: notes, proven: proven, isSuccessor: isSuccessor, takesName: takesName, owner: geteuid())
  }

  var path: FilePath { names.path }
  var place: FilePath { names.path(delivery.place) }
  var proven: Int { delivery.proven }
  /// What the last turn has detected.
  var discoveries: [FileDelivery.Discovery] { delivery.discoveries }

  /// From here on, another file that has the name keeps it.
  mutating func leaveNameToOthers() { delivery.namesToTake = 0 }

  /// Delivers what the source has. The turn ends after `mostAtOnce` bytes.
  ///
  /// - Parameter isLast: nothing is delivered after this. Checks the file in any case, and closes it.
  /// - Returns: whether there is more.
  mutating func deliver(_ source: any GrowingSource, isLast: Bool = false) throws(IOFailure) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    // Ask for completeness first. Bytes that arrive between the two questions belong to the next turn.
    let isComplete = source.isComplete
    var action = delivery.begin(
      .init(
        length: source.readableLength, isComplete: isComplete, isLast: isLast, most: source.mostAtOnce))
    while true {
      switch action {
      case .finished(let hasMore): return hasMore
      case .failed(let operation, let error, let name):
        keepForNextTurn()
        throw IOFailure(operation, names.path(name), error)
      default:
        let event = perform(action, source, buffer)
        action = delivery.step(event)
      }
    }
  }

  /// A descriptor that failed is not written to again, but it can still read what was our file.
  private mutating func keepForNextTurn() {
    if old == nil {
      old = current
    } else if let current {
      do throws(Errno) { try FileCalls.close(current) } catch { heldBack = error }
    }
    current = nil
  }

  mutating func close() {
    current?.closeQuietly()
    old?.closeQuietly()
    (current, old) = (nil, nil)
  }

  // MARK: Actions

  private mutating func perform(
    _ action: FileDelivery.Action, _ source: any GrowingSource, _ buffer: UnsafeMutableRawBufferPointer
  ) -> FileDelivery.Event {
    do throws(Errno) {
      switch action {
      case .look(let name): return .found(try FileCalls.status(names.path(name)))
      case .open(let name): return .opened(try use(FileCalls.open(names.path(name), .readWrite, Self.safely)))
      case .create(let name):
        return .opened(
          try use(
            FileCalls.open(names.path(name), .readWrite, Self.safely.union([.create, .exclusiveCreate]))))
      case .giveName(let from, let to): try FileCalls.renameNew(names.path(from), names.path(to))
      case .link(let from, let to): try FileCalls.link(names.path(from), names.path(to))
      case .remove(let name): try FileCalls.unlink(names.path(name))
      case .remember(let note): memory?.remember(note)
      case .rememberBoth(let note): memory?.rememberBoth(note)
      case .prove(let length):
        source.prove(upTo: length)
        return .proven
      case .size: return .found(try FileCalls.status(try file()))
      case .truncate(let length): try FileCalls.truncate(try file(), length)
      case .sync: try FileCalls.fsync(try file())
      case .dropOpened:
        current?.closeQuietly()
        current = nil
      case .dropOld:
        defer { (old, heldBack) = (nil, nil) }
        if let heldBack {
          old?.closeQuietly()
          return .closeFailed(heldBack, firstReadable: source.firstReadable)
        }
        return close(old, source)
      case .close:
        defer { current = nil }
        return close(current, source)
      case .writeNext(let offset): return try writeNext(offset, source, buffer)
      case .rewrite(let offset, let end, let isHole):
        return try rewrite(offset, end, isHole: isHole, source, buffer)
      case .giveUp(let offset):
        let (skip, missing) = source.giveUp(at: offset)
        return .gaveUp(skip: skip, missing: missing)
      case .finished, .failed: break
      }
      return .done
    } catch {
      if case .look = action, error == .noSuchFileOrDirectory { return .absent }
      return .failed(error)
    }
  }

  /// A name that is a symbolic link is not ours, and opening a FIFO must not wait for a writer.
  private static let safely: FileDescriptor.OpenOptions = [.noFollow, .nonBlocking]

  private func file() throws(Errno) -> FileDescriptor {
    guard let current else { throw .badFileDescriptor }
    return current
  }

  private mutating func use(_ file: FileDescriptor) throws(Errno) -> FileIdentity {
    if current != nil { keepForNextTurn() }
    current = file
    return try FileCalls.status(file)
  }

  /// A server may report a delayed error only at close.
  private func close(_ file: FileDescriptor?, _ source: any GrowingSource) -> FileDelivery.Event {
    guard let file else { return .done }
    do throws(Errno) { try FileCalls.close(file) } catch {
      return .closeFailed(error, firstReadable: source.firstReadable)
    }
    return .done
  }

  private func writeNext(
    _ offset: Int, _ source: any GrowingSource, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> FileDelivery.Event {
    let file = try file()
    let end = source.claim(upTo: offset + buffer.count)
    // Ask the source even if nothing may be read yet: it then requests what it waits for.
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<max(min(end - offset, buffer.count), 1)])
    let got = source.read(part, at: offset)
    if got == 0 { return .nothing(length: source.readableLength, isComplete: source.isComplete) }
    // Someone has truncated the file since the check: writing here would leave a hole.
    if offset > 0, try FileCalls.status(file).size < offset { throw .staleNFSFileHandle }
    try file.writeAll(UnsafeRawBufferPointer(rebasing: part[..<got]), at: offset)
    return .wrote(to: offset + got)
  }

  private func rewrite(
    _ offset: Int, _ end: Int, isHole: Bool, _ source: any GrowingSource,
    _ buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> FileDelivery.Event {
    let file = try file()
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - offset)])
    if offset > 0, !isHole, try FileCalls.status(file).size < offset { throw .staleNFSFileHandle }
    var got = source.read(part, at: offset)
    if got == 0, let old {
      // Read from the old file only up to where the source can continue.
      let first = source.firstReadable
      let count = first > offset ? min(part.count, first - offset) : part.count
      got = (try? FileCalls.pread(old, UnsafeMutableRawBufferPointer(rebasing: part[..<count]), offset)) ?? 0
    }
    if got == 0 {
      // A hole, up to the next byte that can be read.
      let next = source.nextReadable(behind: offset)
      let block = offset + 4096 - offset % 4096
      return .missing(to: min(old == nil ? next : min(next, block), end))
    }
    try file.writeAll(UnsafeRawBufferPointer(rebasing: part[..<got]), at: offset)
    return .wrote(to: offset + got)
  }
}
