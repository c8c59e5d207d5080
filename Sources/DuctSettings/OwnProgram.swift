internal import CSystemCalls
import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// duct's own executable, which may lie on the file system that fails.
///
/// With an expired ticket the pages of a program on Kerberos NFS can no longer be read: it dies of SIGBUS
/// at the first one that is not in memory, and its helpers cannot be started. So a duct that lies on a
/// remote file system runs from a copy in memory.
public enum OwnProgram {
  /// Tells a copy in memory where the executable lies.
  public static let variable = "DUCT_EXECUTABLE"

  /// Goes on from a copy in memory, where that is needed: does not return then. Where it is not, or cannot
  /// be done, nothing happens.
  public static func protect() {
    let own = link
    if own.bytes.starts(with: Array("/memfd:".utf8)) {
      // The name that ps shows would be a number.
      duct_name_thread("duct")
      return
    }
    guard getenv(variable) == nil, Filesystem.kind(of: own) == .remote, let copy = copy(own) else { return }
    setenv(variable, String(decoding: own.bytes, as: UTF8.self), 1)
    if let arguments = processArgumentVector { execv("/proc/self/fd/\(copy.rawValue)", arguments) }
    unsetenv(variable)
    copy.closeQuietly()
  }

  /// Where the executable lies.
  static var path: FilePath {
    let own = link
    guard own.bytes.starts(with: Array("/memfd:".utf8)), let text = getenv(variable) else { return own }
    return FilePath(bytes: bytes(ofCString: text))
  }

  /// Whether this is a copy in memory.
  public static var isCopy: Bool { link.bytes.starts(with: Array("/memfd:".utf8)) }

  /// A path by which children of this process can execute it, whatever becomes of the file.
  static var executable: FilePath { isCopy ? FilePath("/proc/\(number)/exe") : path }

  /// A helper, from a copy in memory if this is one.
  static func helper(_ path: FilePath) -> FilePath {
    guard isCopy, Filesystem.kind(of: path) == .remote, let copy = copy(path) else { return path }
    return FilePath("/proc/\(number)/fd/\(copy.rawValue)")
  }

  /// This process, as /proc has it: children find it by that.
  private static var number: Int32 { ProcNumbers.current.own ?? getpid() }

  /// As it was at the start: a release that is installed meanwhile takes the name away from this one.
  private static let link = FilePath(
    bytes: linkTarget(of: Array("/proc/self/exe".utf8)) ?? executedPath.map(withoutLinks) ?? [])

  /// Where /proc does not tell: realpath(3).
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
