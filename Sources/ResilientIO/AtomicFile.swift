import Glibc
import Synchronization
internal import SystemCalls
public import SystemPackage

/// Which call on which path failed.
public struct IOFailure: Error, Sendable, CustomStringConvertible {
  public var operation: String
  public var path: FilePath
  public var errno: Errno

  public init(_ operation: String, _ path: FilePath, _ errno: Errno) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }

  public var description: String {
    "cannot \(operation) \(path): \(errno.description) (\(errno.name))"
  }
}

/// Replacement of a whole file, so that a reader sees the old content or the new, at every moment and
/// after a loss of power.
public enum AtomicFile {
  private static let counter = Atomic<Int>(0)
  /// Temporary files of this process that could not be removed when they had failed.
  private static let remaining = Mutex<[FilePath]>([])

  /// What may be replaced.
  public enum Replaceable: Sendable {
    case anything
    /// That file, or nothing at all.
    case only(FileIdentity?)
  }

  public enum Durability: Sendable {
    /// With fsync: it outlives the host.
    case host
    /// Without: it outlives this process, which is enough for a spool.
    case process
  }

  /// Writes a temporary file beside `path`, makes it durable, and renames it to `path`.
  ///
  /// The temporary file is made with O_EXCL and not with O_TMPFILE, which NFS does not have. Its name
  /// (`.NAME.HOST.PID.N.tmp`) tells whose it is.
  ///
  /// - Returns: the file that is there now; nil if another has that name.
  @discardableResult
  public static func replace(
    _ path: FilePath, with bytes: [UInt8], durability: Durability = .host,
    replacing old: Replaceable = .anything
  ) throws(IOFailure) -> FileIdentity? {
    let temporary = temporaryPath(for: path)
    let identity: FileIdentity
    do throws(IOFailure) {
      identity = try write(bytes, to: temporary, for: path, durability)
      let isThere = try attempt("rename", path) { () throws(Errno) in
        try put(temporary, identity, at: path, replacing: old)
      }
      if !isThere { return nil }
    } catch {
      removeOrRemember(temporary)
      throw error
    }
    if durability == .host { syncDirectory(of: path) }
    // Where a replacement succeeds, a removal does too.
    let remaining = Self.remaining.withLock { list in
      defer { list.removeAll { $0.parent == path.parent } }
      return list.filter { $0.parent == path.parent }
    }
    for old in remaining { removeOrRemember(old) }
    return identity
  }

  /// False if another has that name; the temporary file is gone then.
  private static func put(
    _ temporary: FilePath, _ new: FileIdentity, at path: FilePath, replacing old: Replaceable
  ) throws(Errno) -> Bool {
    guard case .only(let known) = old else {
      try FileCalls.rename(temporary, path)
      return true
    }
    guard let found = try? FileCalls.status(path) else { return try put(temporary, new, atNew: path) }
    guard let known, found.isSameFile(as: known) else {
      removeOrRemember(temporary)
      return false
    }
    do throws(Errno) { try FileCalls.exchange(temporary, path) } catch {
      if error == .noSuchFileOrDirectory { return try put(temporary, new, atNew: path) }
      // A file system such as NFS has no exchange: there is the look.
      try FileCalls.rename(temporary, path)
      return true
    }
    if (try? FileCalls.status(temporary))?.isSameFile(as: known) ?? true {
      removeOrRemember(temporary)
      return true
    }
    // Another has put its file there between the look and the exchange: it gets its name back.
    try? FileCalls.rename(temporary, path)
    return false
  }

  /// To a name that nothing has; false if another has it after all.
  private static func put(
    _ temporary: FilePath, _ new: FileIdentity, atNew path: FilePath
  ) throws(Errno) -> Bool {
    do throws(Errno) { try FileCalls.renameNew(temporary, path) } catch {
      // Over NFS a call that was answered by an error may have been carried out before.
      let isThere = (try? FileCalls.status(path))?.isSameFile(as: new) == true
      if isThere || error == .fileExists {
        removeOrRemember(temporary)
        return isThere
      }
      // Some file systems have neither that rename nor hard links.
      try FileCalls.rename(temporary, path)
    }
    return true
  }

