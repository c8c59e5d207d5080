internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// The removal of a file that is ours, and of nothing else that has come to its name.
enum FileRemoval {
  /// Removes the file at `path` if it is that one. It is taken out of its name first: between a look and unlink(2)
  /// another file could get there.
  ///
  /// - Parameter label: of the run, for a temporary name.
  /// - Returns: whether our file is gone from that name.
  @discardableResult
  static func remove(
    _ path: FilePath, label: String, where isOurs: (FileIdentity) -> Bool
  ) throws(IOFailure) -> Bool {
    guard let found = try found(path), isOurs(found) else { return false }
    let away = TargetNames(path: path, label: label).path(.temporary(-1))
    do throws(Errno) { try FileCalls.renameNew(path, away) } catch {
      if error == .noSuchFileOrDirectory { return false }
      // Where a file system gives no such name there is the look.
      return try unlink(path)
    }
    if let taken = try Self.found(away), !isOurs(taken) {
      try attempt("rename", path) { () throws(Errno) in try FileCalls.renameNew(away, path) }
      return false
    }
    return try unlink(away)
  }

  private static func found(_ path: FilePath) throws(IOFailure) -> FileIdentity? {
    do throws(Errno) { return try FileCalls.status(path) } catch {
      if error == .noSuchFileOrDirectory { return nil }
      throw IOFailure("stat", path, error)
    }
  }

  private static func unlink(_ path: FilePath) throws(IOFailure) -> Bool {
    do throws(Errno) { try FileCalls.unlink(path) } catch {
      if error != .noSuchFileOrDirectory { throw IOFailure("unlink", path, error) }
    }
    return true
  }
}
