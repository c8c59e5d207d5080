internal import SystemCalls
internal import SystemPackage

/// A file in the log directory that a growing source is carried into.
///
/// Positions are our own: a stale descriptor could not be asked for them. Only what an fsync has covered
/// counts as carried (`proven`); after any failure the file is opened anew, cut to that length and
/// written from there. Before each write it is looked whether the file is still ours.
struct TargetFile {
  /// What became of a file that somebody else has touched.
  enum Discovery: Sendable, Equatable {
    /// Another file has its name; ours is at `place`.
    case displaced
    /// It was removed or shortened, and is whole again but for so many bytes that nobody has any more.
    case restored(missing: Int)
  }

  /// How a file that is there before we have ever opened it is met.
  enum Start: Sendable {
    /// It is another's: nothing is ours yet.
    case new
    /// It is another's, who shall not have that name any more.
    case take
    /// It is ours if its content is that of the source (after a crash, by `recover`).
    case adopt
  }

  private static let turn = 64 << 20
  private static let comparedBytes = 4096

  /// Where it should be.
  let path: FilePath
  /// Where it is: beside `path` when another has taken that name.
  private(set) var place: FilePath
  private(set) var proven: Int
  private let label: String
  private var start: Start
  private var descriptor: FileDescriptor?
  private var identity: FileIdentity?
  /// Something beyond `proven` may be in it that is not what we wrote.
  private var mustBeCut = false
  private(set) var discovery: Discovery?

  /// - Parameters:
  ///   - label: makes the name beside `path`, should another take it.
  ///   - proven: bytes that are in the file already.
  ///   - identity: of the file that holds them, where it is known.
  init(_ path: FilePath, label: String, proven: Int = 0, identity: FileIdentity? = nil, start: Start = .new) {
    self.path = path
    self.label = label
    self.proven = proven
    self.identity = identity
    self.start = start
    place = path
    mustBeCut = proven > 0 || start == .adopt
  }

