import Glibc
import SystemCalls
internal import SystemPackage

/// A real Kerberos KDC (krb5kdc) for one test, with one user. It listens on the loopback interface alone.
public final class KeyDistributionCenter: Sendable {
  /// A tool of Kerberos failed.
  public struct Trouble: Error, CustomStringConvertible {
    public let description: String
  }

  public static let realm = "DUCT.TEST"
  private static let password = "secret"
  /// Debian has daemons here, where the PATH of a user does not lead.
  public static let searchPath =
    (getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin") + ":/usr/sbin:/sbin"

  private let sandbox: Sandbox
  private let children = ChildProcesses(reaping: .byWaiters)
  private let process = Monitor<pid_t?>(nil)

  /// For everything that uses the KDC. The user's cache is the file `cache` in the sandbox.
  public var environment: [String: String] {
    [
      "KRB5_CONFIG": sandbox["krb5.conf"].string, "KRB5_KDC_PROFILE": sandbox["kdc.conf"].string,
      "KRB5CCNAME": "FILE:\(sandbox["cache"])", "PATH": Self.searchPath,
    ]
  }

  /// Makes a database in the sandbox, and starts the KDC.
  public init(in sandbox: Sandbox) async throws {
    self.sandbox = sandbox
    let port = try Self.freePort()
    try sandbox.write(
      """
      [libdefaults]
        default_realm = \(Self.realm)
        dns_lookup_kdc = false
        dns_lookup_realm = false
        rdns = false
      [realms]
        \(Self.realm) = {
          kdc = 127.0.0.1:\(port)
        }
      [logging]
        kdc = FILE:\(sandbox["kdc.log"])

      """, to: "krb5.conf")
    try sandbox.write(
      """
      [kdcdefaults]
        kdc_listen = 127.0.0.1:\(port)
        kdc_tcp_listen = 127.0.0.1:\(port)
      [realms]
        \(Self.realm) = {
          database_name = \(sandbox["principal"])
          key_stash_file = \(sandbox["stash"])
          max_life = 10h
          max_renewable_life = 7d
        }

      """, to: "kdc.conf")
    try await tool("kdb5_util", ["-r", Self.realm, "create", "-s", "-P", "master"])
    for request in ["addprinc -pw \(Self.password) me", "modprinc -maxrenewlife 7d me"] {
      try await tool("kadmin.local", ["-r", Self.realm, "-q", request])
    }
    try await tool("kadmin.local", ["-q", "modprinc -maxrenewlife 7d krbtgt/\(Self.realm)"])
    try await start()
  }

  deinit { stop() }

  /// A port of the loopback interface that nobody uses now, for UDP and TCP.
  private static func freePort() throws -> UInt16 {
    let stream = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    let socket = FileDescriptor(rawValue: try valueOrErrno { stream })
    defer { socket.closeQuietly() }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = try withUnsafeMutablePointer(to: &address) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        try valueOrErrno { bind(socket.rawValue, pointer, length) }
        return try valueOrErrno { getsockname(socket.rawValue, pointer, &length) }
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  @discardableResult
  private func tool(_ name: String, _ arguments: [String], input: String = "") async throws -> Finished {
    let path = file(named: Array(name.utf8), inSearchPath: Array(Self.searchPath.utf8))
    let result = try await run(
      path?.string ?? name, arguments, in: sandbox, environment: environment, input: input)
    guard result.code == 0 else { throw Trouble(description: "\(name): \(result.stderr)") }
    return result
  }

  public func start() async throws {
    let path = file(named: Array("krb5kdc".utf8), inSearchPath: Array(Self.searchPath.utf8))
    var daemon = Program(path: path?.bytes ?? [], arguments: ["krb5kdc", "-n"].map { Array($0.utf8) })
    let changes = environment.merging(sandbox.environment) { $1 }
    daemon.environment =
      environmentEntries().filter { entry in !changes.keys.contains { entry.starts(with: "\($0)=".utf8) } }
      + changes.map { Array("\($0)=\($1)".utf8) }
    let null = try FileDescriptor.opening("/dev/null", .readWrite)
    defer { null.closeQuietly() }
    daemon.descriptors = [.duplicate(of: null), .duplicate(of: null), .duplicate(of: null)]
    daemon.closesOthers = true
    let before = (try? sandbox.text("kdc.log")).map { $0.count } ?? 0
    let pid = try children.start(daemon)
    process.update { $0 = pid }
    let sandbox = self.sandbox
    try await eventually { try sandbox.text("kdc.log").dropFirst(before).contains("commencing operation") }
  }

  public func stop() {
    guard
      let pid = process.update({ pid in
        defer { pid = nil }
        return pid
      })
    else { return }
    children.end(pid)
  }

  /// Gets a ticket for the user.
  ///
  /// - Parameters:
  ///   - life: seconds.
  ///   - renewable: seconds; nil: it cannot be renewed.
  public func kinit(life: Int, renewable: Int? = nil) async throws {
    let renewal = renewable.map { ["-r", "\($0)s"] } ?? []
    try await tool("kinit", ["-l", "\(life)s"] + renewal + ["me"], input: Self.password + "\n")
  }

  public func kdestroy() async throws { try await tool("kdestroy", []) }

  /// Whether a cache has a ticket that has not ended.
  ///
  /// - Parameter cache: nil: the user's.
  public func hasTicket(_ cache: String? = nil) async throws -> Bool {
    let path = cache ?? "FILE:\(sandbox["cache"])"
    return try await run("klist", ["-s", "-c", path], in: sandbox, environment: environment).code == 0
  }
}
