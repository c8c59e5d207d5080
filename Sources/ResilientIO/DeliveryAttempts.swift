internal import SystemPackage

/// How often a file is tried at once, and what is done between two tries. Decides, and calls nothing.
struct DeliveryAttempts: Sendable {
  enum Next: Sendable, Equatable {
    case tryAgain
    /// The directory of the file, with what is above it.
    case makeDirectory
    /// The failure is told, and the file tried again after a pause.
    case giveUp
  }

  private static let most = 3

  /// Tries so far that have failed.
  private(set) var failures = 0
  private var mayMakeDirectory: Bool

  /// - Parameter mayMakeDirectory: it has not been there yet.
  init(mayMakeDirectory: Bool) { self.mayMakeDirectory = mayMakeDirectory }

  /// A try has failed.
  mutating func failed(_ error: Errno) -> Next {
    failures += 1
    if error == .noSuchFileOrDirectory, mayMakeDirectory { return .makeDirectory }
    // What cannot get better is not tried at once again.
    return failures >= Self.most || error.failureKind == .permanent ? .giveUp : .tryAgain
  }

  /// The directory is there now: that try did not count, it could not have succeeded.
  mutating func madeDirectory() {
    mayMakeDirectory = false
    failures -= 1
  }
}
