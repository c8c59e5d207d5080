import Glibc
import SystemCalls
public import Testing

/// Something that not every host has, or not every user may do.
public struct Requirement: Sendable {
  fileprivate let missing: @Sendable () -> String?

  /// - Parameter missing: says what is missing, and what brings it; nil where it is there.
  public init(_ missing: @escaping @Sendable () -> String?) { self.missing = missing }

  /// Another user's files, mounts, namespaces, and permissions that root alone ignores.
  public static let root = Requirement {
    geteuid() == 0 ? nil : "it needs root: run `make test` as root"
  }

  /// A Slurm whose daemons a test may stop.
  public static let slurm = Requirement {
    (try? Testbed()) == nil ? "it needs a Slurm of its own: `make test` brings one up" : nil
  }

  /// The file system whose calls fail on command.
  public static let faultFileSystem = Requirement {
    let command = "`make test` builds it"
    guard access(Programs.folder.appending("fault-fs").string, X_OK) == 0 else {
      return "it needs the file system that fails on command: \(command)"
    }
    let path = String(cString: getenv("PATH") ?? strdup("")).utf8
    let helper = file(named: Array("fusermount3".utf8), inSearchPath: Array(path))
    guard access("/dev/fuse", R_OK | W_OK) == 0, geteuid() == 0 || helper != nil else {
      return "it needs FUSE (/dev/fuse, fusermount3): run `make test` where it is, as root"
    }
    return nil
  }

  /// con-duct 0.23.0 from PyPI, with a Python of its own.
  public static let yardstick = Requirement {
    access(Programs.yardstick, X_OK) == 0
      ? nil : "it needs con-duct from PyPI in .build/yardstick: `make test` installs it"
  }
}

/// Skips a suite, with all that is in it, in one line that says what is missing and which command brings it.
public struct Needs: SuiteTrait, TestTrait, TestScoping {
  fileprivate let requirements: [Requirement]

  /// For the suite or the test as a whole, and not once more for what is in it.
  public func scopeProvider(for test: Test, testCase: Test.Case?) -> Needs? { testCase == nil ? self : nil }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    if let missing = requirements.lazy.compactMap({ $0.missing() }).first { try Test.cancel("\(missing)") }
    try await function()
  }
}

extension Trait where Self == Needs {
  /// Unlike `.enabled(if:)`, which prints a line for each test of a suite.
  public static func needs(_ requirements: Requirement...) -> Needs { Needs(requirements: requirements) }
}
