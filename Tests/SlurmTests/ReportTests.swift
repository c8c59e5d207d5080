import Glibc
import RecordText
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// con-duct reads the records of real runs.
  @Suite struct ReportTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func conDuct(_ arguments: String..., folder: String = "", environment: [String: String?] = [:])
      async throws -> Finished
    {
      try await run(
        Programs.conDuct, arguments, in: fixture.sandbox, folder: folder,
        environment: fixture.testbed.environment.merging(environment) { $1 })
    }

    private let campaign = """
      sbatch -J fine --wrap 'echo fine'
      sbatch -J broken --wrap 'for i in $(seq 30); do echo step $i; done; echo the mesh is missing >&2; exit 3'
      sbatch -J apart -e apart.err --wrap 'echo output; echo the real reason >&2; exit 4'
      """

    @Test func theReportNamesWhatFailedAndWhy() async throws {
      let run = try await fixture.run(campaign, ["--wait-jobs", "--campaign", "c7"])
      let text = try await conDuct("report", "--campaign", "c7", "--lines", "4", "log_")
      #expect(text.code == 0, "\(text.stderr)")
      let broken = try run.job("broken")
      let id = try #require(broken.jobID)
      for part in [
        "1 run, 3 Slurm jobs", "No: 2 of 3 jobs did not end well (2 FAILED).", "COMPLETED     1",
        "FAILED        2",
        "job \(id) (broken): FAILED, exit code 3, on n",
        "    | step 28\n    | step 29\n    | step 30\n    | the mesh is missing\n", "    | the real reason\n",
        "elapsed:", "wait from",
        "CPU:",
      ] {
        #expect(text.stdout.contains(part), "\(part)\n\(text.stdout)")
      }
      #expect(!text.stdout.contains("step 27"))
      let markdown = try await conDuct("report", "-f", "markdown", "log_info.json")
      #expect(markdown.stdout.contains("| FAILED | 2 |"))
      #expect(markdown.stdout.contains("### job \(id) (broken)"))
      #expect(markdown.stdout.contains("```\n"))
      let json = try JSONParser.parse(try await conDuct("report", "-f", "json", ".").stdoutBytes)
      #expect(json["runs"]?.array?.count == 1 && json["attention"]?.array?.count == 2)
    }

    /// A pipeline notices that a job failed, and scripts get the ids that they want.
    @Test func theExitCodeTellsOfJobs() async throws {
      let run = try await fixture.run(campaign, ["--wait-jobs", "--jobs-exit-code"])
      #expect(run.finished.code == 1)
      #expect(
        run.finished.stderr.contains("2 of its Slurm jobs did not end well: exit code 1 (--jobs-exit-code)"))
      #expect(try fixture.sandbox.info("log_info.json")["execution_summary"]?["exit_code"] == 0)
      let failed = try ["broken", "apart"].map { "\(try #require(run.job($0).jobID))\n" }
      #expect(try await conDuct("jobs", "--failed", "--ids", "log_").stdout == failed.joined())
      #expect(try await conDuct("jobs", "--state", "failed", "--ids", "log_").stdout == failed.joined())
      let none = try await conDuct("jobs", "--state", "PENDING,RUNNING", "--ids", "log_")
      #expect(none.stdout == "" && none.stderr == "")
      let foreign = try await conDuct("jobs", "--cluster", "beta", "--ids", "log_")
      #expect(foreign.stdout == "" && foreign.code == 0)
      let json = try JSONParser.parse(
        try await conDuct("jobs", "--state", "COMPLETED", "--json", "log_").stdoutBytes)
      #expect(json.array?.first?["jobs"]?.array?.compactMap { $0["name"]?.string } == ["fine"])
      let well = try await fixture.run(
        "sbatch --wrap true", ["--wait-jobs", "--jobs-exit-code", "--clobber"])
      #expect(well.finished.code == 0)
    }

    /// As dask-jobqueue and parsl end their workers.
    @Test func whatTheRunItselfCancelledIsNoFailure() async throws {
      let run = try await fixture.run(
        """
        id=$(sbatch --parsable -J pilot --wrap 'exec sleep 300'); echo Submitted batch job $id
        until [ "$(squeue -h -j $id -t R | wc -l)" = 1 ]; do sleep 0.1; done
        scancel $id
        """, ["--wait-jobs", "--jobs-exit-code"])
      #expect(run.finished.code == 0, "\(run.finished.stderr)")
      #expect(try run.job("pilot").state == .cancelled)
      #expect(try await conDuct("jobs", "--failed", "--ids", "log_").stdout == "")
      #expect(try await conDuct("jobs", "--watch", "log_").code == 0)
    }

    /// Without paths, con-duct reads the records that DUCT_OUTPUT_PREFIX names.
    @Test func withoutPathsThePrefixIsFollowed() async throws {
      _ = try await fixture.run("sbatch -J one --wrap true")
      let found = try await conDuct("report", "-f", "json", environment: ["DUCT_OUTPUT_PREFIX": "log_{pid}"])
      #expect(found.code == 0, "\(found.stderr)")
      #expect(try JSONParser.parse(found.stdoutBytes)["job_count"] == 1)
      let nothing = try await conDuct("report")
      #expect(nothing.code == 1)
      #expect(nothing.stderr.split(separator: "\n").count == 1)
    }

    /// `con-duct jobs` asks Slurm for the jobs' current states.
    @Test func jobsShowTheStatesNow() async throws {
      let run = try await fixture.run("sbatch -J later --wrap 'sleep 2; exit 2'", [])
      #expect(run.jobs.map(\.state.isActive) == [true])
      let id = try #require(run.jobs[0].jobID)
      let recorded = try await conDuct("jobs", "--no-refresh", "log_")
      #expect(recorded.stdout.contains("\(id) "))
      #expect(!recorded.stdout.contains("FAILED"))
      try await eventually(30) {
        try await fixture.tool("squeue", "-h", "-t", "all", "-j", "\(id)", "-o", "%T").trimmed == "FAILED"
      }
      let now = try await conDuct("jobs", "log_info.json")
      #expect(now.stdout.contains("1 submitted: 1 FAILED (job \(id): exit code 2)"))
      // slurmdbd receives the steps of a job a moment after the job itself.
      try await eventually(30) {
        let json = try JSONParser.parse(try await conDuct("jobs", "--json", "log_").stdoutBytes)
        let job = try #require(json.array?.first?["jobs"]?.array?.first)
        #expect(job["state"] == "FAILED" && job["exit_code"] == 2)
        #expect(json.array?.first?["run_id"] == run.info["run_id"])
        return job["max_rss_bytes"]?.double != nil
      }
    }

    @Test func jobsAreFoundByTheTagWhenAllRecordsAreGone() async throws {
      let run = try await fixture.run(
        "sbatch -J plain --wrap true; setsid bash -c 'sbatch -J escaped --array=1-2 --wrap \"exit 1\"'; sbatch -J outer --wrap 'sbatch -J inner --wrap true'"
      )
      let id = try #require(run.info["run_id"]?.string)
      try fixture.sandbox.makeDirectory("elsewhere")
      for argument in [id, "duct-" + id] {
        let result = try await conDuct("jobs", "--run", argument, "--json", folder: "elsewhere")
        #expect(result.code == 0, "\(result.stderr)")
        let found = try #require(try JSONParser.parse(result.stdoutBytes).array?.first?["jobs"]?.array)
        #expect(
          found.compactMap { $0["name"]?.string }.sorted() == [
            "escaped", "escaped", "inner", "outer", "plain",
          ])
      }
      // The same with slurmdbd alone.
      try await fixture.testbed.control("stop", "slurmctld", in: fixture.sandbox)
      let result = try await conDuct("jobs", "--run", id, "--slurm-timeout", "30", folder: "elsewhere")
      try await fixture.testbed.restore(in: fixture.sandbox)
      #expect(result.code == 0)
      #expect(result.stdout.contains("5 submitted: 3 COMPLETED, 2 FAILED"))
      #expect(result.stderr.contains("Slurm did not answer everything"))
    }

    /// Array tasks that were cancelled while they waited have one record in slurmdbd, which is late to hear of tasks that
    /// have started. `sacct` shows them as `7_[6-9%1]`.
    @Test(arguments: bothWays)
    func cancelledTasksAreFoundByTheTagWhenAllRecordsAreGone(_ way: String) async throws {
      let run = try await fixture.run(
        """
        id=$(sbatch --parsable -J mixed --array=0-7%2 -o /dev/null --wrap '[ $SLURM_ARRAY_TASK_ID -gt 1 ] && sleep 619')
        until [ "$(squeue -h -t R -j $id -o %K | sort | xargs)" = '2 3' ]; do sleep 0.1; done
        held=$(sbatch --parsable -J held -H --array=1,3 --wrap true)
        # An array that is cancelled before slurmdbd hears of it has a record without tasks.
        until [ -e known ] && sacct -XnPj $held -o jobid | grep -qF "${held}_[1,3]"; do sleep 0.1; done
        scancel $id; scancel $held
        """, ["--wait-jobs", "--slurm-by", way], limit: 120
      ) { [fixture] _ in
        try await eventually(60) { fixture.recordedJobs().count == 10 }
        try fixture.sandbox.write("", to: "known")
      }
      let id = try #require(run.info["run_id"]?.string)
      let expected = run.jobs.map { "\($0.displayID) \($0.state)" }
      #expect(expected.count { $0.hasSuffix("CANCELLED") } == 8, "\(expected)")
      try fixture.sandbox.makeDirectory("elsewhere")
      try await fixture.testbed.control("stop", "slurmctld", in: fixture.sandbox)
      let result = try await conDuct(
        "jobs", "--run", id, "--json", "--slurm-timeout", "30", "--slurm-by", way, folder: "elsewhere")
      try await fixture.testbed.restore(in: fixture.sandbox)
      let found = try JSONParser.parse(result.stdoutBytes).array?.first?["jobs"]?.array ?? []
      let shown = try found.map { try JobRecord($0) }.map { "\($0.displayID) \($0.state)" }
      #expect(shown == expected, "\(result.stderr)")
    }

    @Test func anUnknownRunIsOneClearLine() async throws {
      let result = try await conDuct("jobs", "--run", "20260101t000000-ffffffffff")
      #expect(result.code == 1)
      #expect(result.stdout == "")
      #expect(result.stderr.split(separator: "\n").count == 1)
    }

    /// duct was killed: the relay completes the job list of info.json by the tag.
    @Test func aKilledRunsJobsAreCompletedByTheTag() async throws {
      let fixture = self.fixture
      _ = try await duct(
        [
          "-q", "bash", "-c",
          "sbatch -J first --wrap true; until [ -e go ]; do sleep 0.05; done; sbatch -W -J second --wrap true; touch ended",
        ],
        in: fixture.sandbox, environment: fixture.testbed.environment
      ) { pid in
        try await eventually(30) { fixture.recordedJobs().count == 1 }
        kill(pid, SIGKILL)
        try fixture.sandbox.write("", to: "go")
      }
      try await eventually(60) { fixture.sandbox.exists("ended") }
      // The relay does this, without any command from the user.
      try await eventually(30) { try fixture.sandbox.info()["run_state"] == "interrupted" }
      let jobs = try SlurmFixture.jobs(fixture.sandbox.info())
      #expect(jobs.map(\.name).sorted { ($0 ?? "") < ($1 ?? "") } == ["first", "second"])
      #expect(jobs.allSatisfy { $0.state == .completed })
      try await eventually(30) {
        let result = try await conDuct("jobs", "log_")
        return result.stdout.contains("2 submitted: 2 COMPLETED")
      }
    }

    @Test func jobsOfAFinishedRunsJobsAreFoundByTheirTagAlone() async throws {
      let run = try await fixture.run(
        "sbatch -J outer --wrap 'until [ -e go ]; do sleep 0.1; done; sbatch -J inner --wrap true'", [])
      #expect(run.info["run_state"] == "finished")
      #expect(run.jobs.count == 1)
      let tag = try #require(run.info["slurm"]?["tag"]?.string)
      try fixture.sandbox.write("", to: "go")
      try await eventually(60) {
        try await fixture.tool("sacct", "-nXP", "-W", tag, "-o", "jobname,state").trimmed
          .split(separator: "\n").sorted() == ["inner|COMPLETED", "outer|COMPLETED"]
      }
      // The test stops slurmctld. That has the same effect as waiting until MinJobAge after the jobs' end, when
      // slurmctld has forgotten them.
      try await fixture.testbed.control("stop", "slurmctld", in: fixture.sandbox)
      let result = try await conDuct("jobs", "log_", "--slurm-timeout", "30")
      try await fixture.testbed.restore(in: fixture.sandbox)
      #expect(result.stdout.contains("2 submitted: 2 COMPLETED"), "\(result.stdout)\(result.stderr)")
    }

    @Test func listingsShowTheJobs() async throws {
      _ = try await fixture.run("sbatch -J one --wrap true")
      let table = try await conDuct("ls", "-F", "exit_code", "jobs", "run_state", "--", "log_info.json")
      #expect(table.stdout.contains("1 submitted: 1 COMPLETED"))
      let json = try JSONParser.parse(
        try await conDuct("ls", "-f", "json", "-F", "jobs", "--", ".").stdoutBytes)
      #expect(json.array?.first?["jobs"] == "1 submitted: 1 COMPLETED")
    }
  }
}
