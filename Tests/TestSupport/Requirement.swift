// `swift build` without tests compiles this target, too, and has no Testing then.
#if canImport(Testing)
  import Glibc
  import SystemCalls
  public import Testing

  /// Something that a test needs and that not every host or user has.
  public struct Requirement: Sendable {
    fileprivate let missing: @Sendable () -> String?

    /// - Parameter missing: returns what is missing and how to get it; nil if it is available.
    public init(_ missing: @escaping @Sendable () -> String?) { self.missing = missing }

    /// Root: needed for files of other users, for mounts and namespaces, and to bypass permissions.
    public static let root = Requirement {
      geteuid() == 0 ? nil : "it needs root: run `make test` as root"
    }

    /// A Slurm of its own, whose daemons a test may stop.
    public static let slurm = Requirement {
      (try? Testbed()) == nil ? "it needs a Slurm of its own: `make test` brings one up" : nil
    }

    /// Programs in PATH.
    public static func programs(_ names: String...) -> Requirement {
      Requirement {
        let missing = names.first { !isInPath($0) }
        return missing.map { "it needs \($0) in PATH: `make test` runs where it is" }
      }
    }

    /// Programs in PATH, or where daemons are.
    public static func daemons(_ names: String...) -> Requirement {
      Requirement {
        let path = Array(KeyDistributionCenter.searchPath.utf8)
        let missing = names.first { file(named: Array($0.utf8), inSearchPath: path) == nil }
        return missing.map { "it needs \($0): `make test` gets it" }
      }
    }

    private static func isInPath(_ name: String) -> Bool {
      let path = getenv("PATH").map { bytes(ofCString: $0) }
      return file(named: Array(name.utf8), inSearchPath: path) != nil
    }

    /// The file system that fails on command (`FaultFileSystem`).
    public static let faultFileSystem = Requirement {
      let command = "`make test` builds it"
      guard access(Programs.folder.appending("fault-fs").string, X_OK) == 0 else {
        return "it needs the file system that fails on command: \(command)"
      }
      guard access("/dev/fuse", R_OK | W_OK) == 0, geteuid() == 0 || isInPath("fusermount3") else {
        return "it needs FUSE (/dev/fuse, fusermount3): run `make test` where it is, as root"
      }
      return nil
    }

    /// axe-core, which finds faults of pages that keep people from using them.
    public static let axe = Requirement {
      access(Programs.axe.string, R_OK) == 0
        ? nil : "it needs axe-core from PyPI in .build/axe: `make test` gets it"
    }

    /// con-duct 0.23.0 from PyPI, with its own Python. Tests compare duct with it.
    public static let yardstick = Requirement {
      access(Programs.yardstick, X_OK) == 0
        ? nil : "it needs con-duct from PyPI in .build/yardstick: `make test` installs it"
    }
  }

  /// Skips a suite in one line that says what is missing and which command provides it.
  public struct Needs: SuiteTrait, TestTrait, TestScoping {
    fileprivate let requirements: [Requirement]

    /// Applies to a suite or a test as a whole, and not again to each of its cases.
    public func scopeProvider(for test: Test, testCase: Test.Case?) -> Needs? { testCase == nil ? self : nil }

    public func provideScope(
      for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
      if let missing = requirements.lazy.compactMap({ $0.missing() }).first { try Test.cancel("\(missing)") }
      try await function()
    }
  }

  extension Trait where Self == Needs {
    /// Skips the whole suite in one line, while `.enabled(if:)` would print a line for each of its tests.
    public static func needs(_ requirements: Requirement...) -> Needs { Needs(requirements: requirements) }
  }
#endif
