import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// .env files that duct must not read or must not trust.
@Suite struct SettingsFileTests {
  private let sandbox: Sandbox
  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeDirectory(".duct")
  }

  private static let message = "DUCT_MESSAGE=obeyed\n"

  /// Runs duct with the default places of settings, except that it finds nothing in the home directory.
  private func runDuct(as user: UInt32? = nil) async throws -> Finished {
    let environment: [String: String?] = [
      "DUCT_CONFIG_PATHS": nil, "HOME": "/nonexistent", "XDG_CONFIG_HOME": nil,
    ]
    let arguments = ["-p", "log_", "--slurm", "off", "true"]
    if let user {
      return try await run(as: user, "duct", arguments, in: sandbox, environment: environment, limit: 20)
    }
    return try await run(Programs.duct, arguments, in: sandbox, environment: environment, limit: 20)
  }

  private func isObeyed() throws -> Bool { try sandbox.info()["message"] == "obeyed" }

  @Test func aFIFOIsLeftOut() async throws {
    try valueOrErrno { sandbox[".duct/.env"].withPlatformString { mkfifo($0, 0o644) } }
    let result = try await runDuct()
    #expect(result.code == 0)
    #expect(result.stderr.contains("Leaving out .env file .duct/.env: it is no regular file\n"))
  }

  @Test func aDeviceIsNotOpened() async throws {
    try valueOrErrno { sandbox[".duct/.env"].withPlatformString { symlink("/dev/zero", $0) } }
    let result = try await runDuct()
    #expect(result.code == 0)
    #expect(result.stderr.contains("Leaving out .env file .duct/.env: it is no regular file\n"))
  }

  @Test func aFileThatIsTooLargeIsLeftOut() async throws {
    try sandbox.write(Self.message + String(repeating: "#", count: 1 << 20), to: ".duct/.env")
    let result = try await runDuct()
    #expect(result.code == 0)
    #expect(result.stderr.contains("Leaving out .env file .duct/.env: it has 1048596 bytes"))
    #expect(try !isObeyed())
  }

  @Test(.needs(.root)) func aFileOfAnotherUserIsNotObeyed() async throws {
    try sandbox.write(Self.message, to: ".duct/.env")
    // A directory that both users may write to.
    sandbox.give("", to: 0, mode: 0o777)
    sandbox.give(".duct/.env", to: OtherUser.second, mode: 0o644)
    let result = try await runDuct(as: OtherUser.first)
    #expect(result.code == 0)
    #expect(
      result.stderr.contains(
        "Leaving out .env file .duct/.env: it belongs to user 61302, and neither to you nor to root\n"))
    #expect(try !isObeyed())
  }

  @Test(.needs(.root)) func oneOfRootsIsObeyed() async throws {
    try sandbox.write(Self.message, to: ".duct/.env")
    sandbox.give("", to: 0, mode: 0o777)
    sandbox.give(".duct/.env", to: 0, mode: 0o644)
    #expect(try await runDuct(as: OtherUser.first).code == 0)
    #expect(try isObeyed())
  }

  @Test(
    "What others may write to is not obeyed; a group with the number of the user is nobody else",
    .needs(.root),
    arguments: [(0o600, 61301, true), (0o664, 61301, true), (0o664, 100, false), (0o666, 61301, false)])
  func whoMayWriteToIt(_ mode: Int, _ group: Int, _ isObeyed: Bool) async throws {
    try sandbox.write(Self.message, to: ".duct/.env")
    sandbox.give("", to: OtherUser.first)
    sandbox.give(".duct/.env", to: OtherUser.first, group: UInt32(group), mode: UInt32(mode))
    let result = try await runDuct(as: OtherUser.first)
    #expect(result.code == 0)
    #expect(try self.isObeyed() == isObeyed)
    let warning = "others may write to it (mode \(String(mode, radix: 8))): chmod go-w .duct/.env\n"
    #expect(result.stderr.contains(warning) == !isObeyed)
  }

  @Test(
    "A place that was named is obeyed, whoever it belongs to; one that was found is not",
    .needs(.root), arguments: [true, false])
  func placesThatWereNamed(_ isNamed: Bool) async throws {
    try sandbox.write(Self.message, to: "site.env")
    sandbox.give("", to: OtherUser.first)
    sandbox.give("site.env", to: OtherUser.second, mode: 0o644)
    let result = try await run(
      as: OtherUser.first, "duct", ["-p", "log_", "--slurm", "off", "true"], in: sandbox,
      environment: ["DUCT_CONFIG_PATHS": isNamed ? sandbox["site.env"].string : "site.env"])
    #expect(result.code == 0)
    #expect(try isObeyed() == isNamed)
  }

  /// con-duct's subcommands warn about such files too.
  @Test func readersTellOfThemToo() async throws {
    try valueOrErrno { sandbox[".duct/.env"].withPlatformString { mkfifo($0, 0o644) } }
    let result = try await run(
      Programs.conDuct, ["ls"], in: sandbox,
      environment: ["DUCT_CONFIG_PATHS": nil, "HOME": "/nonexistent", "XDG_CONFIG_HOME": nil],
      limit: 20)
    #expect(
      result.stderr.hasPrefix("con-duct: Leaving out .env file .duct/.env: it is no regular file\n"))
  }
}
