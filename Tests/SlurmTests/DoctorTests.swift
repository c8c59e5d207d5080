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
  }
}
