import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// `--renew-ticket`, with a real KDC.
@Suite(
  .needs(.programs("kinit", "klist", "kdestroy")), .needs(.daemons("krb5kdc", "kdb5_util", "kadmin.local")))
struct RenewTicketTests {
  private let sandbox: Sandbox
  private let center: KeyDistributionCenter

  init() async throws {
    sandbox = try Sandbox()
    center = try await KeyDistributionCenter(in: sandbox)
  }

  /// The cache of the run in this sandbox, without its kind.
  private func ownCache() throws -> String {
    guard let run = sandbox.spooledRuns().first?.lastComponent?.string else {
      throw Problem("there is no run folder yet")
    }
    return "/tmp/krb5cc_\(geteuid())_duct-\(run)"
  }

  /// The folder in which the cache of the run is prepared.
  private func ownFolder() throws -> String { folder(ofCache: try ownCache()) }

  private func folder(ofCache name: String) -> String {
    name.replacing("krb5cc_\(geteuid())_duct", with: ".duct-ticket-\(geteuid())")
  }

  private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Runs a command that ends with code 7 once there is a file `done`.
  private func run(
    _ option: String, environment: [String: String?] = [:],
    while body: @escaping @Sendable (pid_t) async throws -> Void
  ) async throws -> (code: Int32?, warnings: [String], stderr: String) {
    let script = "echo \"$KRB5CCNAME\"; until [ -e done ]; do sleep 0.05; done; exit 7"
    let sandbox = self.sandbox
    // The messages are in a file, so that the body can wait for one.
    let result = try await TestSupport.run(
      "sh",
      ["-c", "exec \"$@\" 2> messages", "sh", Programs.duct, option, "--slurm", "off", "-p", "log_"]
        + ["sh", "-c", script],
      in: sandbox, environment: center.environment.mapValues { $0 }.merging(environment) { $1 }
    ) { pid in
      try await body(pid)
      try sandbox.write("", to: "done")
    }
    let messages = try sandbox.text("messages")
    let warnings = messages.split(separator: "\n").map(String.init).filter { $0.contains("[WARNING") }
    return (result.code, warnings, messages)
  }

  /// Waits until duct has told something.
  private func told(_ words: String) async throws {
    try await eventually(60) { try sandbox.text("messages").contains(words) }
  }

  /// Waits until the ticket in a cache ends later than before: it was renewed.
  private func renewed(_ cache: String) async throws {
    let first = try await end(ofCache: cache)
    try await eventually(60) { try await end(ofCache: cache) > first + 1 }
  }

  /// In seconds since 1970; 0 while there is no ticket.
  private func end(ofCache cache: String) async throws -> Double {
    let result = try await TestSupport.run(
      Programs.conDuct, ["keep-ticket", "look", "test"], in: sandbox,
      environment: center.environment.merging(["KRB5CCNAME": "FILE:\(cache)"]) { $1 })
    return try JSONParser.parse(result.stdoutBytes)["end"]?.double ?? 0
  }

  /// The user's ticket ends, and a logout destroys their cache: that of the run is good, until the run has ended.
  @Test func theCopyOutlivesTheUsers() async throws {
    try sandbox.makeDirectory("bin")
    try sandbox.write("#!/bin/sh\necho \"$KRB5CCNAME\" >> aklogged\n", to: "bin/aklog", executable: true)
    try await center.kinit(life: 8, renewable: 120)
    let result = try await run(
      "--renew-ticket", environment: ["PATH": "\(sandbox["bin"]):\(KeyDistributionCenter.searchPath)"]
    ) { _ in
      try await eventually { try await center.hasTicket(ownCache()) }
      var information = stat()
      #expect(stat(try ownCache(), &information) == 0 && information.st_mode & 0o777 == 0o600)
      // Nobody else can make the folder in which renewals are prepared.
      #expect(stat(try ownFolder(), &information) == 0 && information.st_mode & 0o777 == 0o700)
      try await center.kdestroy()
      try await renewed(ownCache())
      try await eventually(60) { sandbox.exists("aklogged") }
      #expect(try await center.hasTicket(ownCache()))
      #expect(try sandbox.text("aklogged").hasPrefix("FILE:\(ownCache())\n"))
      try sandbox.write(ownCache(), to: "name")
    }
    #expect(result.code == 7 && result.warnings == [], "\(result.stderr)")
    #expect(result.stderr.contains("is renewed in time, until "))
    // The command has the user's own.
    #expect(try sandbox.text("log_stdout") == "FILE:\(sandbox["cache"])\n")
    let name = try sandbox.text("name")
    #expect(!exists(name))
    #expect(!exists(folder(ofCache: name)))
  }

  @Test func theUsersOwn() async throws {
    try await center.kinit(life: 8, renewable: 120)
    // libkrb5 traces to the stream that duct's helper would answer on.
    let result = try await run("--renew-ticket=shared", environment: ["KRB5_TRACE": "/dev/stdout"]) { _ in
      try await renewed(sandbox["cache"].string)
      #expect(try await center.hasTicket())
      #expect(!exists(try ownCache()))
    }
    #expect(result.code == 7 && result.warnings == [], "\(result.stderr)")
    #expect(try await center.hasTicket(), "it stays the user's")
  }

