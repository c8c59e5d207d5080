internal import CSystemCalls
import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// duct's own executable, which may be on a file system that fails.
///
/// With an expired ticket, the kernel cannot read the pages of a program on Kerberos NFS. The program dies of SIGBUS at
/// the first page that is not in memory, and its helpers cannot start. So if duct is on a remote file system, it runs
/// from a copy in memory.
public enum OwnProgram {
  /// The variable that names the executable to a copy in memory.
  public static let variable = "DUCT_EXECUTABLE"

  /// Continues from a copy in memory, if the executable is on a remote file system. Does not return in that case.
  /// Does nothing if no copy is needed or possible.
  public static func protect() {
    let own = link
    if own.bytes.starts(with: Array("/memfd:".utf8)) {
      // Otherwise ps would show a number as the name.
      duct_name_thread("duct")
      return
    }
    guard getenv(variable) == nil, Filesystem.kind(of: own) == .remote, let copy = copy(own) else { return }
    setenv(variable, String(decoding: own.bytes, as: UTF8.self), 1)
    if let arguments = processArgumentVector { execv("/proc/self/fd/\(copy.rawValue)", arguments) }
    unsetenv(variable)
    copy.closeQuietly()
  }

  /// The path of the executable.
  static var path: FilePath {
    let own = link
    guard own.bytes.starts(with: Array("/memfd:".utf8)), let text = getenv(variable) else { return own }
    return FilePath(bytes: bytes(ofCString: text))
  }

  /// True if this process runs from a copy in memory.
  public static var isCopy: Bool { link.bytes.starts(with: Array("/memfd:".utf8)) }

  /// A path through which children of this process can execute it, even if the file is gone or unreadable.
  static var executable: FilePath { isCopy ? FilePath("/proc/\(number)/exe") : path }

  /// The path of a helper. If this process runs from a copy in memory, the helper does too.
  static func helper(_ path: FilePath) -> FilePath {
    guard isCopy, Filesystem.kind(of: path) == .remote, let copy = copy(path) else { return path }
    return FilePath("/proc/\(number)/fd/\(copy.rawValue)")
  }

  /// The number of this process in /proc, under which its children find it.
  private static var number: Int32 { ProcNumbers.current.own ?? getpid() }

  /// Read once, because a release that is installed later takes the name away from this executable.
  private static let link = FilePath(
    bytes: linkTarget(of: Array("/proc/self/exe".utf8)) ?? executedPath.map(withoutLinks) ?? [])

  /// Resolves links with realpath(3), for a system without /proc.
  private static func withoutLinks(_ path: [UInt8]) -> [UInt8] {
    guard let real = FilePath(bytes: path).withPlatformString({ realpath($0, nil) }) else { return path }
    defer { free(real) }
    return bytes(ofCString: real)
  }

  private static func copy(_ path: FilePath) -> FileDescriptor? {
    guard let bytes = try? readAll(path, limit: 1 << 30), !bytes.isEmpty,
      let memory = try? FileDescriptor.memory("duct")
    else { return nil }
    do throws(Errno) { try memory.writeAll(bytes) } catch {
      memory.closeQuietly()
      return nil
    }
    return memory
  }
}
