public import SystemPackage

/// Why something cannot be done, in words for the user, with the errno if a system call failed.
///
/// For errors that callers only report. An error that callers tell apart has a type of its own: `UsageError`,
/// `SlurmFailure`, `IOFailure`, `LaunchFailure`, `PrivateFolder.Refusal`.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
  public var description: String
  /// The error of the failed call; nil if no call failed.
  public var errno: Errno?

  public init(_ description: String, _ errno: Errno? = nil) {
    self.description = description
    self.errno = errno
  }

  /// A failed call, described by its errno alone.
  public init(_ errno: Errno) { self.init("\(errno.description) (\(errno.name))", errno) }
}
