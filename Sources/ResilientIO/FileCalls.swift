import Glibc
internal import Synchronization
internal import SystemCalls
public import SystemPackage

/// Which file it is, and how it looked: by this it is told whether somebody else has been at it.
public struct FileIdentity: Sendable, Equatable {
  public var device: UInt
  public var inode: UInt
  public var size: Int
  var links: UInt
  public var isDirectory: Bool

  init(_ information: stat) {
    device = UInt(information.st_dev)
    inode = UInt(information.st_ino)
    size = Int(information.st_size)
    links = UInt(information.st_nlink)
    isDirectory = information.st_mode & S_IFMT == S_IFDIR
  }

  /// Of an open file; nil if it cannot be asked.
  public init?(of file: FileDescriptor) {
    guard let found = try? FileCalls.status(file) else { return nil }
    self = found
  }

  /// Of what a path leads to.
  public init?(at path: FilePath) {
    guard let found = try? FileCalls.status(path) else { return nil }
    self = found
  }

  public func isSameFile(as other: FileIdentity) -> Bool {
    device == other.device && inode == other.inode
  }
}

/// The calls that this room makes on files, each with its errno as the only error.
///
/// In debug builds a driver can be put in front, which makes a call fail as no file system can be made to.
enum FileCalls {
  static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [],
    _ permissions: FilePermissions = [.ownerReadWrite, .groupReadWrite, .otherReadWrite]
  ) throws(Errno) -> FileDescriptor {
    try drive("open", path)
    return try FileDescriptor.opening(path, mode, options: options, permissions: permissions)
  }

  /// At most all of the bytes.
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

  /// Once: after an error the descriptor is gone all the same.
  static func close(_ file: FileDescriptor) throws(Errno) {
    let result = Glibc.close(file.rawValue)
    let error = errno
    try drive("close", nil)
    if result != 0 { throw Errno(rawValue: error) }
  }

  static func status(_ file: FileDescriptor) throws(Errno) -> FileIdentity {
    try drive("stat", nil)
    var information = stat()
    try valueOrErrno { fstat(file.rawValue, &information) }
    return FileIdentity(information)
  }

  static func status(_ path: FilePath) throws(Errno) -> FileIdentity {
    try drive("stat", path)
    var information = stat()
    try valueOrErrno { path.withPlatformString { stat($0, &information) } }
    return FileIdentity(information)
  }

  static func rename(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno { from.withPlatformString { from in to.withPlatformString { Glibc.rename(from, $0) } } }
  }

  static func unlink(_ path: FilePath) throws(Errno) {
    try drive("unlink", path)
    try valueOrErrno { path.withPlatformString { Glibc.unlink($0) } }
  }

  static func makeDirectory(_ path: FilePath, _ mode: mode_t) throws(Errno) {
    try drive("mkdir", path)
    try valueOrErrno { path.withPlatformString { mkdir($0, mode) } }
  }

  // MARK: The driver

  #if DEBUG
    /// Asked before each call, with its name and path; an errno it gives is the call's result.
    static let driver = Mutex<(@Sendable (String, FilePath?) -> Errno?)?>(nil)
  #endif

  private static func drive(_ operation: String, _ path: FilePath?) throws(Errno) {
    #if DEBUG
      if let error = driver.withLock({ $0 })?(operation, path) { throw error }
    #endif
  }
}

/// mkdir -p. What exists is in order, whoever made it meanwhile.
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
