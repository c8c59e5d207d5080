import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// `con-duct doctor` with a Slurm.
  @Suite struct DoctorTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func levels(_ options: [String] = []) async throws -> (code: Int32?, levels: [String: String]) {
      let result = try await run(
        Programs.conDuct, ["doctor", "--format", "json", "--slurm-timeout", "4", "log_"] + options,
        in: fixture.sandbox, environment: fixture.testbed.environment, limit: 60)
      let findings = try #require(try JSONParser.parse(result.stdoutBytes)["findings"]?.array)
      let pairs = findings.filter { $0["area"] == "slurm" }.map {
        ($0["check"]?.string ?? "", $0["level"]?.string ?? "")
      }
      return (result.code, Dictionary(pairs) { first, _ in first })
    }

    @Test(arguments: bothWays)
    func itAnswers(_ way: String) async throws {
      let (code, levels) = try await levels(["--slurm-by", way])
      for check in ["configuration", "controller", "helper", "accounting", "tag"] {
        #expect(levels[check] == "ok", "\(check): \(levels)")
      }
      #expect(levels["min_job_age"] != nil && levels["cgroups"] != nil && levels["usage"] != nil, "\(levels)")
      // Other areas can have a warning: on a busy host an fsync takes its time.
      #expect(code == 0 || code == 1)
    }

    @Test(arguments: [
      ("slurmctld", "stop"), ("slurmctld", "hang"), ("slurmdbd", "stop"), ("slurmdbd", "hang"),
    ])
    func aServerIsGone(_ daemon: String, _ verb: String) async throws {
      let found: (code: Int32?, levels: [String: String])
      do {
        try await fixture.testbed.control(verb, daemon, in: fixture.sandbox)
        found = try await levels()
      } catch {
        try await fixture.testbed.restore(in: fixture.sandbox)
        throw error
      }
      try await fixture.testbed.restore(in: fixture.sandbox)
      #expect(found.code == 1)
      #expect(
        found.levels[daemon == "slurmctld" ? "controller" : "accounting"] == "warning", "\(found.levels)")
    }

    /// A ticket that needs to last as long as the job. The KDC and klist are real; a mount table in place of the
    /// process's own says that the log directory needs one.
    @Test(.needs(.root), .needs(.daemons("krb5kdc", "kdb5_util", "kadmin.local")))
    func aTicketAndTheLimitOfTheJob() async throws {
      let sandbox = fixture.sandbox
      let center = try await KeyDistributionCenter(in: sandbox)
      try await center.kinit(life: 36_000)
      try sandbox.makeDirectory("logs")
      try sandbox.write(
        """
        #!/bin/bash
        { cat /proc/self/mountinfo; echo "99999 1 0:99 / $PWD/logs rw - nfs4 server:/home rw,sec=krb5p"; } > table
        mount --bind table /proc/$$/mountinfo && exec "$0" doctor --format json "$PWD/logs/log_"
        """, to: "doctor", executable: true)
      for (minutes, level) in [("60", "ok"), ("700", "warning")] {
        let result = try await run(
          "srun", ["-n1", "-t", minutes, "unshare", "-m", "bash", "-c", ". ./doctor", Programs.conDuct],
          in: sandbox,
          environment: fixture.testbed.environment.merging(center.environment.mapValues { $0 }) { $1 },
          limit: 90)
        let findings = try #require(try JSONParser.parse(result.stdoutBytes)["findings"]?.array, "\(result)")
        let life = try #require(findings.first { $0["area"] == "ticket" && $0["check"] == "life" })
        #expect(life["level"]?.string == level, "\(minutes): \(life)")
      }
    }
  }
}
