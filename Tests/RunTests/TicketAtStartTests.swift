import SystemCalls
import TestSupport
import Testing

/// The warning at the start of a run that the Kerberos ticket ends before the run may. The KDC and klist are real; a mount
/// table in place of the process's own says that the log directory needs a ticket.
@Suite(
  .needs(.root), .needs(.programs("kinit", "klist")), .needs(.daemons("krb5kdc", "kdb5_util", "kadmin.local"))
)
struct TicketAtStartTests {
  private let sandbox: Sandbox
  private let center: KeyDistributionCenter

  init() async throws {
    sandbox = try Sandbox()
    center = try await KeyDistributionCenter(in: sandbox)
    for name in ["bin", "logs"] { try sandbox.makeDirectory(name) }
  }

  /// Runs a command with its records in a directory that is on Kerberos NFS, as the mount table says.
  private func warnings(
    _ command: String, options: [String] = [], environment: [String: String] = [:]
  ) async throws -> (code: Int32?, tickets: [String]) {
    let script = """
      { cat /proc/self/mountinfo; echo "99999 1 0:99 / $PWD/logs rw - nfs4 server:/home rw,sec=krb5p"; } > table
      mount --bind table /proc/$$/mountinfo && exec "$@" 2> messages
      """
    let result = try await run(
      "unshare",
      [
        "-m", "bash", "-c", script, "bash", Programs.duct, "-p", "logs/log_", "--clobber", "--slurm", "off",
        "-l", "DEBUG",
      ]
        + options + ["sh", "-c", command],
      in: sandbox, environment: center.environment.merging(environment) { $1 })
    let lines = try sandbox.text("messages").split(separator: "\n").map(String.init)
    return (result.code, lines.filter { $0.contains("icket") && $0.contains("[WARNING") })
  }

  /// A command that ends when duct has told something.
  private func until(_ words: String) -> String {
    // duct tells the command, too: the pattern does not match itself.
    "until grep -q '[\(words.prefix(1))]\(words.dropFirst())' messages; do sleep 0.05; done"
  }

  @Test func aTicketThatEndsInTenHours() async throws {
    try await center.kinit(life: 36_000, renewable: 7 * 86_400)
    let outside = try await warnings(until("From then on") + "; exit 3")
    #expect(outside.code == 3 && outside.tickets.count == 1, "\(outside)")
    let line = try #require(outside.tickets.first)
    #expect(line.contains("con-duct: The Kerberos ticket for logs ends at ") && line.contains("in 09:59:"))
    #expect(line.contains("duct --renew-ticket does that, or krenew"), "\(line)")
    let jobEnd = "\(Int(WallTime.now.seconds) + 3600)"
    let within = try await warnings(
      until("lasts as long as the run"), environment: ["SLURM_JOB_END_TIME": jobEnd])
    #expect(within.code == 0 && within.tickets == [], "the job ends before the ticket")
    let kept = try await warnings(until("is renewed in time"), options: ["--renew-ticket"])
    #expect(kept.code == 0 && kept.tickets == [], "it is renewed")
    let short = try await warnings("true")
    #expect(short.code == 0 && short.tickets == [], "the command ends at once")
  }

  /// Neither the start of the command nor its end waits for klist.
  @Test func aKlistThatHangs() async throws {
    try sandbox.write("#!/bin/sh\nsleep 600\n", to: "bin/klist", executable: true)
    let start = MonotonicInstant.now
    let path = "\(sandbox["bin"]):\(KeyDistributionCenter.searchPath)"
    let found = try await warnings("exit 4", environment: ["PATH": path])
    #expect(found.code == 4 && found.tickets == [])
    #expect(MonotonicInstant.now.seconds(since: start) < 60)
  }
}
