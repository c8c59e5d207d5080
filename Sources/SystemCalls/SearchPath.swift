import Glibc
public import SystemPackage

/// Finds a file by its name in a search path such as PATH.
///
/// Works on bytes, because this runs before a command starts and a PATH may be long.
///
/// - Parameters:
///   - path: folders separated by colons; an empty one is the working directory. Nil: the folders that execvp(3)
///     uses if PATH is not set.
///   - mode: the permission that access(2) must grant on the file. Nil: execution.
/// - Returns: the first match; nil if there is none.
public func file(
  named name: [UInt8], inSearchPath path: [UInt8]?, granting mode: CInt? = nil
) -> FilePath? {
  let folders = (path ?? Array("/bin:/usr/bin".utf8)).split(
    separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
  return folders.lazy
    .map { FilePath(bytes: ($0.isEmpty ? [UInt8(ascii: ".")] : Array($0)) + [UInt8(ascii: "/")] + name) }
    .first { $0.withPlatformString { access($0, mode ?? X_OK) } == 0 }
}
