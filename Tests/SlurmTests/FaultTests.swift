import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// A failure of Slurm is never a failure of the run.
  @Suite struct FaultTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    /// A script that submits a job and prints distinct text to stdout and stderr.
    private let script =
      "sbatch -J known --wrap 'sleep 2'; echo out; echo err >&2; touch ready; until [ -e go ]; do sleep 0.05; done; exit 5"

    /// What must hold whatever fails in Slurm.
    private func checkRun(_ run: SlurmRun, sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(run.finished.code == 5, sourceLocation: sourceLocation)
      #expect(run.finished.stdout.hasSuffix("out\n"), sourceLocation: sourceLocation)
      #expect(try fixture.sandbox.text("log_stdout") == run.finished.stdout, sourceLocation: sourceLocation)
      #expect(try fixture.sandbox.text("log_stderr").contains("err\n"), sourceLocation: sourceLocation)
      #expect(run.finished.stderr.contains("Exit Code: 5"), sourceLocation: sourceLocation)
      #expect(run.info["run_state"] == "finished", sourceLocation: sourceLocation)
      #expect(run.info["execution_summary"]?["exit_code"] == 5, sourceLocation: sourceLocation)
    }

    /// Runs the script and stops or hangs a daemon as soon as info.json has the job. `seconds` is the time from
    /// then to duct's end.
    private func runWithout(
      _ daemon: String, by verb: String, options: [String] = ["--slurm-timeout", "6"]
    ) async throws -> (SlurmRun, seconds: Double) {
      let fixture = self.fixture
      let go = Monitor(MonotonicInstant.now)
      let run: SlurmRun
      do {
        run = try await fixture.run(script, options, limit: 120) { _ in
          try await eventually(30) { fixture.recordedJobs().count == 1 }
          try await fixture.testbed.control(verb, daemon, in: fixture.sandbox)
          try fixture.sandbox.write("", to: "go")
          go.update { $0 = .now }
        }
      } catch {
        try await fixture.testbed.restore(in: fixture.sandbox)
        throw error
      }
      let seconds = MonotonicInstant.now.seconds(since: go.withLock { $0 })
      try await fixture.testbed.restore(in: fixture.sandbox)
      return (run, seconds)
    }

    /// duct ends within its time limit and keeps the job's last known state.
    @Test(arguments: [
      ("slurmctld", "stop", "library"), ("slurmctld", "hang", "library"), ("munged", "hang", "library"),
      ("munged", "stop", "library"), ("slurmctld", "stop", "commands"), ("munged", "hang", "commands"),
    ])
    func theControllerOrMungeIsGone(_ daemon: String, _ verb: String, _ way: String) async throws {
      let (run, seconds) = try await runWithout(
        daemon, by: verb, options: ["--slurm-timeout", "6", "--slurm-by", way])
      try checkRun(run)
      #expect(seconds < 12, "the end is bounded by --slurm-timeout")
      #expect(run.jobs.count == 1)
      let job = try run.job("known")
      // If only slurmctld is gone, slurmdbd may still answer. Otherwise the state is the one that duct saw last.
      #expect(job.stale || job.source == .slurmdbd)
      let query = try #require(run.query("jobs_of_user"))
      #expect((query["failed"]?.double ?? 0) >= 1)
      #expect(query["last_failure"]?["message"]?.string?.isEmpty == false)
      #expect(run.slurm["problem"]?.string != nil)
      #expect(run.finished.stderr.contains("Slurm jobs: 1 submitted: 1 "))
    }

    @Test(arguments: ["stop", "hang"], bothWays)
    func accountingIsGone(_ verb: String, _ way: String) async throws {
      let (run, seconds) = try await runWithout(
        "slurmdbd", by: verb, options: ["--slurm-timeout", "6", "--slurm-by", way])
      try checkRun(run)
      #expect(seconds < 12)
      let job = try run.job("known")
      #expect(!job.stale && job.source == .slurmctld, "the controller has told")
      #expect((run.query("accounting_of_user")?["failed"]?.double ?? 0) >= 1)
    }

    @Test func theConfigurationDisappears() async throws {
      let fixture = self.fixture
      let conf = try fixture.sandbox.bytes("../../" + fixture.testbed.configuration)
      try fixture.sandbox.write(conf, to: "slurm.conf")
      let path = fixture.sandbox["slurm.conf"]
      // The answer comes at once, unless the host is busy.
      let run = try await fixture.run(
        script, ["--slurm-timeout", "30"], environment: ["SLURM_CONF": path.string]
      ) { _ in
        try await eventually(30) { fixture.recordedJobs().count == 1 }
        path.withPlatformString { _ = unlink($0) }
        try fixture.sandbox.write("", to: "go")
      }
      try checkRun(run)
      #expect(try run.job("known").stale)
      #expect(run.query("jobs_of_user")?["last_failure"]?["kind"] == "no_configuration")
    }

    @Test func aConfigurationThatNeverWasThere() async throws {
      try fixture.sandbox.write("", to: "go")
      let plain = "echo out; echo err >&2; sleep 3; exit 5"
      let start = MonotonicInstant.now
      let run = try await fixture.run(
        plain, ["--slurm-timeout", "60"], environment: ["SLURM_CONF": "/no/such/slurm.conf"])
      #expect(MonotonicInstant.now.seconds(since: start) < 30, "nothing is waited for, for a minute")
      try checkRun(run)
      #expect(run.jobs == [])
      #expect(run.slurm["problem"]?.string?.contains("/no/such/slurm.conf") == true)
      #expect(!run.finished.stderr.contains("WARNING"), "auto is quiet")
      let on = try await fixture.run(
        plain, ["--clobber", "--slurm", "on"], environment: ["SLURM_CONF": "/no/such/slurm.conf"])
      #expect(on.finished.stderr.contains("[WARNING ] con-duct: --slurm on"))
      #expect(on.finished.code == 5)
    }

    @Test func withoutSlurmNothingIsSaid() async throws {
      // PATH has no sbatch, and there is no configuration.
      let result = try await duct(
        ["-t", "system-summary", "/bin/bash", "-c", "/bin/sleep 0.2; exit 0"], in: fixture.sandbox,
        environment: ["PATH": fixture.sandbox.path.string, "SLURM_CONF": nil])
      #expect(result.code == 0)
      #expect(!result.stderr.lowercased().contains("slurm"))
      #expect(try fixture.sandbox.info()["slurm"] == JSONValue.null)
    }

    @Test(
      "The helper is absent, dies, hangs or prints rubbish",
      arguments: [
        ("", "no_helper"), ("exit 3", "helper_died"), ("kill -KILL $$", "helper_died"),
        ("sleep 600", "timeout"),
        ("trap '' TERM; while :; do sleep 0.2; done", "timeout"), ("head -c 5000 /dev/urandom", "rubbish"),
        ("echo '{\"jobs\": [{\"record\": 7}], \"host_names\": []}'", "rubbish"),
      ])
    func theHelper(_ body: String, _ kind: String) async throws {
      let fixture = self.fixture
      try fixture.makeLibexecWithoutHelper()
      if !body.isEmpty {
        try fixture.sandbox.write("#!/bin/bash\n\(body)\n", to: "libexec/duct-slurm", executable: true)
      }
      try fixture.sandbox.write("", to: "go")
      let start = MonotonicInstant.now
      let run = try await fixture.run(
        script, ["--slurm-timeout", "2", "--slurm-by", "library"],
        environment: ["DUCT_LIBEXEC_DIR": fixture.sandbox["libexec"].string])
      #expect(MonotonicInstant.now.seconds(since: start) < 12)
      try checkRun(run)
      #expect(run.jobs == [])
      #expect(run.query("jobs_of_user")?["last_failure"]?["kind"]?.string == kind)
      #expect(run.slurm["problem"]?.string != nil)
      // The command printed a job id, so duct keeps the records of this failed run, though Slurm could not
      // confirm the job.
      #expect(fixture.sandbox.exists("log_info.json"))
      #expect(fixture.sandbox.processes().allSatisfy { $0.name != "duct-slurm" }, "no helper is left behind")
      _ = try await fixture.tool("scancel", "-n", "known")
    }

    /// duct records libslurm's own messages as diagnostics instead of printing them.
    @Test func whatLibslurmPrintsStaysOutOfDuctsStandardError() async throws {
      try fixture.sandbox.write("ClusterName=x\nThis is no slurm.conf\n", to: "slurm.conf")
      let run = try await fixture.run(
        "sleep 3; exit 5", [], environment: ["SLURM_CONF": fixture.sandbox["slurm.conf"].string])
      #expect(run.finished.code == 5)
      #expect(!run.finished.stderr.contains("error:") && !run.finished.stderr.contains("fatal"))
      let diagnostics = run.query("jobs_of_user")?["last_failure"]?["diagnostics"]?.string
      #expect(diagnostics?.contains("slurm.conf") == true)
    }
  }
}
