internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// A folder that belongs only to this user, opened once. Its files are reached through its descriptor.
///
/// Others may have created a folder of that name first, or may replace it at any moment. So the path is followed
/// once, and then the open folder is checked. Later changes of names cannot redirect access to files elsewhere. A
/// file is not trusted for its name either: it is opened without following a link and without blocking, and then
/// checked.
public final class PrivateFolder: Sendable {
  /// Why a folder, or a file in it, is not used.
  public struct Refusal: Error, Sendable, CustomStringConvertible {
    /// What is wrong, or the name of the failed call.
    private let text: String
    /// The errno of the failed call. Nil if something else is wrong.
    public let errno: Errno?
    /// The user id of the owner, if that is another user.
    public let owner: UInt32?

    public init(_ description: String, owner: UInt32? = nil) {
      (text, errno) = (description, nil)
      self.owner = owner
    }

    init(_ operation: String, _ errno: Errno) {
      (text, self.errno) = (operation, errno)
      owner = nil
    }

    /// Made on demand, because most refusals (of folders that do not exist) are never shown.
    public var description: String {
      errno.map { "cannot \(text) it: \($0.description) (\($0.name))" } ?? text
    }
  }

  public let path: FilePath
  let descriptor: FileDescriptor
  /// The user id that must own folder and files.
  private let owner: UInt32

  /// Opens an existing folder.
  ///
  /// - Parameter owner: nil: the effective user of this process.
  public convenience init(_ path: FilePath, owner: UInt32? = nil) throws(Refusal) {
    try self.init(path, owner: owner ?? geteuid()) {
      path.withPlatformString { openat(AT_FDCWD, $0, folderFlags) }
    }
  }

  /// Opens a folder in another one.
  ///
  /// - Parameter path: its path after a later rename, if that differs from the current name.
  convenience init(_ name: [UInt8], in parent: PrivateFolder, path: FilePath? = nil) throws(Refusal) {
    try self.init(path ?? parent.path.appending(bytes: name), owner: parent.owner) {
      FilePath(bytes: name).withPlatformString {
        openat(parent.descriptor.rawValue, $0, folderFlags)
      }
    }
  }

  /// A folder in a spool that several processes use. Creates it if it is missing.
  public convenience init(shared name: String, in spool: Spool) throws(Refusal) {
    let base = try PrivateFolder(spool.base)
    try self.init(
      base.path.appending(bytes: Array(name.utf8)), open: base.openShared(name), owner: base.owner)
  }

  /// How often a folder is made anew that its last user removes just then.
  private static let mostTries = 100

  private func openShared(_ name: String) throws(Refusal) -> FileDescriptor {
    for _ in 1..<Self.mostTries {
      do throws(Errno) { try makeFolder(name) } catch {
        if error != .fileExists { throw Refusal("mkdir", error) }
      }
      do throws(Errno) {
        return FileDescriptor(
          rawValue: try valueOrErrno {
            FilePath(name).withPlatformString { openat(descriptor.rawValue, $0, folderFlags) }
          })
      } catch {
        if error != .noSuchFileOrDirectory { throw Refusal("open", error) }
      }
    }
    throw Refusal("open", .noSuchFileOrDirectory)
  }

  private convenience init(
    _ path: FilePath, owner: UInt32, _ open: () -> CInt
  ) throws(Refusal) {
    let number: CInt
    do throws(Errno) { number = try valueOrErrno(open) } catch { throw Refusal("open", error) }
    try self.init(path, open: FileDescriptor(rawValue: number), owner: owner)
  }

  /// Takes over a descriptor that this process has already open. The object closes it.
  init(_ path: FilePath, open descriptor: FileDescriptor, owner: UInt32 = geteuid()) throws(Refusal) {
    self.path = path
    self.descriptor = descriptor
    self.owner = owner
    // All properties are set, so from here on deinit closes the descriptor, also after an error.
    let information = try Self.status(descriptor)
    guard information.st_mode & S_IFMT == S_IFDIR else { throw Refusal("it is no folder") }
    guard information.st_uid == owner else { throw Self.foreign(information.st_uid) }
    guard information.st_mode & 0o022 == 0 else { throw Refusal("others may write into it") }
  }

  deinit { descriptor.closeQuietly() }

  private static func status(_ file: FileDescriptor) throws(Refusal) -> stat {
    var information = stat()
    do throws(Errno) {
      try valueOrErrno { fstat(file.rawValue, &information) }
    } catch {
      throw Refusal("stat", error)
    }
    return information
  }

  private static func foreign(_ user: UInt32) -> Refusal {
    Refusal("it belongs to user \(user)", owner: user)
  }

  /// Whether the path still leads to this folder: it may have been removed or replaced.
  public var isInPlace: Bool {
    var (own, found) = (stat(), stat())
    return fstat(descriptor.rawValue, &own) == 0
      && path.withPlatformString { lstat($0, &found) } == 0
      && own.st_dev == found.st_dev && own.st_ino == found.st_ino
  }

