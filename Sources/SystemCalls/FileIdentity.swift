internal import CSystemCalls
import Glibc
public import SystemPackage

/// Which file it is, and how it looked: by this it is told whether a file is ours, and whether somebody else has
/// been at it.
///
/// A name or an inode number alone does not say which file it is: both are given again. `handle` does, where the
/// file system has one (ext4, xfs, btrfs, tmpfs, NFS and others): it holds the generation of the number and
/// outlives a remount and a reboot. `birth` does nearly as well. Where a file system has neither, what another
/// process has noted is good only as long as the file has not changed since.
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

  /// What name_to_handle_at(2) says.
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
  /// When it was made. Nil where the file system does not tell.
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

  /// Of an open file; nil if it cannot be asked.
  public init?(of file: FileDescriptor) {
    guard let found = try? Self.asked(of: file) else { return nil }
    self = found
  }

  /// Of what a path leads to; nil if it cannot be asked.
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

  /// How much two looks say about being at one file.
  private enum Likeness { case certain, byNumberOnly, none }

  private func likeness(to other: FileIdentity) -> Likeness {
    if inode != other.inode || kind != other.kind { return .none }
    if let handle, let theirs = other.handle, handle != theirs { return .none }
    if let birth, let theirs = other.birth, birth != theirs { return .none }
    // The device's number changes with a remount or a reboot: what is certain does not need it.
    if handle != nil && other.handle != nil || birth != nil && other.birth != nil { return .certain }
    return device == other.device ? .byNumberOnly : .none
  }

  /// Whether a look at a file that this process has open, and a look at a name, show the same file: its number
  /// cannot have been given again meanwhile.
  public func isSameFile(as other: FileIdentity) -> Bool {
    if case .none = likeness(to: other) { return false }
    return true
  }

  /// Whether a look says for certain which file it is, also to another process at another time.
  public var isCertain: Bool { handle != nil || birth != nil }

  /// Whether this is the file that another process has noted. In doubt it is not: where its number may have been
  /// given again, it must look as it did.
  public func isFile(noted: FileIdentity) -> Bool {
    switch likeness(to: noted) {
    case .certain: true
    case .byNumberOnly: size == noted.size && modification == noted.modification
    case .none: false
    }
  }
}
