import Glibc
internal import CSystemCalls
internal import Synchronization
internal import SystemCalls
public import SystemPackage

/// Which file it is, and how it looked: by this it is told whether somebody else has been at it.
public struct FileIdentity: Sendable, Equatable {
  struct Time: Sendable, Equatable {
    var seconds: Int
    var nanoseconds: Int

    init(_ time: timespec) { (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec) }
  }

  public var device: UInt64
  public var inode: UInt64
  public var size: Int
  var links: UInt64
  public var isDirectory: Bool
  /// When it was made: an inode number is given again. Nil where the file system does not tell.
  var birth: Time?
  var modification: Time

  init(_ status: duct_file_status) {
    device = status.device
    inode = status.inode
    size = Int(status.size)
    links = status.links
    isDirectory = status.mode & S_IFMT == S_IFDIR
    birth = status.birth.tv_sec == 0 ? nil : Time(status.birth)
    modification = Time(status.modification)
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
      && (birth == other.birth || birth == nil || other.birth == nil)
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
    var status = duct_file_status()
    try valueOrErrno { duct_file_status(file.rawValue, nil, &status) }
    return FileIdentity(status)
  }

  static func status(_ path: FilePath) throws(Errno) -> FileIdentity {
    try drive("stat", path)
    var status = duct_file_status()
    try valueOrErrno { path.withPlatformString { duct_file_status(-1, $0, &status) } }
    return FileIdentity(status)
  }

  static func rename(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno { from.withPlatformString { from in to.withPlatformString { Glibc.rename(from, $0) } } }
  }

  /// To a name that nothing has.
  static func renameNew(_ from: FilePath, _ to: FilePath) throws(Errno) {
    try drive("rename", to)
    try valueOrErrno {
      from.withPlatformString { from in to.withPlatformString { duct_rename_new(from, $0) } }
    }
  }

  /// Each gets the other's name. Not every file system can do that: NFS cannot.
  static func exchange(_ one: FilePath, _ other: FilePath) throws(Errno) {
    try drive("rename", other)
    try valueOrErrno {
      one.withPlatformString { one in other.withPlatformString { duct_exchange(one, $0) } }
    }
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

/// Creates a file, with O_EXCL.
///
/// - Parameter taking: whoever has that name loses it. A run that writes its own again in the same moment
///   does so no more than once or twice.
public func createFile(_ path: FilePath, taking: Bool) throws(Errno) -> FileDescriptor {
  var triesLeft = taking ? 3 : 0
  while true {
    do throws(Errno) { return try FileCalls.open(path, .readWrite, [.create, .exclusiveCreate]) } catch {
      guard error == .fileExists, triesLeft > 0 else { throw error }
      triesLeft -= 1
      try? FileCalls.unlink(path)
    }
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
