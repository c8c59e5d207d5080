internal import CSystemCalls
import Glibc
public import SystemPackage

/// Identity and metadata of a file, to detect whether a file is ours and whether something else replaced or
/// modified it.
///
/// A name or an inode number alone does not identify a file: the file system reuses both. `handle` identifies it,
/// where the file system has handles (ext4, xfs, btrfs, tmpfs, NFS and others): the handle contains the generation
/// of the inode number and stays valid after a remount and a reboot. `birth` is nearly as good. Where a file system
/// has neither, an identity that another process noted is valid only as long as the file has not changed since.
public struct FileIdentity: Sendable, Equatable, CustomStringConvertible {
  public struct Time: Sendable, Equatable {
    public var seconds: Int
    public var nanoseconds: Int

    public init(seconds: Int, nanoseconds: Int) {
      self.seconds = seconds
      self.nanoseconds = nanoseconds
    }

    init(_ time: timespec) { (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec) }
  }

  /// The file handle that name_to_handle_at(2) returns.
  public struct Handle: Sendable, Equatable {
    public var type: Int32
    public var bytes: [UInt8]

    public init(type: Int32, bytes: [UInt8]) {
      self.type = type
      self.bytes = bytes
    }
  }

  public enum Kind: Sendable { case regular, directory, link, other }

  public var device: UInt64
  public var inode: UInt64
  /// Bytes.
  public var size: Int
  public var links = 1
  public var owner: UInt32 = 0
  public var kind = Kind.regular
  /// When the file was created. Nil if the file system does not record it.
  public var birth: Time?
  public var modification: Time
  public var handle: Handle?

  public init(
    device: UInt64, inode: UInt64, size: Int, birth: Time? = nil, modification: Time, handle: Handle? = nil
  ) {
    self.device = device
    self.inode = inode
    self.size = size
    self.birth = birth
    self.modification = modification
    self.handle = handle
  }

  private init(_ status: duct_file_status) {
    device = status.device
    inode = status.inode
    size = Int(clamping: status.size)
    links = Int(clamping: status.links)
    owner = status.owner
    switch status.mode & S_IFMT {
    case S_IFREG: kind = .regular
    case S_IFDIR: kind = .directory
    case S_IFLNK: kind = .link
    default: kind = .other
    }
    birth = status.birth.tv_sec == 0 ? nil : Time(status.birth)
    modification = Time(status.modification)
    if status.handle_size > 0 {
      let bytes = withUnsafeBytes(of: status.handle) { Array($0.prefix(Int(status.handle_size))) }
      handle = Handle(type: status.handle_type, bytes: bytes)
    }
  }

  public var description: String { "inode \(inode), \(size) bytes, \(links) links" }

  public var isDirectory: Bool { kind == .directory }

  /// The identity of an open file; nil if statx(2) fails.
  public init?(of file: FileDescriptor) {
    guard let found = try? Self.asked(of: file) else { return nil }
    self = found
  }

  /// The identity of the file that a path leads to; nil if statx(2) fails.
  public init?(at path: FilePath) {
    guard let found = try? Self.asked(at: path, followingLinks: true) else { return nil }
    self = found
  }

  /// statx(2) of an open file.
  public static func asked(of file: FileDescriptor) throws(Errno) -> FileIdentity {
    var status = duct_file_status()
    try valueOrErrno { duct_file_status(file.rawValue, nil, true, &status) }
    return FileIdentity(status)
  }

  /// statx(2) of a path.
  public static func asked(at path: FilePath, followingLinks: Bool) throws(Errno) -> FileIdentity {
    var status = duct_file_status()
    try valueOrErrno { path.withPlatformString { duct_file_status(-1, $0, followingLinks, &status) } }
    return FileIdentity(status)
  }

  // MARK: The same file

  /// How surely two identities describe the same file.
  private enum Likeness { case certain, byNumberOnly, none }

  private func likeness(to other: FileIdentity) -> Likeness {
    if inode != other.inode || kind != other.kind { return .none }
    if let handle, let theirs = other.handle, handle != theirs { return .none }
    if let birth, let theirs = other.birth, birth != theirs { return .none }
    // A remount or a reboot changes the device number, so a certain match does not compare it.
    if handle != nil && other.handle != nil || birth != nil && other.birth != nil { return .certain }
    return device == other.device ? .byNumberOnly : .none
  }

  /// Whether the identity of a file that this process has open and the identity found under a name describe the
  /// same file. While the file is open, the file system cannot reuse its inode number.
  public func isSameFile(as other: FileIdentity) -> Bool {
    if case .none = likeness(to: other) { return false }
    return true
  }

  /// Whether this identifies the file for certain, also to another process at a later time.
  public var isCertain: Bool { handle != nil || birth != nil }

  /// Whether this is the file whose identity another process noted. In doubt it is not: if the file system may have
  /// reused the inode number, size and modification time must be equal too.
  public func isFile(noted: FileIdentity) -> Bool {
    switch likeness(to: noted) {
    case .certain: true
    case .byNumberOnly: size == noted.size && modification == noted.modification
    case .none: false
    }
  }
}
