import Glibc
import SystemCalls
public import SystemPackage

/// Ordinary users without an account, to test what other users of a host can do. Only root can run programs as
/// them.
public enum OtherUser {
  public static let first: UInt32 = 61301
  public static let second: UInt32 = 61302

  /// Whether this process can run programs as one of them.
  public static var canBe: Bool { getuid() == 0 }
}

extension Sandbox {
  /// A folder with copies of duct's programs. Every user can execute them, even if the project is in a private
  /// folder.
  public func programsForOthers() throws -> FilePath {
    var information = stat()
    path.withPlatformString {
      _ = stat($0, &information)
      _ = chmod($0, information.st_mode | 0o055)
    }
    let folder = self["programs"]
    if exists("programs") { return folder }
    try makeDirectory("programs")
    for name in ["duct", "duct-relay"] {
      let bytes = try readAll(Programs.folder.appending(name), limit: 1 << 30)
      try write(bytes, to: "programs/\(name)")
      _ = folder.appending(name).withPlatformString { chmod($0, 0o755) }
    }
    try valueOrErrno { folder.appending("con-duct").withPlatformString { symlink("duct", $0) } }
    return folder
  }

  /// Creates a folder that belongs to the user.
  public func makeDirectory(_ name: String, of user: UInt32, mode: UInt32 = 0o755) throws {
    try makeDirectory(name)
    give(name, to: user, mode: mode)
  }

  public func give(_ name: String, to user: UInt32, group: UInt32? = nil, mode: UInt32? = nil) {
    self[name].withPlatformString {
      _ = chown($0, user, group ?? user)
      if let mode { _ = chmod($0, mode) }
    }
  }
}

/// Runs one of duct's programs as another user.
public func run(
  as user: UInt32, _ program: String, _ arguments: [String], in sandbox: Sandbox, folder: String = "",
  environment: [String: String?] = [:], limit: Double = 60
) async throws -> Finished {
  let path = try sandbox.programsForOthers().appending(program).string
  return try await run(
    "setpriv", ["--reuid=\(user)", "--regid=\(user)", "--clear-groups", path] + arguments, in: sandbox,
    folder: folder, environment: environment, limit: limit)
}
