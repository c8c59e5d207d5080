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

/// Replacement of a whole file in a place that is this user's alone, so that a reader sees the old content or the
/// new, at every moment. In a log directory, which others use too, `FileReplacement` decides.
public enum AtomicFile {
  private static let counter = Atomic<Int>(0)
  /// Temporary files of this process that could not be removed when they had failed.
  private static let remaining = Mutex<[FilePath]>([])

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
  public static func replace(
    _ path: FilePath, with bytes: [UInt8], durability: Durability = .host
  ) throws(IOFailure) {
    let temporary = temporaryPath(for: path)
    do throws(IOFailure) {
      try write(bytes, to: temporary, for: path, durability)
      try attempt("rename", path) { () throws(Errno) in try FileCalls.rename(temporary, path) }
    } catch {
      removeOrRemember(temporary)
      throw error
    }
    if durability == .host { FileCalls.syncDirectory(of: path) }
    // Where a replacement succeeds, a removal does too.
    let remaining = Self.remaining.withLock { list in
      defer { list.removeAll { $0.parent == path.parent } }
      return list.filter { $0.parent == path.parent }
    }
    for old in remaining { removeOrRemember(old) }
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
  ) throws(IOFailure) {
    let file = try attempt("create", path) { () throws(Errno) in
      try FileCalls.open(temporary, .writeOnly, [.create, .exclusiveCreate])
    }
    do throws(IOFailure) {
      try attempt("write", path) { () throws(Errno) in try file.writeAll(bytes, at: 0) }
      if durability == .host { try attempt("fsync", path) { () throws(Errno) in try FileCalls.fsync(file) } }
    } catch {
      file.closeQuietly()
      throw error
    }
    // An error that NFS kept back may come at close.
    try attempt("close", path) { () throws(Errno) in try FileCalls.close(file) }
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
