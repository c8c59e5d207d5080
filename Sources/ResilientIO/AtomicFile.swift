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

  /// Writes a temporary file beside `path`, makes it durable, and renames it to `path`.
  ///
  /// The temporary file is made with O_EXCL and not with O_TMPFILE, which NFS does not have. Its name
  /// (`.NAME.HOST.PID.N.tmp`) tells whose it is.
  public static func replace(_ path: FilePath, with bytes: [UInt8]) throws(IOFailure) {
    let temporary = temporaryPath(for: path)
    do throws(IOFailure) {
      try write(bytes, to: temporary)
      try attempt("rename", temporary) { () throws(Errno) in
        _ = try valueOrErrno {
          temporary.withPlatformString { from in path.withPlatformString { rename(from, $0) } }
        }
      }
    } catch {
      temporary.withPlatformString { _ = unlink($0) }
      throw error
    }
    syncDirectory(of: path)
  }

  private static func temporaryPath(for path: FilePath) -> FilePath {
    let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
    let name = path.bytes.split(separator: UInt8(ascii: "/")).last ?? []
    let tail = Array(".\(hostName()).\(getpid()).\(number).tmp".utf8)
    // 255 bytes is the longest name of the common file systems.
    let stem = [UInt8(ascii: ".")] + name.prefix(254 - tail.count) + tail
    return FilePath(bytes: path.parent.bytes + [UInt8(ascii: "/")] + stem)
  }

  private static func write(_ bytes: [UInt8], to path: FilePath) throws(IOFailure) {
    let file = try attempt("create", path) { () throws(Errno) in
      try FileDescriptor.opening(path, .writeOnly, options: [.create, .exclusiveCreate])
    }
    do throws(IOFailure) {
      try attempt("write", path) { () throws(Errno) in try file.writeAll(bytes, at: 0) }
      try attempt("fsync", path) { () throws(Errno) in try valueOrErrno { fsync(file.rawValue) } }
    } catch {
      file.closeQuietly()
      throw error
    }
    // An error that NFS kept back may come at close.
    try attempt("close", path) { () throws(Errno) in
      try valueOrErrno(retryOnInterrupt: false) { Glibc.close(file.rawValue) }
    }
  }

  /// Makes a rename durable. Not every file system lets one fsync a directory: then it is in order.
  private static func syncDirectory(of path: FilePath) {
    guard let directory = try? FileDescriptor.opening(path.parent, .readOnly, options: .directory) else {
      return
    }
    _ = fsync(directory.rawValue)
    directory.closeQuietly()
  }
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
    var done = 0
    while done < bytes.count {
      let written = try valueOrErrno {
        bytes.withUnsafeBytes { buffer in
          Glibc.pwrite(
            rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
        }
      }
      // A regular file that takes nothing, and says so without an error, will not take it next time.
      if written == 0 { throw .ioError }
      done += written
    }
  }
}
