internal import CSystemCalls
import Glibc
public import SystemPackage

/// Reads the entries of an open directory with getdents64(2), without allocating memory for each.
///
/// - Parameters:
///   - start: the directory offset to begin at: 0, or an offset that has a meaning in this file system, as in
///     /proc.
///   - buffer: receives some of the entries at a time. Usually 32 KiB or more.
///   - body: receives the inode number and the name of an entry, including `.` and `..`. The name is valid only
///     during the call. Returning false ends the listing.
public func forEachEntry(
  of directory: FileDescriptor, from start: Int = 0, _ buffer: UnsafeMutableRawBufferPointer,
  _ body: (_ inode: UInt64, _ name: UnsafeRawBufferPointer) -> Bool
) throws(Errno) {
  guard let base = buffer.baseAddress else { return }
  _ = try valueOrErrno { lseek(directory.rawValue, start, SEEK_SET) }
  while true {
    let got = try valueOrErrno { duct_list_directory(directory.rawValue, base, buffer.count) }
    if got == 0 { return }
    var at = 0
    while at + DirectoryEntry.name < got {
      let entry = base + at
      let length = Int(entry.loadUnaligned(fromByteOffset: DirectoryEntry.length, as: UInt16.self))
      let name = (entry + DirectoryEntry.name).assumingMemoryBound(to: CChar.self)
      let inode = entry.loadUnaligned(fromByteOffset: DirectoryEntry.inode, as: UInt64.self)
      if !body(inode, UnsafeRawBufferPointer(start: name, count: strlen(name))) { return }
      at += max(length, DirectoryEntry.name + 1)
    }
  }
}

/// Offsets in struct linux_dirent64, see getdents64(2).
private enum DirectoryEntry {
  static let inode = 0
  static let length = 16
  /// The name ends with a NUL.
  static let name = 19
}

/// The names in an open directory, without `.` and `..`.
///
/// - Parameters:
///   - prefix: only names that begin with this.
///   - limit: the most entries to read, including those with other beginnings.
public func entryNames(
  of directory: FileDescriptor, beginningWith prefix: String = "", limit: Int = .max
) throws(Errno) -> [[UInt8]] {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 << 10, alignment: 8)
  defer { buffer.deallocate() }
  var names: [[UInt8]] = []
  var left = limit
  try forEachEntry(of: directory, buffer) { _, name in
    let isDots = name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8)
    if !isDots, name.starts(with: prefix.utf8) { names.append(Array(name)) }
    left -= 1
    return left > 0
  }
  return names
}
