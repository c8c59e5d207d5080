import Glibc
public import SystemPackage

/// The file that a search path, such as PATH, leads to by a name.
///
/// On bytes: this is asked before a command starts, and a PATH may be long.
///
/// - Parameters:
///   - path: folders between colons, an empty one for the working directory. Nil: those that execvp(3) takes then.
///   - mode: what access(2) has to grant on the file. Nil: that it is executed.
/// - Returns: the first such file; nil where there is none.
public func file(
  named name: [UInt8], inSearchPath path: [UInt8]?, granting mode: CInt? = nil
) -> FilePath? {
  let folders = (path ?? Array("/bin:/usr/bin".utf8)).split(
    separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
  return folders.lazy
    .map { FilePath(bytes: ($0.isEmpty ? [UInt8(ascii: ".")] : Array($0)) + [UInt8(ascii: "/")] + name) }
    .first { $0.withPlatformString { access($0, mode ?? X_OK) } == 0 }
}
