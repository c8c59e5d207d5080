import Glibc
internal import CSystemCalls
internal import Synchronization
internal import SystemCalls
public import SystemPackage

/// The file system calls of this target. Each throws only its errno.
///
/// In debug builds, tests can install a driver that makes calls fail in ways that no real file system produces on
/// request.
enum FileCalls {
  static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [],
    _ permissions: FilePermissions = [.ownerReadWrite, .groupReadWrite, .otherReadWrite]
  ) throws(Errno) -> FileDescriptor {
    try drive("open", path)
    return try FileDescriptor.opening(path, mode, options: options, permissions: permissions)
  }

  /// Writes at most all of the bytes and returns how many.
  static func pwrite(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer, _ offset: Int) throws(Errno)
    -> Int
  {
    try drive("write", nil)
    return try valueOrErrno { Glibc.pwrite(file.rawValue, bytes.baseAddress, bytes.count, offset) }
  }

  static func pread(_ file: FileDescriptor, _ buffer: UnsafeMutableRawBufferPointer, _ offset: Int)
    throws(Errno) -> Int
  {
    try drive("read", nil)
    return try valueOrErrno { Glibc.pread(file.rawValue, buffer.baseAddress, buffer.count, offset) }
  }

  static func fsync(_ file: FileDescriptor) throws(Errno) {
    try drive("fsync", nil)
    try valueOrErrno { Glibc.fsync(file.rawValue) }
  }

  static func truncate(_ file: FileDescriptor, _ length: Int) throws(Errno) {
    try drive("truncate", nil)
    try valueOrErrno { ftruncate(file.rawValue, length) }
  }

  /// Closes once: after an error, the descriptor is closed too.
  static func close(_ file: FileDescriptor) throws(Errno) {
    let result = Glibc.close(file.rawValue)
    let error = errno
    try drive("close", nil)
    if result != 0 { throw Errno(rawValue: error) }
  }

  static func status(_ file: FileDescriptor) throws(Errno) -> FileIdentity {
    try drive("stat", nil)
    return try FileIdentity.asked(of: file)
  }

  /// The status of a name. If it is a symbolic link, that of the link itself.
  static func status(_ path: FilePath) throws(Errno) -> FileIdentity {
    try drive("stat", path)
    return try FileIdentity.asked(at: path, followingLinks: false)
  }

  /// The status of the directory that contains the last path component. Follows links.
  static func directoryStatus(of path: FilePath) throws(Errno) -> FileIdentity {
    try drive("stat", path.parent)
    return try FileIdentity.asked(at: path.parent, followingLinks: true)
  }

  static func rename(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno { from.withPlatformString { from in to.withPlatformString { Glibc.rename(from, $0) } } }
    try driveAfter("rename", to)
  }

  /// Renames to a name that must not exist.
  static func renameNew(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno {
      from.withPlatformString { from in to.withPlatformString { duct_rename_new(from, $0) } }
    }
    try driveAfter("rename", to)
  }

  /// Renames to a name that should not exist. If the file system cannot check that itself, an existing file loses
  /// the name. Always one step, unlike `renameNew`.
  static func move(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno {
      from.withPlatformString { from in to.withPlatformString { duct_move(from, $0) } }
    }
    try driveAfter("rename", to)
  }

  /// Adds a second name, which must not exist.
  static func link(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno {
      from.withPlatformString { from in to.withPlatformString { duct_link(from, $0) } }
    }
  }

  /// Exchanges two names. Not every file system supports it; NFS does not.
  static func exchange(_ one: FilePath, _ other: FilePath) throws(Errno) {
    try drive("rename", other)
    try valueOrErrno {
      one.withPlatformString { one in other.withPlatformString { duct_exchange(one, $0) } }
    }
    try driveAfter("rename", other)
  }

  static func unlink(_ path: FilePath) throws(Errno) {
    try drive("unlink", path)
    try valueOrErrno { path.withPlatformString { Glibc.unlink($0) } }
  }

  static func makeDirectory(_ path: FilePath, _ mode: mode_t) throws(Errno) {
    try drive("mkdir", path)
    try valueOrErrno { path.withPlatformString { mkdir($0, mode) } }
  }

  /// Makes names in a directory durable. Ignores errors, because not every file system supports fsync on a
  /// directory.
  static func syncDirectory(of path: FilePath) {
    guard let directory = try? FileDescriptor.opening(path.parent, .readOnly, options: .directory) else {
      return
    }
    _ = Glibc.fsync(directory.rawValue)
    directory.closeQuietly()
  }

  // MARK: The driver

  #if DEBUG
    /// Called before each call with its name and path. If it returns an errno, the call fails with that.
    static let driver = Mutex<(@Sendable (String, FilePath?) -> Errno?)?>(nil)
    /// Called after a call that changes names. If it returns an errno, the call was carried out but reports that
    /// error, as when a server's answer is lost.
    static let driverAfter = Mutex<(@Sendable (String, FilePath?) -> Errno?)?>(nil)
  #endif

  private static func drive(_ operation: String, _ path: FilePath?) throws(Errno) {
    #if DEBUG
      if let error = driver.withLock({ $0 })?(operation, path) { throw error }
    #endif
  }

  private static func driveAfter(_ operation: String, _ path: FilePath?) throws(Errno) {
    #if DEBUG
      if let error = driverAfter.withLock({ $0 })?(operation, path) { throw error }
    #endif
  }
}

/// Like mkdir -p. A directory that exists, or that another process creates meanwhile, is no error.
public func makeDirectories(_ path: FilePath, mode: UInt32 = 0o777) throws(IOFailure) {
  do throws(Errno) {
    try FileCalls.makeDirectory(path, mode)
  } catch {
    switch error {
    case .fileExists: return
    case .noSuchFileOrDirectory where path.parent != "." && path.parent != path:
      try makeDirectories(path.parent, mode: mode)
      do throws(Errno) { try FileCalls.makeDirectory(path, mode) } catch {
        if error != .fileExists { throw IOFailure("mkdir", path, error) }
      }
    default: throw IOFailure("mkdir", path, error)
    }
  }
}

extension FileDescriptor {
  /// pwrite(2) of all bytes; continues after short writes.
  public func writeAll(_ bytes: [UInt8], at offset: Int) throws(Errno) {
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
      // If a regular file takes 0 bytes without an error, a retry would not help.
      if written == 0 { throw .ioError }
      done += written
    }
  }
}
