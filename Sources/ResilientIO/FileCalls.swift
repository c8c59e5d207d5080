import Glibc
internal import CSystemCalls
internal import SystemCalls
public import SystemPackage

/// The file system calls of this target. Each throws only its errno.
///
/// In debug builds, a test can intercept them with a `CallDriver`.
enum FileCalls {
  static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [],
    _ permissions: FilePermissions = [.ownerReadWrite, .groupReadWrite, .otherReadWrite]
  ) throws(Errno) -> FileDescriptor {
    try driven("open", path) { () throws(Errno) in
      try FileDescriptor.opening(path, mode, options: options, permissions: permissions)
    }
  }

  /// Writes at most all of the bytes and returns how many.
  static func pwrite(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer, _ offset: Int) throws(Errno)
    -> Int
  {
    try driven("write", nil) { () throws(Errno) in
      try valueOrErrno { Glibc.pwrite(file.rawValue, bytes.baseAddress, bytes.count, offset) }
    }
  }

  static func pread(_ file: FileDescriptor, _ buffer: UnsafeMutableRawBufferPointer, _ offset: Int)
    throws(Errno) -> Int
  {
    try driven("read", nil) { () throws(Errno) in
      try valueOrErrno { Glibc.pread(file.rawValue, buffer.baseAddress, buffer.count, offset) }
    }
  }

  static func fsync(_ file: FileDescriptor) throws(Errno) {
    try driven("fsync", nil) { () throws(Errno) in try valueOrErrno { Glibc.fsync(file.rawValue) } }
  }

  static func truncate(_ file: FileDescriptor, _ length: Int) throws(Errno) {
    try driven("truncate", nil) { () throws(Errno) in try valueOrErrno { ftruncate(file.rawValue, length) } }
  }

  /// Closes once: the kernel closes the descriptor even if it reports an error. So the driver decides afterwards.
  static func close(_ file: FileDescriptor) throws(Errno) {
    let result = Glibc.close(file.rawValue)
    let error = Errno(rawValue: errno)
    try driven("close", nil) { () throws(Errno) in if result != 0 { throw error } }
  }

  static func status(_ file: FileDescriptor) throws(Errno) -> FileIdentity {
    try driven("stat", nil) { () throws(Errno) in try FileIdentity.asked(of: file) }
  }

  /// The status of a name. If it is a symbolic link, that of the link itself.
  static func status(_ path: FilePath) throws(Errno) -> FileIdentity {
    try driven("stat", path) { () throws(Errno) in try FileIdentity.asked(at: path, followingLinks: false) }
  }

  /// The status of the directory that contains the last path component. Follows links.
  static func directoryStatus(of path: FilePath) throws(Errno) -> FileIdentity {
    try driven("stat", path.parent) { () throws(Errno) in
      try FileIdentity.asked(at: path.parent, followingLinks: true)
    }
  }

  static func rename(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try driven("rename", to) { () throws(Errno) in
      try valueOrErrno {
        from.withPlatformString { from in to.withPlatformString { Glibc.rename(from, $0) } }
      }
    }
  }

  /// Renames to a name that must not exist.
  static func renameNew(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try driven("rename", to) { () throws(Errno) in
      try valueOrErrno {
        from.withPlatformString { from in to.withPlatformString { duct_rename_new(AT_FDCWD, from, $0) } }
      }
    }
  }

  /// Renames to a name that should not exist. If the file system cannot check that itself, an existing file loses
  /// the name. Always one step, unlike `renameNew`.
  static func move(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try driven("rename", to) { () throws(Errno) in
      try valueOrErrno { from.withPlatformString { from in to.withPlatformString { duct_move(from, $0) } } }
    }
  }

  /// Adds a second name, which must not exist.
  static func link(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try driven("rename", to) { () throws(Errno) in
      try valueOrErrno { from.withPlatformString { from in to.withPlatformString { duct_link(from, $0) } } }
    }
  }

  /// Exchanges two names. Not every file system supports it; NFS does not.
  static func exchange(_ one: FilePath, _ other: FilePath) throws(Errno) {
    try driven("rename", other) { () throws(Errno) in
      try valueOrErrno {
        one.withPlatformString { one in other.withPlatformString { duct_exchange(one, $0) } }
      }
    }
  }

  static func unlink(_ path: FilePath) throws(Errno) {
    try driven("unlink", path) { () throws(Errno) in
      try valueOrErrno { path.withPlatformString { Glibc.unlink($0) } }
    }
  }

  static func makeDirectory(_ path: FilePath, _ mode: mode_t) throws(Errno) {
    try driven("mkdir", path) { () throws(Errno) in
      try valueOrErrno { path.withPlatformString { mkdir($0, mode) } }
    }
  }

  /// Makes names in a directory durable. Does nothing if the file system has no fsync for directories, or if this user
  /// may not read the directory.
  static func syncDirectory(of path: FilePath) throws(Errno) {
    let directory: FileDescriptor
    do throws(Errno) {
      directory = try driven("openDirectory", path.parent) { () throws(Errno) in
        try FileDescriptor.opening(path.parent, .readOnly, options: .directory)
      }
    } catch {
      if error == .permissionDenied || error == .notPermitted { return }
      throw error
    }
    defer { directory.closeQuietly() }
    do throws(Errno) {
      try driven("syncDirectory", path.parent) { () throws(Errno) in
        try valueOrErrno { Glibc.fsync(directory.rawValue) }
      }
    } catch {
      if ![.invalidArgument, .notSupported, .noFunction, .badFileDescriptor].contains(error) { throw error }
    }
  }

  // MARK: The driver of a test

  /// Wraps the body of a new thread. In debug builds, the thread gets the driver of the calling thread.
  static func handingOnDriver(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    #if DEBUG
      CallDriver.handingOn(body)
    #else
      body
    #endif
  }

  /// Makes a call as the driver of this thread decides. In release builds, only makes the call.
  @inline(__always) @discardableResult
  private static func driven<Result>(
    _ name: String, _ path: FilePath?, _ call: () throws(Errno) -> Result
  ) throws(Errno) -> Result {
    #if DEBUG
      try CallDriver.perform(name, path, call)
    #else
      try call()
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