  /// Carries what the source has, at most 64 MiB at a time.
  ///
  /// - Parameter isLast: nothing is carried after this; looks at the file in any case, and closes it.
  /// - Returns: whether there is more.
  mutating func publish(_ source: any GrowingSource, isLast: Bool = false) throws(IOFailure) -> Bool {
    discovery = nil
    do throws(IOFailure) {
      // A source without a byte, such as a stream that printed nothing, still has its file.
      if proven >= source.readableLength, identity != nil, !source.isComplete, !isLast { return false }
      let file = try whole(source)
      var offset = proven
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
      defer { buffer.deallocate() }
      var missing = 0
      var isTurnOver = false
      while true {
        if offset - proven >= Self.turn {
          isTurnOver = true
          break
        }
        let got = source.read(buffer, at: offset)
        if got == 0 {
          // At the end what the source itself has lost is left out: else nothing behind it would ever come.
          guard isLast, offset < source.readableLength else { break }
          let next = min(offset + 4096 - offset % 4096, source.readableLength)
          missing += next - offset
          offset = next
          continue
        }
        try attempt("write", place) { () throws(Errno) in
          try file.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<got]), at: offset)
        }
        offset += got
      }
      let isAll = source.isComplete && offset >= source.readableLength
      if isAll { try cut(file, to: offset) }
      if offset > proven || isAll { try prove(file, offset) }
      if missing > 0 { discovery = .restored(missing: missing) }
      let hasMore = isTurnOver && proven < source.readableLength
      if isLast, !hasMore { try closeForGood(file, source) }
      source.notePublished(proven)
      return hasMore
    } catch {
      close()
      mustBeCut = true
      throw error
    }
  }

  private mutating func prove(_ file: FileDescriptor, _ length: Int) throws(IOFailure) {
    try attempt("fsync", place) { () throws(Errno) in try FileCalls.fsync(file) }
    proven = length
  }

  private func cut(_ file: FileDescriptor, to length: Int) throws(IOFailure) {
    let now = try attempt("stat", place) { () throws(Errno) in try FileCalls.status(file) }
    if now.size > length {
      try attempt("truncate", place) { () throws(Errno) in try FileCalls.truncate(file, length) }
    }
  }

  mutating func close() {
    descriptor?.closeQuietly()
    descriptor = nil
  }

  /// An error that was kept back until close leaves nothing proven of what was written since the opening.
  private mutating func closeForGood(
    _ file: FileDescriptor, _ source: any GrowingSource
  ) throws(IOFailure) {
    descriptor = nil
    do throws(Errno) { try FileCalls.close(file) } catch {
      proven = 0
      source.notePublished(0)
      throw IOFailure("close", place, error)
    }
  }

  // MARK: Is it ours?

  /// The file, open, ours, and with all `proven` bytes in it.
  private mutating func whole(_ source: any GrowingSource) throws(IOFailure) -> FileDescriptor {
    guard let known = identity else { return try first(source) }
    let named = try namedFile()
    let old = descriptor
    guard let named else { return try again(source, old, known) }
    guard named.isSameFile(as: known) else {
      place = path.beside(label)
      return try again(source, old, known, discovery: .displaced)
    }
    let file = try opened()
    let now = try attempt("stat", place) { () throws(Errno) in try FileCalls.status(file) }
    if now.size < proven { try restoreTail(file, from: now.size, source) }
    if mustBeCut {
      try cut(file, to: proven)
      mustBeCut = false
    }
    return file
  }

  /// What has our file's name; nil if nothing has.
  private func namedFile() throws(IOFailure) -> FileIdentity? {
    do throws(Errno) { return try FileCalls.status(place) } catch {
      if error == .noSuchFileOrDirectory { return nil }
      throw IOFailure("stat", place, error)
    }
  }

  private mutating func opened() throws(IOFailure) -> FileDescriptor {
    if let descriptor { return descriptor }
    let path = place
    let file = try attempt("open", path) { () throws(Errno) in try FileCalls.open(path, .readWrite) }
    descriptor = file
    return file
  }

  private mutating func create(_ path: FilePath) throws(IOFailure) -> FileDescriptor {
    let file = try attempt("create", path) { () throws(Errno) in
      try createFile(path, taking: start == .take)
    }
    descriptor = file
    identity = try attempt("stat", path) { () throws(Errno) in try FileCalls.status(file) }
    return file
  }

  /// The file's first opening in this process.
  private mutating func first(_ source: any GrowingSource) throws(IOFailure) -> FileDescriptor {
    defer { if start == .take { start = .new } }
    do throws(IOFailure) {
      if start != .adopt || proven == 0 {
        let file = try create(place)
        return file
      }
    } catch {
      guard error.errno == .fileExists else { throw error }
      if start != .adopt {
        // A create that was answered by an error may have been carried out all the same: ours is empty.
        let found = try namedFile()
        if !mustBeCut || found.map({ $0.size > 0 }) ?? true {
          discovery = .displaced
          place = path.beside(label)
          return try created(beside: source)
        }
      }
    }
    return try adopt(source)
  }

  private mutating func created(beside source: any GrowingSource) throws(IOFailure) -> FileDescriptor {
    do throws(IOFailure) { return try create(place) } catch {
      // The name is this run's alone.
      guard error.errno == .fileExists else { throw error }
      return try adopt(source)
    }
  }

  /// Takes a file that is there for ours, if it begins as the source does.
  private mutating func adopt(_ source: any GrowingSource) throws(IOFailure) -> FileDescriptor {
    guard let found = try namedFile() else {
      let missing = proven
      proven = 0
      let file = try create(place)
      try fill(file, nil, upTo: missing, source)
      return file
    }
    let file = try opened()
    identity = found
    let length = min(found.size, max(proven, start == .adopt ? source.readableLength : 0))
    if try !agrees(file, upTo: length, source) {
      close()
      identity = nil
      guard place == path else { throw IOFailure("adopt", place, .fileExists) }
      place = path.beside(label)
      discovery = .displaced
      proven = 0
      return try created(beside: source)
    }
    if found.size < proven { try restoreTail(file, from: found.size, source) }
    try cut(file, to: proven)
    mustBeCut = false
    return file
  }

  // MARK: Made whole again

  /// The name is free or another's: a new file, with what the old one held.
  private mutating func again(
    _ source: any GrowingSource, _ old: FileDescriptor?, _ known: FileIdentity, discovery: Discovery? = nil
  ) throws(IOFailure) -> FileDescriptor {
    let length = proven
    descriptor = nil
    defer { old?.closeQuietly() }
    let file: FileDescriptor
    do throws(IOFailure) {
      file = try discovery == nil ? create(place) : created(beside: source)
    } catch {
      identity = known
      if discovery != nil { place = path }
      throw error
    }
    let missing = try fill(file, old, upTo: length, source)
    self.discovery = discovery ?? .restored(missing: missing)
    return file
  }

  /// Writes the first `length` bytes anew, and returns how many of them nobody has any more.
  @discardableResult
  private mutating func fill(
    _ file: FileDescriptor, _ old: FileDescriptor?, upTo length: Int, _ source: any GrowingSource
  ) throws(IOFailure) -> Int {
    proven = 0
    mustBeCut = true
    let missing = try rewrite(file, 0..<length, source, old)
    mustBeCut = false
    return missing
  }

  /// Somebody has shortened the file, or a server has lost its end.
  private mutating func restoreTail(
    _ file: FileDescriptor, from size: Int, _ source: any GrowingSource
  ) throws(IOFailure) {
    discovery = .restored(missing: try rewrite(file, size..<proven, source))
  }

  /// Writes a range anew: from the source as far as it has it, from the old file's descriptor where that
  /// can still be read.
  ///
  /// - Returns: how many bytes nobody has any more; they read as NUL.
  private mutating func rewrite(
    _ file: FileDescriptor, _ range: Range<Int>, _ source: any GrowingSource, _ old: FileDescriptor? = nil
  ) throws(IOFailure) -> Int {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var missing = 0
    var offset = range.lowerBound
    while offset < range.upperBound {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, range.upperBound - offset)])
      var got = source.read(part, at: offset)
      if got == 0, let old { got = (try? FileCalls.pread(old, part, offset)) ?? 0 }
      if got == 0 {
        // A hole: to the next byte that there is.
        let next = min(offset + 4096 - offset % 4096, range.upperBound)
        missing += next - offset
        offset = next
        continue
      }
      try attempt("write", place) { () throws(Errno) in
        try file.writeAll(UnsafeRawBufferPointer(rebasing: part[..<got]), at: offset)
      }
      offset += got
    }
    try prove(file, range.upperBound)
    return missing
  }

  /// Whether the beginning and the end of the file are those of the source, where the source has them.
  private func agrees(
    _ file: FileDescriptor, upTo length: Int, _ source: any GrowingSource
  ) throws(IOFailure) -> Bool {
    let size = Self.comparedBytes
    let theirs = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    let ours = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer {
      theirs.deallocate()
      ours.deallocate()
    }
    for offset in [0, max(0, length - size)] {
      let count = min(size, length - offset)
      if count <= 0 { continue }
      let got = source.read(UnsafeMutableRawBufferPointer(rebasing: ours[..<count]), at: offset)
      if got == 0 { continue }
      let read = try attempt("read", place) { () throws(Errno) in
        try FileCalls.pread(file, UnsafeMutableRawBufferPointer(rebasing: theirs[..<got]), offset)
      }
      // Ranges that a server has lost read back as NUL bytes: they are written anew, not another's.
      let same = zip(theirs[..<read], ours[..<read]).allSatisfy { $0 == $1 || $0 == 0 }
      if !same { return false }
    }
    return true
  }
}

extension FilePath {
  /// Where a run of that label writes what belongs here, if another has taken the name.
  func beside(_ label: String) -> FilePath { parent.appending(bytes: nameBytes + Array(".\(label)".utf8)) }
}
