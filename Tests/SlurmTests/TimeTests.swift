import Glibc
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// Each form of a time means to duct what it means to sacct.
  @Suite struct TimeTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private static let forms = [
      "2026-03-02", "2026-03-02T12:30", "2026-03-02T12:30:15", "2026-03-02 12:30", "0302", "030226", "1231",
      "03/02", "3/2/26", "03.02", "03.02.26", "0302-10:00", "10:00 03/02", "00:01", "0:01:05", "10:30 AM",
      "12:30 AM", "12:30PM", "1:30 pm", "now-2days", "now-90minutes", "now-1", "now-1hour", "now - 3 weeks",
      "now-40seconds", "now-1days 10:00", "today", "midnight", "noon", "fika", "teatime", "today noon",
      "T00:05", "uts1700000000",
      // The clocks of Berlin skip the hour from 2:00 in March, and have it twice in October.
      "2026-03-29T02:30", "2026-03-29T03:00", "2026-03-29", "2025-10-26T02:30", "2025-10-26T03:00",
    ]

    @Test(arguments: ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"])
    func theSameAsSacct(_ zone: String) async throws {
      let before = getenv("TZ").map { String(cString: $0) }
      defer {
        if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
        tzset()
      }
      setenv("TZ", zone, 1)
      tzset()
      for form in Self.forms {
        // sacct tells what it understood. The end is late enough for every form: a day without a year is also one of
        // the present month that is still to come.
        let told = try await run(
          "sacct", ["-v", "-X", "-j", "1", "-S", form, "-E", "now+400days"], in: fixture.sandbox,
          environment: fixture.testbed.environment.merging(["TZ": zone]) { $1 })
        let line = told.stderr.split(separator: "\n").first { $0.contains("time window from ") }
        let start = try #require(
          line?.split(separator: " from ").last?.split(separator: " to ").first, "\(form)")
        // Its clock moves on while it starts.
        let slack = form.hasPrefix("now") ? 0...30 : 0...0
        let ours = Double(try SlurmTime(form).seconds)
        let possible = slack.map { WallTime(seconds: ours - Double($0)).text(format: "%a %b %d %H:%M:%S %Y") }
        #expect(possible.contains(String(start)), "\(form) in \(zone)")
      }
    }

    @Test(arguments: [
      "2026-1-1", "11/01/2026", "24:00", "now-2months", "monday", "2026-11-01T12:30Z", "2026",
    ])
    func whatSacctRefuses(_ form: String) async throws {
      let told = try await run(
        "sacct", ["-X", "-S", form], in: fixture.sandbox, environment: fixture.testbed.environment)
      #expect(told.stderr.contains("Invalid time specification"))
      #expect(throws: (any Error).self) { try SlurmTime(form) }
    }
  }
}