  /// When an entry was last added or removed, in seconds since 1970.
  public var modification: Int { (try? Self.status(descriptor))?.st_mtim.tv_sec ?? 0 }

  // MARK: Files in it

  /// Opens a file. It must be a regular file of the same owner and have no second name.
  public func open(
    _ name: String, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = []
  ) throws(Refusal) -> FileDescriptor {
    let flags = mode.rawValue | options.rawValue | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let number: CInt
    do throws(Errno) {
      number = try valueOrErrno { openat(descriptor.rawValue, name, flags, mode_t(0o600)) }
    } catch {
      throw Refusal("open", error)
    }
    let file = FileDescriptor(rawValue: number)
    // A file that this call has created meets all conditions.
    if options.isSuperset(of: [.create, .exclusiveCreate]) { return file }
    do throws(Refusal) {
      let information = try Self.status(file)
      guard information.st_mode & S_IFMT == S_IFREG else { throw Refusal("it is no regular file") }
      guard information.st_uid == owner else { throw Self.foreign(information.st_uid) }
      guard information.st_nlink == 1 else { throw Refusal("it has another name elsewhere") }
    } catch {
      file.closeQuietly()
      throw error
    }
    return file
  }

  /// Bytes of a file. Nil if there is none of that name, or if its status cannot be read.
  public func size(of name: String) -> Int? {
    var information = stat()
    guard fstatat(descriptor.rawValue, name, &information, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return Int(information.st_size)
  }

  public func has(_ name: String) -> Bool { size(of: name) != nil }

  /// Reads a whole file.
  ///
  /// - Throws: `Refusal` if it has more than `limit` bytes.
  public func read(_ name: String, limit: Int) throws(Refusal) -> [UInt8] {
    let file = try open(name, .readOnly)
    defer { file.closeQuietly() }
    return try readContents(file, limit: limit)
  }

  /// Replaces a file, in one step, by one with this content.
  public func replace(_ name: String, with bytes: [UInt8]) throws(Refusal) {
    let temporary = ".\(name).\(getpid()).tmp"
    let file = try openNew(temporary)
    defer { file.closeQuietly() }
    do throws(Errno) {
      try file.writeAll(bytes)
      try valueOrErrno { renameat(descriptor.rawValue, temporary, descriptor.rawValue, name) }
    } catch {
      _ = unlinkat(descriptor.rawValue, temporary, 0)
      throw Refusal("write", error)
    }
  }

  /// Creates a file with this content, in one step, unless there is one of that name.
  public func offer(_ name: String, _ bytes: [UInt8]) throws(Refusal) {
    let temporary = ".\(name).\(getpid()).tmp"
    let file = try openNew(temporary)
    defer {
      file.closeQuietly()
      remove(temporary)
    }
    do throws(Errno) {
      try file.writeAll(bytes)
      try valueOrErrno { duct_rename_new(descriptor.rawValue, temporary, name) }
    } catch {
      if error != .fileExists { throw Refusal("write", error) }
    }
  }

  private func openNew(_ name: String) throws(Refusal) -> FileDescriptor {
    do throws(Refusal) { return try open(name, .writeOnly, options: [.create, .exclusiveCreate]) } catch {
      guard error.errno == .fileExists else { throw error }
      // Left by a process that was killed and had the same pid.
      remove(name)
      return try open(name, .writeOnly, options: [.create, .exclusiveCreate])
    }
  }

  // MARK: Names in it

  /// The most names that are read. A user who puts more into the folder hides entries only from themselves.
  private static let mostNames = 1 << 20

  /// The names in the folder, without `.` and `..`. Needs no further descriptor.
  public func names() throws(Errno) -> [[UInt8]] { try entryNames(of: descriptor, limit: Self.mostNames) }

  func makeFolder(_ name: String) throws(Errno) {
    try valueOrErrno { mkdirat(descriptor.rawValue, name, 0o700) }
  }

  func rename(_ name: String, to new: String) throws(Errno) {
    try valueOrErrno { renameat(descriptor.rawValue, name, descriptor.rawValue, new) }
  }

  /// Removes a file or an empty folder. A missing name is no error.
  func remove(_ name: [UInt8]) {
    FilePath(bytes: name).withPlatformString {
      if unlinkat(descriptor.rawValue, $0, 0) != 0, errno != ENOENT {
        _ = unlinkat(descriptor.rawValue, $0, AT_REMOVEDIR)
      }
    }
  }

  public func remove(_ name: String) { remove(Array(name.utf8)) }

  /// Removes our files, and then the folder itself if its path still leads to it and nothing else is in it.
  /// Folders in it stay, because duct creates none.
  public func remove(_ isOurs: ([UInt8]) -> Bool) {
    // Of a folder that cannot be listed everything stays: the rmdir below fails.
    for name in (try? names()) ?? [] where isOurs(name) {
      FilePath(bytes: name).withPlatformString { _ = unlinkat(descriptor.rawValue, $0, 0) }
    }
    if isInPlace { path.withPlatformString { _ = rmdir($0) } }
  }
}

private let folderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
