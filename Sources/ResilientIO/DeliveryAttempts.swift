internal import SystemPackage

/// Decides how often a file is retried immediately, and what to do between two tries. Makes no calls.
struct DeliveryAttempts: Sendable {
  enum Next: Sendable, Equatable {
    case tryAgain
    /// Create the directory of the file and its missing parents.
    case makeDirectory
    /// Report the failure and retry after a pause.
    case giveUp
  }

  private static let most = 3

  /// Failed tries so far.
  private(set) var failures = 0
  private var mayMakeDirectory: Bool

  /// - Parameter mayMakeDirectory: the directory has not existed yet in this run, so it may be created.
  init(mayMakeDirectory: Bool) { self.mayMakeDirectory = mayMakeDirectory }

  /// Returns what to do after a failed try.
  mutating func failed(_ error: Errno) -> Next {
    failures += 1
    if error == .noSuchFileOrDirectory, mayMakeDirectory { return .makeDirectory }
    // Do not retry a permanent failure immediately.
    return failures >= Self.most || error.failureKind == .permanent ? .giveUp : .tryAgain
  }

  /// The directory cannot be made: some never can, as below /proc. Returns what to do.
  mutating func failedToMakeDirectory(_ error: Errno) -> Next {
    mayMakeDirectory = false
    return failed(error)
  }

  /// The directory exists. The failed try does not count, because it could not succeed without the directory.
  mutating func madeDirectory() {
    mayMakeDirectory = false
    failures -= 1
  }
}
