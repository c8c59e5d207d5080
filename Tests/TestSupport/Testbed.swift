import RecordText
import SystemCalls
import SystemPackage

/// The Slurm that run-tests has started for this group of tests. The tests that share it run one after another.
public struct Testbed: Sendable {
  public let folder: String
  public let script: String

  public struct Missing: Error, CustomStringConvertible {
    public let description =
      "there is no Slurm to test with: run the tests by `make test`, or within `contrib/testbed/testbed run --`"
  }

  public init() throws {
    var values: [String: String] = [:]
    for entry in environmentEntries() {
      guard let mark = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      values[String(escaping: entry[..<mark])] = String(escaping: entry[(mark + 1)...])
    }
    guard let folder = values["SLURM_TESTBED_DIR"], let script = values["TESTBED"] else { throw Missing() }
    self.folder = folder
    self.script = script
  }

  public var configuration: String { folder + "/etc/slurm.conf" }

  /// Makes Slurm's commands find this Slurm.
  public var environment: [String: String?] { ["SLURM_CONF": configuration] }

  /// Runs the testbed script with a command (stop, start, hang, resume or set) and its arguments.
  public func control(_ words: String..., in sandbox: Sandbox) async throws {
    try await control(words, in: sandbox)
  }

  private func control(_ words: [String], in sandbox: Sandbox) async throws {
    // Remove the test's variable: a daemon that this starts must outlive the test.
    let result = try await run(
      script, words + ["--dir", folder], in: sandbox, environment: ["DUCT_TEST_MARK": nil], limit: 60)
    if result.code != 0 { throw Trouble(description: "testbed \(words): \(result.stderr)") }
  }

  /// Runs `body` with these settings (`NAME=VALUE`) in slurm.conf. Afterwards, also when `body` throws, each has its
  /// earlier value again.
  ///
  /// The daemons read all settings at once: slurmctld may end itself at a combination that it refuses.
  public func withSettings(
    _ settings: [String], in sandbox: Sandbox, _ body: () async throws -> Void
  ) async throws {
    let lines = String(decoding: try readAll(FilePath(configuration)), as: UTF8.self).split(separator: "\n")
    let earlier = settings.map { setting in
      let name = setting.prefix { $0 != "=" } + "="
      return String(lines.last { $0.hasPrefix(name) } ?? name)
    }
    try await control(["set"] + settings, in: sandbox)
    do {
      try await body()
    } catch {
      try await control(["set"] + earlier, in: sandbox)
      throw error
    }
    try await control(["set"] + earlier, in: sandbox)
  }

  /// The daemons that do not run.
  public func missing(in sandbox: Sandbox) async throws -> [String] {
    let status = try await run(script, ["status", "--dir", folder], in: sandbox, limit: 60)
    let down = status.stdout.split(separator: "\n").filter { $0.hasSuffix(" down") }
    return down.map { String($0.dropLast(" down".count)) }
  }

  /// The last lines that a daemon wrote.
  public func endOfLog(of daemon: String, lines: Int = 20) throws -> String {
    let log = try readAll(FilePath("\(folder)/log/\(daemon).log"), limit: 1 << 30)
    return String(decoding: log, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
  }

  /// The jobs that have not ended and the nodes, a line each, and the last lines of the daemons' logs.
  public func state(in sandbox: Sandbox) async throws -> String {
    let jobs = try await ask(
      "squeue", "-a", "-r", "-o", "%i %j %u %T %r %N, submitted %V, started %S", in: sandbox)
    let nodes = try await ask("sinfo", "-N", "-p", "debug", "-o", "%N %T %E", in: sandbox)
    let logs = try ["slurmctld", "n1", "n2", "n3"].map { try "\($0).log:\n" + endOfLog(of: $0, lines: 10) }
    return ([jobs + nodes] + logs).joined(separator: "\n")
  }

  /// Cancels the jobs of all users, and waits until they have ended.
  public func cancelAllJobs(in sandbox: Sandbox) async throws {
    let states = "PENDING,RUNNING,SUSPENDED,CONFIGURING,COMPLETING"
    try await eventually(60) {
      let ids = try await ask("squeue", "-a", "-h", "-t", states, "-o", "%A", in: sandbox).split(
        separator: "\n")
      if ids.isEmpty { return true }
      _ = try await run("scancel", ids.map(String.init), in: sandbox, environment: environment)
      return false
    }
  }

  /// The nodes that Slurm gives no job, also after some seconds.
  public func nodesThatStayUnusable(in sandbox: Sandbox) async throws -> [String] {
    try? await eventually(5) { try await unusableNodes(in: sandbox).isEmpty }
    return try await unusableNodes(in: sandbox)
  }

  private func unusableNodes(in sandbox: Sandbox) async throws -> [String] {
    let lines = try await ask("sinfo", "-h", "-N", "-p", "debug", "-o", "%N %T", in: sandbox)
    return lines.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      return words.count == 2 && Self.usable.contains(words[1]) ? nil : words.first
    }
  }

  /// States as sinfo(1) prints them.
  private static let usable: Set = ["idle", "mixed", "allocated", "completing", "planned"]

  /// Starts the slurmd of each of these nodes anew: it may hang.
  public func bringBack(_ nodes: [String], in sandbox: Sandbox) async throws {
    for node in nodes {
      try await control("stop", node, in: sandbox)
      try await control("start", node, in: sandbox)
    }
  }

  private func ask(_ program: String, _ arguments: String..., in sandbox: Sandbox) async throws -> String {
    let answer = try await run(program, arguments, in: sandbox, environment: environment)
    if answer.code != 0 { throw Trouble(description: "\(program) \(arguments): \(answer.stderr)") }
    return answer.stdout
  }

  private static let servers = ["munged", "slurmdbd", "slurmctld"]

  /// Lets those daemons go on that a test has made hang.
  public func resumeDaemons(in sandbox: Sandbox) async throws {
    for daemon in Self.servers {
      _ = try await run(script, ["resume", daemon, "--dir", folder], in: sandbox)
    }
  }

  /// Starts and resumes all daemons and nodes, after anything that a test may have done to them.
  public func restore(in sandbox: Sandbox) async throws {
    try await resumeDaemons(in: sandbox)
    for daemon in Self.servers { try await control("start", daemon, in: sandbox) }
    try await eventually(30) {
      let unusable = try await unusableNodes(in: sandbox)
      for node in unusable {
        // slurmctld refuses this for a node that comes back by itself.
        _ = try await run(
          "scontrol", ["update", "NodeName=\(node)", "State=RESUME"], in: sandbox, environment: environment)
      }
      return unusable.isEmpty
    }
    try await accountingIsComplete(in: sandbox)
  }

  /// Waits until slurmctld has sent slurmdbd all events that slurmdbd missed while it was down. Until then, records
  /// of new jobs lack their beginning.
  private func accountingIsComplete(in sandbox: Sandbox) async throws {
    try await eventually(60) {
      let job = try await run(
        "sbatch", ["--parsable", "-J", "settle", "-o", "/dev/null", "--wait", "--wrap", "true"], in: sandbox,
        environment: environment)
      let id = job.stdout.filter(\.isNumber)
      let record = try await run(
        "sacct", ["-nPX", "-j", id, "-o", "partition,state"], in: sandbox, environment: environment)
      return record.stdout.hasPrefix("debug|COMPLETED")
    }
  }

  public struct Trouble: Error, CustomStringConvertible {
    public var description: String
    public init(description: String) { self.description = description }
  }
}