  @Test func aKDCThatIsAwayForAWhile() async throws {
    try await center.kinit(life: 12, renewable: 60)
    let result = try await run("--renew-ticket") { _ in
      try await eventually { try await center.hasTicket(ownCache()) }
      center.stop()
      try await told("cannot be renewed: ")
      try await center.start()
      try await told("is good again")
      #expect(try await center.hasTicket(ownCache()))
    }
    #expect(result.code == 7 && result.warnings.count == 1, "\(result.stderr)")
    #expect(result.warnings.first?.contains("cannot be renewed: Cannot contact any KDC") == true)
    #expect(result.stderr.contains("is good again"))
  }

  @Test func aDeadKDCIsNotFatal() async throws {
    try await center.kinit(life: 3, renewable: 60)
    let result = try await run("--renew-ticket") { _ in
      try await eventually { try await center.hasTicket(ownCache()) }
      center.stop()
      try await told("has ended, at ")
      #expect(try await !center.hasTicket(ownCache()))
    }
    #expect(result.code == 7, "\(result.stderr)")
    #expect(result.warnings.contains { $0.contains("cannot be renewed: ") })
    #expect(result.warnings.contains { $0.contains("has ended, at ") && $0.contains("kinit") })
  }

  /// A ticket that cannot be renewed is told. duct takes the next one of the user.
  @Test func oneThatCannotBeRenewed() async throws {
    try await center.kinit(life: 10)
    let result = try await run("--renew-ticket") { _ in
      try await eventually { try await center.hasTicket(ownCache()) }
      try await center.kinit(life: 600, renewable: 6000)
      try await told("is good again")
      #expect(try await center.hasTicket(ownCache()))
    }
    #expect(result.code == 7 && result.warnings.count == 1, "\(result.stderr)")
    #expect(result.warnings.first?.contains("cannot be renewed. Get one that can be") == true)
    #expect(result.stderr.contains("is good again"))
  }

  /// The process that asks libkrb5, on its own. Returns the end of the run's ticket, in seconds from now.
  private func keep(_ task: String, _ run: String) async throws -> Double {
    let result = try await TestSupport.run(
      Programs.conDuct, ["keep-ticket", task, run], in: sandbox, environment: center.environment)
    let end = try #require(try JSONParser.parse(result.stdoutBytes)["end"]?.double, "\(result)")
    return end - WallTime.now.seconds
  }

  /// The ticket of the run could be renewed for long, but it has ended. The user gets one that cannot be renewed.
  @Test func afterTheEndEachTicketOfTheUserIsGood() async throws {
    let run = "test-\(getpid())-after"
    defer { for path in ["/tmp/krb5cc_\(geteuid())_duct-\(run)"] { unlink(path) } }
    try await center.kinit(life: 2, renewable: 600)
    #expect(try await keep("copy", run) <= 2)
    try await center.kinit(life: 200)
    #expect(try await keep("adopt", run) > 100)
    rmdir("/tmp/.duct-ticket-\(geteuid())-\(run)")
  }

  /// The KDC was away when the ticket ended. It still renews it for some minutes.
  @Test func aTicketThatHasJustEndedIsRenewed() async throws {
    let run = "test-\(getpid())-late"
    defer { unlink("/tmp/krb5cc_\(geteuid())_duct-\(run)") }
    try await center.kinit(life: 2, renewable: 600)
    _ = try await keep("copy", run)
    try await center.kdestroy()
    try await eventually { try await !center.hasTicket("/tmp/krb5cc_\(geteuid())_duct-\(run)") }
    #expect(try await keep("adopt", run) > 0)
    rmdir("/tmp/.duct-ticket-\(geteuid())-\(run)")
  }

  @Test func noTicketAtAll() async throws {
    let result = try await run("--renew-ticket") { _ in
      try await told("There is no ticket to keep alive")
    }
    #expect(result.code == 7 && result.warnings.count == 1, "\(result.stderr)")
    #expect(result.warnings.first?.contains("There is no ticket to keep alive: No credentials cache") == true)
  }

  /// duct is killed: the relay becomes `recover`, which removes the cache.
  @Test func aKilledDuct() async throws {
    try await center.kinit(life: 600, renewable: 6000)
    _ = try? await run("--renew-ticket") { duct in
      try await eventually { try await center.hasTicket(ownCache()) }
      let name = try ownCache()
      kill(duct, SIGKILL)
      try sandbox.write("", to: "done")
      try await eventually { !exists(name) }
    }
    try await eventually { sandbox.spooledRuns().isEmpty }
  }

  @Test func aWordThatIsNoCache() async throws {
    let result = try await duct(["--renew-ticket=mine", "true"], in: sandbox)
    #expect(result.code == 2 && result.stderr.contains("--renew-ticket: 'mine' is none of off, own, shared"))
    let variable = try await duct(["true"], in: sandbox, environment: ["DUCT_RENEW_TICKET": "mine"])
    #expect(variable.code == 2 && variable.stderr.contains("DUCT_RENEW_TICKET: 'mine'"))
    // A value that stands apart would be the command.
    let apart = try await duct(["--renew-ticket", "shared", "true"], in: sandbox)
    #expect(
      apart.code == 2 && apart.stderr.contains("write --renew-ticket=shared, or -- in front"), "\(apart)")
    let command = try await duct(["--renew-ticket=off", "--", "shared"], in: sandbox)
    #expect(command.code == 127)
  }
}