  private static func removeOrRemember(_ temporary: FilePath) {
    do throws(Errno) { try FileCalls.unlink(temporary) } catch {
      // Over NFS a call that was answered by an error may have been carried out before.
      if error != .noSuchFileOrDirectory { remaining.withLock { $0.append(temporary) } }
    }
  }

  private static func temporaryPath(for path: FilePath) -> FilePath {
    let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
    let name = path.bytes.split(separator: UInt8(ascii: "/")).last ?? []
    let tail = Array(".\(hostName()).\(getpid()).\(number).tmp".utf8)
    // 255 bytes is the longest name of the common file systems.
    let stem = [UInt8(ascii: ".")] + name.prefix(254 - tail.count) + tail
    return path.parent.appending(bytes: stem)
  }

  private static func write(
    _ bytes: [UInt8], to temporary: FilePath, for path: FilePath, _ durability: Durability
  ) throws(IOFailure) -> FileIdentity {
    let file = try attempt("create", path) { () throws(Errno) in
      try FileCalls.open(temporary, .writeOnly, [.create, .exclusiveCreate])
    }
    let identity: FileIdentity
    do throws(IOFailure) {
      try attempt("write", path) { () throws(Errno) in try file.writeAll(bytes, at: 0) }
      if durability == .host { try attempt("fsync", path) { () throws(Errno) in try FileCalls.fsync(file) } }
      identity = try attempt("stat", path) { () throws(Errno) in try FileCalls.status(file) }
    } catch {
      file.closeQuietly()
      throw error
    }
    // An error that NFS kept back may come at close.
    try attempt("close", path) { () throws(Errno) in try FileCalls.close(file) }
    return identity
  }

  /// Makes a rename durable. Not every file system lets one fsync a directory: then it is in order.
  private static func syncDirectory(of path: FilePath) {
    guard let directory = try? FileDescriptor.opening(path.parent, .readOnly, options: .directory) else {
      return
    }
    _ = fsync(directory.rawValue)
    directory.closeQuietly()
  }

  /// Removes temporary files beside `path` that a process of this host has left which is no more.
  public static func removeStale(beside path: FilePath) {
    let name = path.bytes.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? []
    let start = [UInt8(ascii: ".")] + name + Array(".\(hostName()).".utf8)
    for entry in (try? directoryEntries(path.parent)) ?? [] where entry.starts(with: start) {
      let rest = String(decoding: entry.dropFirst(start.count), as: UTF8.self).split(separator: ".")
      guard rest.count == 3, rest[2] == "tmp", let pid = pid_t(rest[0]), pid != getpid() else { continue }
      if kill(pid, 0) != 0, errno == ESRCH { try? FileCalls.unlink(path.parent.appending(bytes: entry)) }
    }
  }
}

/// The names in a directory, without `.` and `..`.
func directoryEntries(_ path: FilePath) throws(Errno) -> [[UInt8]] {
  guard let stream = path.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
  defer { closedir(stream) }
  var names: [[UInt8]] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in bytes.prefix { $0 != 0 }.map { $0 } }
    if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
  }
  return names
}

/// The host's name up to the first dot.
public func hostName() -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
  let name = buffer.prefix { $0 != 0 && $0 != CChar(UInt8(ascii: ".")) }
  return String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Runs a call and names it in the error.
@discardableResult
func attempt<Result>(
  _ operation: String, _ path: FilePath, _ body: () throws(Errno) -> Result
) throws(IOFailure) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw IOFailure(operation, path, error)
  }
}

extension FileDescriptor {
  /// pwrite(2) of all bytes, going on after short writes.
  func writeAll(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { buffer in
      do throws(Errno) { try writeAll(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) {
    var done = 0
    while done < bytes.count {
      let written = try FileCalls.pwrite(
        self, UnsafeRawBufferPointer(rebasing: bytes[done...]), offset + done)
      // A regular file that takes nothing, and says so without an error, will not take it next time.
      if written == 0 { throw .ioError }
      done += written
    }
  }
}
