import Glibc
public import SystemPackage

/// What an error on the log directory means. `DeliveryAttempts` decides on immediate retries, `DeliveryLoop` on the
/// pauses between later ones.
public enum FailureKind: String, Sendable {
  /// A Kerberos key is expired, revoked or missing, or access is denied: tell the user, and retry after pauses of 1 s
  /// to 60 s, or as soon as there is a new ticket.
  case credential
  /// The descriptor or the directory is stale: open it by its path again.
  case handle
  /// The server or the disk has a problem that may pass.
  case server
  /// No space: somebody must free some.
  case space
  /// An immediate retry does not help: retry each minute, because somebody may repair the directory. At the end of the
  /// run the data waits in the spool, for `recover`.
  case permanent
}

extension Errno {
  /// The meaning of an errno from a call on the log directory.
  public var failureKind: FailureKind {
    switch rawValue {
    // Qualified: inside Errno, the bare names mean its own members.
    case Glibc.EACCES, Glibc.EPERM, Glibc.ENOKEY, Glibc.EKEYEXPIRED, Glibc.EKEYREVOKED, Glibc.EKEYREJECTED:
      .credential
    case Glibc.ESTALE, Glibc.EBADF, Glibc.ENOENT: .handle
    case Glibc.ENOSPC, Glibc.EDQUOT, Glibc.EFBIG: .space
    case Glibc.EROFS, Glibc.EINVAL, Glibc.ENAMETOOLONG, Glibc.ENOTDIR, Glibc.ELOOP, Glibc.EISDIR: .permanent
    default: .server
    }
  }

  /// Whether the file system does not support the call, such as an exchange of names.
  var meansNoSuchCall: Bool { [.notSupported, .noFunction, .invalidArgument].contains(self) }

  /// Whether link(2) failed because the file system does not support hard links.
  var meansNoSecondName: Bool { meansNoSuchCall || [.notPermitted, .tooManyLinks].contains(self) }

  /// Whether an expired Kerberos ticket may be the cause, so that a new ticket helps.
  public var isAboutCredentials: Bool { failureKind == .credential }
}

/// The pause between two tries.
struct Backoff: Sendable, Equatable {
  private static let longest = 60.0
  /// Seconds.
  private(set) var length: Double

  init(_ kind: FailureKind) {
    switch kind {
    case .credential, .handle, .server: length = 1
    case .space: length = 5
    case .permanent: length = Self.longest
    }
  }

  mutating func grow() { length = min(length * 2, Self.longest) }
}
