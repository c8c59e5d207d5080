import Glibc
internal import SystemCalls
internal import SystemPackage

/// Detects changes of the user's Kerberos credential cache, if it is a file. A change can mean a new ticket.
public struct CredentialCache: Sendable {
  private let path: FilePath?
  private var last: FileIdentity?

  /// - Parameter name: the value of $KRB5CCNAME. Nil: the default, `/tmp/krb5cc_UID`.
  public init(name: [UInt8]?) {
    let name = name ?? Array("/tmp/krb5cc_\(getuid())".utf8)
    if name.starts(with: "FILE:".utf8) {
      path = FilePath(bytes: Array(name.dropFirst(5)))
    } else if name.starts(with: "DIR:".utf8) {
      // The file `primary` names the collection's primary cache and changes with it.
      path = FilePath(bytes: Array(name.dropFirst(4))).appending(name: "primary")
    } else {
      path = name.first == UInt8(ascii: "/") ? FilePath(bytes: name) : nil
    }
    last = path.flatMap { FileIdentity(at: $0) }
  }

  /// Whether the cache has changed since the previous call.
  public mutating func hasChanged() -> Bool {
    let now = path.flatMap { FileIdentity(at: $0) }
    defer { last = now }
    return now != last && now != nil
  }
}
