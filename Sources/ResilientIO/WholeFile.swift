import Glibc
internal import SystemCalls
public import SystemPackage

/// Writes files that a user has named, so that each is there as a whole or not at all.
///
/// Unlike the records of a run, these are written once, by a program that can report a failure and end.
public enum WholeFile {
  /// Writes a file under a temporary name in the same directory, makes it durable, and gives it its name. If one of these
  /// steps fails, a file that had the name is unchanged. At last it makes the name durable: if that fails, the new file
  /// has the name, and a crash of the host could undo that.
  ///
  /// The new file has the permissions of the one that it replaces, and its owner if this user may set one. If the name
  /// is a symbolic link, the file that it leads to is replaced. Something that is no regular file, such as /dev/null or a
  /// FIFO, is written to and not replaced.
  public static func write(_ bytes: [UInt8], to name: FilePath) throws(IOFailure) {
    let path = resolved(name)
    var former = stat()
    let exists = path.withPlatformString { stat($0, &former) } == 0
    if exists, former.st_mode & S_IFMT != S_IFREG { return try append(bytes, to: path) }
    let temporary = path.parent.appending(".duct-\(String(UInt64.random(in: 0...(.max)), radix: 16))")
    do throws(IOFailure) {
      try create(temporary, bytes, like: exists ? former : nil)
      try attempt("rename", path) { () throws(Errno) in try FileCalls.rename(temporary, path) }
    } catch {
      try? FileCalls.unlink(temporary)
      throw IOFailure(error.operation, path, error.errno)
    }
    try attempt("sync", path.parent) { () throws(Errno) in try FileCalls.syncDirectory(of: path) }
  }

  /// The file that a link leads to. If there is none, the name itself.
  private static func resolved(_ name: FilePath) -> FilePath {
    guard let text = name.withPlatformString({ realpath($0, nil) }) else { return name }
    defer { free(text) }
    return FilePath(platformString: text)
  }

  private static func create(_ path: FilePath, _ bytes: [UInt8], like former: stat?) throws(IOFailure) {
    try attempt("write", path) { () throws(Errno) in
      let file = try FileCalls.open(path, .writeOnly, [.create, .exclusiveCreate, .noFollow])
      var isOpen = true
      defer { if isOpen { file.closeQuietly() } }
      if let former {
        // Only root can give a file away. Permissions come after the owner, because a change of owner takes some away.
        if former.st_uid != geteuid() || former.st_gid != getegid() {
          _ = fchown(file.rawValue, former.st_uid, former.st_gid)
        }
        // A report that was readable for its owner alone must not become readable for all.
        if fchmod(file.rawValue, former.st_mode & 0o777) != 0 { throw Errno(rawValue: errno) }
      }
      try file.writeAll(bytes, at: 0)
      try FileCalls.fsync(file)
      isOpen = false
      // NFS reports here that a disk or a quota is full.
      try FileCalls.close(file)
    }
  }

  private static func append(_ bytes: [UInt8], to path: FilePath) throws(IOFailure) {
    try attempt("write", path) { () throws(Errno) in
      let file = try FileDescriptor.opening(path, .writeOnly)
      defer { file.closeQuietly() }
      try file.writeAll(bytes)
    }
  }
}
