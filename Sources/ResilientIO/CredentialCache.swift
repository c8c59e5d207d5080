import Glibc
internal import SystemCalls
internal import SystemPackage

/// The Kerberos credential cache of the user, where it is a file: when it changes, there may be a new
/// ticket.
public struct CredentialCache: Sendable {
  private let path: FilePath?
  private var last: FileIdentity?

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
    last = path.flatMap { FileIdentity(at: $0) }
  }

  /// Whether it was renewed since the last time this was asked.
  public mutating func hasChanged() -> Bool {
    let now = path.flatMap { FileIdentity(at: $0) }
    defer { last = now }
    return now != last && now != nil
  }
}
