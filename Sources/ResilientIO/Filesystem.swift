import Glibc
internal import SystemCalls
public import SystemPackage

/// The kind of file system under a path: whether only this host is responsible for it.
public enum Filesystem: String, Sendable, Equatable {
  /// A disk or the memory of this host.
  case local
  /// A network, a FUSE daemon, or something unknown: it may hang, expire or disappear.
  case remote

  /// The kind of the mount that the path leads to, or will lead to once it exists.
  ///
  /// Reads only the mount table and never a remote file system: statfs(2) would hang with it. Follows symbolic
  /// links as far as they are on local file systems.
  public static func kind(of path: FilePath) -> Filesystem { table.kind(of: path) }

  /// The absolute path without links, `.` and `..`, resolved as far as it is on local file systems. Never
  /// accesses a remote one. So two spellings of one path are detected as equal.
  public static func resolved(_ path: FilePath) -> FilePath { FilePath(bytes: table.walk(path).path) }

  /// The mount that the path leads to, or will lead to once it exists. Never accesses a remote one. Nil if the mount
  /// table has none.
  public static func mount(of path: FilePath) -> MountedFilesystem? { table.mount(of: path) }

  /// Read at the first use and then fixed: a run decides at its start.
  private static let table = MountTable()
}

/// The mounts of this process, from /proc/self/mountinfo (see proc(5)).
struct MountTable {
  private struct Mount {
    var info: MountInfo
    var isLocal: Bool
    var point: [UInt8] { info.point }
  }

  private static let mostLinks = 40

  /// In the order of the table. A linear search is enough: a dictionary would be faster to search, but when the
  /// program starts, the Swift runtime would need more time to set up its type than all searches take.
  private var mounts: [Mount] = []

  init() { self.init((try? readAll("/proc/self/mountinfo", limit: 16 << 20)) ?? []) }

  init(_ text: [UInt8]) {
    for mount in MountInfo.all(text) {
      let type = String(decoding: mount.type, as: UTF8.self)
      mounts.append(Mount(info: mount, isLocal: Self.isOnThisHost(type)))
    }
  }

  /// Whether a file system of this type has its data on this host. An unknown type counts as remote.
  private static func isOnThisHost(_ type: String) -> Bool {
    switch type {
    case "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "rootfs", "overlay", "aufs", "zfs", "f2fs",
      "jfs", "reiserfs", "bcachefs", "nilfs2", "vfat", "exfat", "ntfs3", "hfsplus", "udf", "iso9660",
      "squashfs", "erofs", "devtmpfs", "devpts", "proc", "sysfs", "mqueue", "hugetlbfs", "cgroup", "cgroup2":
      true
    default: false
    }
  }

  /// A later mount on the same point hides the earlier one.
  private func mount(on point: [UInt8]) -> Mount? { mounts.last { $0.point == point } }

  func kind(of path: FilePath) -> Filesystem { walk(path).kind }

  func mount(of path: FilePath) -> MountedFilesystem? {
    let (kind, resolved) = walk(path)
    let slash = UInt8(ascii: "/")
    func contains(_ point: [UInt8]) -> Bool {
      point == [slash] || resolved == point || resolved.starts(with: point + [slash])
    }
    let longest = mounts.map(\.point).filter(contains).max { $0.count < $1.count }
    return longest.flatMap { mount(on: $0) }.map { MountedFilesystem($0.info, kind) }
  }

  /// Follows a path as far as it is local. Behind that, keeps the path as written.
  func walk(_ path: FilePath) -> (kind: Filesystem, path: [UInt8]) {
    guard var rest = absolute(path.bytes) else { return (.remote, path.bytes) }
    guard mount(on: [UInt8(ascii: "/")])?.isLocal == true else { return (.remote, Self.written([], rest)) }
    // `done` is local. At the first mount that is not, the result is known.
    var done: [UInt8] = []
    var links = 0
    while let name = rest.first {
      rest.removeFirst()
      if name.elementsEqual("..".utf8) {
        done = Self.parent(done)
        continue
      }
      let next = done + [UInt8(ascii: "/")] + name
      // A mount point is not a link, and a remote one may not answer.
      if let mount = mount(on: next) {
        if !mount.isLocal { return (.remote, Self.written(next, rest)) }
        done = next
        continue
      }
      guard let target = linkTarget(of: next) else {
        done = next
        continue
      }
      links += 1
      if links > Self.mostLinks { return (.remote, Self.written(next, rest)) }
      let parts = Self.components(target)
      if target.first == UInt8(ascii: "/") { done = [] }
      rest = parts + rest
    }
    return (.local, Self.written(done, []))
  }

  private static func parent(_ path: [UInt8]) -> [UInt8] {
    path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
  }

  private static func written(_ done: [UInt8], _ rest: [[UInt8]]) -> [UInt8] {
    var path = done
    for name in rest {
      path = name.elementsEqual("..".utf8) ? parent(path) : path + [UInt8(ascii: "/")] + name
    }
    return path.isEmpty ? [UInt8(ascii: "/")] : path
  }

  private func absolute(_ bytes: [UInt8]) -> [[UInt8]]? {
    if bytes.first == UInt8(ascii: "/") { return Self.components(bytes) }
    guard let folder = getcwd(nil, 0) else { return nil }
    defer { free(folder) }
    return Self.components(SystemCalls.bytes(ofCString: folder) + [UInt8(ascii: "/")] + bytes)
  }

  private static func components(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/")).map { Array($0) }.filter { !$0.elementsEqual(".".utf8) }
  }
}
