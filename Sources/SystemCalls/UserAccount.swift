import Glibc

/// An account in the user database, from getpwuid(3) or getpwnam(3).
///
/// The name service may be slow to answer: do not call this on a thread that must not wait.
public struct UserAccount: Sendable {
  public let name: [UInt8]
  public let uid: UInt32
  /// The home directory; empty if the account has none.
  public let home: [UInt8]

  /// Nil if no account has this user id.
  public init?(uid: UInt32) { self.init(getpwuid(uid)) }

  /// Nil if no account has this name.
  public init?(name: [UInt8]) {
    let entry = (name + [0]).withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { $0.baseAddress.flatMap { getpwnam($0) } }
    }
    self.init(entry)
  }

  private init?(_ entry: UnsafeMutablePointer<passwd>?) {
    guard let entry, let name = entry.pointee.pw_name else { return nil }
    self.name = bytes(ofCString: name)
    uid = entry.pointee.pw_uid
    home = entry.pointee.pw_dir.map { bytes(ofCString: $0) } ?? []
  }
}
