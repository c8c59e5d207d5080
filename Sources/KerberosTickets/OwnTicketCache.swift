internal import CSystemCalls
import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The credential cache of one run: a copy of the user's.
///
/// It is a file in /tmp whose name begins as that of a user's cache. There rpc.gssd looks for tickets of a user, besides
/// in the user's default cache: in every regular file `krb5cc*` that the user owns. So the kernel finds it, also after
/// a logout has destroyed the user's own. Its name follows from the id of the run, so `recover` finds it too.
public struct OwnTicketCache: Sendable {
  private let file: String
  /// A folder beside it, in which libkrb5 writes. libkrb5 removes a file and makes it again: in /tmp itself, another
  /// user could make it in between. And rpc.gssd would see it half written. It stays until the end of the run:
  /// otherwise another user, who knows its name by then, could make it.
  private let folder: String

  public init(runID: String) {
    file = "/tmp/krb5cc_\(geteuid())_duct-\(runID)"
    folder = "/tmp/.duct-ticket-\(geteuid())-\(runID)"
  }

  /// For libkrb5 and its programs.
  public var name: String { "FILE:\(file)" }

  private var preparedFile: String { folder + "/ticket" }

  /// The name of a cache that only this user can reach, to be filled before `publish`.
  func prepare() throws(Problem) -> String {
    do throws(Errno) { try valueOrErrno { mkdir(folder, 0o700) } } catch {
      // An earlier process of the run was killed.
      guard error == .fileExists, isOwn(folder, S_IFDIR) else { throw failure("make", folder, error) }
    }
    return "FILE:\(preparedFile)"
  }

  /// Puts the prepared cache in its place, in one step.
  ///
  /// - Parameter isFirst: nothing may be there.
  func publish(isFirst: Bool) throws(Problem) {
    do throws(Errno) {
      try valueOrErrno { chmod(preparedFile, 0o600) }
      if isFirst {
        try valueOrErrno { duct_rename_new(AT_FDCWD, preparedFile, file) }
      } else {
        try valueOrErrno { rename(preparedFile, file) }
      }
    } catch { throw failure("make", file, error) }
  }

  /// Removes everything of it. What is not there, or another user's, is no error.
  public func remove() {
    if isOwn(file, S_IFREG) { unlink(file) }
    guard isOwn(folder, S_IFDIR) else { return }
    unlink(preparedFile)
    rmdir(folder)
  }

  private func isOwn(_ path: String, _ kind: mode_t) -> Bool {
    var information = stat()
    return lstat(path, &information) == 0 && information.st_mode & S_IFMT == kind
      && information.st_uid == geteuid() && information.st_mode & 0o077 == 0
  }

  private func failure(_ what: String, _ path: String, _ errno: Errno) -> Problem {
    Problem("cannot \(what) \(path): \(errno.description) (\(errno.name))", errno)
  }
}
