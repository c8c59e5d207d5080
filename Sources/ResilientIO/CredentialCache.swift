import Glibc
internal import SystemCalls
internal import SystemPackage

/// The Kerberos credential cache of the user, where it is a file: when it changes, there may be a new
/// ticket.
public struct CredentialCache: Sendable {
  private struct Look: Sendable, Equatable {
    var identity: FileIdentity?
    var seconds = 0
    var nanoseconds = 0
  }

  private let path: FilePath?
  private var last: Look

  /// - Parameter name: the value of $KRB5CCNAME; nil: the default, `/tmp/krb5cc_UID`.
  public init(name: [UInt8]?) {
    let name = name ?? Array("/tmp/krb5cc_\(getuid())".utf8)
    if name.starts(with: "FILE:".utf8) {
      path = FilePath(bytes: Array(name.dropFirst(5)))
    } else if name.starts(with: "DIR:".utf8) {
      // The collection's primary cache is named in a file that changes with it.
      path = FilePath(bytes: Array(name.dropFirst(4))).appending(name: "primary")
    } else {
      path = name.first == UInt8(ascii: "/") ? FilePath(bytes: name) : nil
    }
    last = Look()
    last = look()
  }

  /// Whether it was renewed since the last time this was asked.
  public mutating func hasChanged() -> Bool {
    let now = look()
    defer { last = now }
    return now != last && now.identity != nil
  }

  private func look() -> Look {
    var information = stat()
    guard let path, path.withPlatformString({ stat($0, &information) }) == 0 else { return Look() }
    return Look(
      identity: FileIdentity(information), seconds: information.st_mtim.tv_sec,
      nanoseconds: information.st_mtim.tv_nsec)
  }
}
