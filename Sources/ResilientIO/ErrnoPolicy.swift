public import SystemPackage

/// What an error on the log directory means, and what is done about it.
public enum FailureKind: String, Sendable {
  /// An expired, revoked or missing Kerberos key: wait for a new one, and say so.
  case credential
  /// The descriptor or the directory is not what it was: open it by its path again.
  case handle
  /// The server or the disk has trouble: it may come back.
  case server
  /// No space: somebody has to make some.
  case space
  /// It will not become better by trying: it waits for the end of the run, and for `recover`.
  case permanent
}

extension Errno {
  /// The meaning of an errno that a call on the log directory gave.
  public var failureKind: FailureKind {
    switch rawValue {
    case 13, 1, 126, 127, 128, 129: .credential  // EACCES EPERM ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED
    case 116, 9, 2: .handle  // ESTALE EBADF ENOENT
    case 28, 122, 27: .space  // ENOSPC EDQUOT EFBIG
    case 30, 22, 36, 20, 40, 21: .permanent  // EROFS EINVAL ENAMETOOLONG ENOTDIR ELOOP EISDIR
    default: .server
    }
  }

  /// Whether the file system has no such call: an exchange of names, say.
  var meansNoSuchCall: Bool { [.notSupported, .noFunction, .invalidArgument].contains(self) }

  /// Whether the file system gives no file a second name: link(2) says so in these ways.
  var meansNoSecondName: Bool { meansNoSuchCall || [.notPermitted, .tooManyLinks].contains(self) }

  /// Whether the cause may be an expired Kerberos ticket: then a new one is the cure.
  public var isAboutCredentials: Bool { failureKind == .credential }
}

/// How long to wait between two tries.
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
