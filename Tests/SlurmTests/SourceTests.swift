import RecordText
import TestSupport
import Testing

extension OnSlurm {
  /// `con-duct report` of jobs that duct did not wrap.
  @Suite struct SourceTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func report(_ arguments: [String]) async throws -> (result: Finished, json: JSONValue) {
      let result = try await run(
        Programs.conDuct, ["report", "-f", "json"] + arguments, in: fixture.sandbox,
        environment: fixture.testbed.environment)
      return (result, result.stdout.isEmpty ? .null : try JSONParser.parse(result.stdoutBytes))
    }

    private func submit(_ arguments: String...) async throws -> String {
      let result = try await run(
        "sbatch", ["--parsable"] + arguments, in: fixture.sandbox, environment: fixture.testbed.environment)
      return result.stdout.trimmed
    }

    /// An array with a failing task, a job, and one that waits.
    private func campaign(_ name: String) async throws -> (array: String, job: String, held: String) {
      let array = try await submit(
        "-J", "\(name)-tasks", "--array=1-4", "--wrap", "echo task; exit $((SLURM_ARRAY_TASK_ID == 3))")
      let job = try await submit("-J", "\(name)-one", "--wait", "--wrap", "echo the mesh is missing; exit 5")
      let held = try await submit("-J", "\(name)-held", "-H", "--array=1-3", "--wrap", "true")
      try await eventually(60) {
        try await fixture.tool("sacct", "-nXP", "-j", array, "-o", "state").split(separator: "\n").sorted()
          == ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]
      }
      return (array, job, held)
    }

    @Test(arguments: bothWays) func jobsById(_ way: String) async throws {
      let (array, job, held) = try await campaign("ids")
      let (result, json) = try await report([
        "--slurm-by", way, "--job", "\(array)_[2-3],\(job),\(held)_2,4000000,\(array)_9",
      ])
      #expect(
        result.stderr
          == "con-duct: Slurm does not know job 4000000, \(array)_9, or may not show it to you (PrivateData)\n"
      )
      #expect(result.code == 0 && json["job_count"] == 4 && json["runs"]?.array?.count == 0)
      let attention = try #require(json["attention"]?.array)
      #expect(attention.count == 3, "\(attention)")
      let one = try #require(attention.first { $0["job_ids"]?.array == [.string(job)] })
      #expect(one["outputs"]?.array?.first?["lines"]?.array?.last == "the mesh is missing")
      // Without a record and without paths, the records at the output prefix do not matter.
      let (_, whole) = try await report(["--slurm-by", way, "--job", array])
      #expect(whole["job_count"] == 4)
      _ = try await fixture.tool("scancel", held)
    }

    @Test(arguments: bothWays) func jobsOfAUser(_ way: String) async throws {
      let (_, _, held) = try await campaign("mine-\(way)")
      let (result, json) = try await report([
        "--slurm-by", way, "--name", "mine-\(way)-*", "--since", "now-5minutes", "--user",
      ])
      #expect(result.code == 0 && json["job_count"] == 8, "\(result.stderr)")
      let (_, named) = try await report(["--slurm-by", way, "--user", "root", "--name", "mine-\(way)-one"])
      #expect(named["job_count"] == 1)
      let (none, _) = try await report(["--user", "nobody", "--slurm-by", way])
      #expect(none.code == 1)
      #expect(
        none.stderr
          == "con-duct: user nobody had no jobs in that time, or Slurm may not show them to you (PrivateData)\n"
      )
      let (early, _) = try await report([
        "--user", "--until", "now-2hours", "--since", "now-1days", "--slurm-by", way,
      ])
      #expect(early.stderr == "con-duct: user root had no jobs in that time\n")
      _ = try await fixture.tool("scancel", held)
    }

    /// An end of the time window leaves out nothing that was submitted before it.
    @Test(arguments: bothWays) func jobsThatNeverCouldStart(_ way: String) async throws {
      try await fixture.testbed.withSettings(["MinJobAge=2"], in: fixture.sandbox) {
        let held = try await submit("-J", "never-\(way)", "-H", "--array=1-3", "--wrap", "true")
        _ = try await fixture.tool("scancel", held)
        // Then only slurmdbd has it.
        try await eventually(60) {
          let answer = try await run(
            "scontrol", ["show", "job", held], in: fixture.sandbox,
            environment: fixture.testbed.environment)
          return answer.code != 0
        }
        for end in [[], ["--until", "now"]] {
          let (result, json) = try await report(
            ["--slurm-by", way, "--user", "--name", "never-\(way)", "--since", "now-1hours"] + end)
          #expect(json["job_count"] == 3, "\(end): \(result)")
        }
      }
    }

    @Test func jobsOfOutputFiles() async throws {
      let (array, job, held) = try await campaign("files")
      let files = try await fixture.tool("ls")
      #expect(files.contains("slurm-\(job).out\n") && files.contains("slurm-\(array)_3.out\n"))
      let (all, json) = try await report(["."])
      #expect(all.code == 0 && json["job_count"] == 5, "\(all.stderr)")
      let (_, two) = try await report(["slurm-\(array)_3.out", "slurm-\(job).out"])
      #expect(two["job_count"] == 2)
      // The record of a run has its jobs: their files are not told twice.
      let run = try await fixture.run("sbatch --wait -J wrapped --wrap true")
      let (mixed, both) = try await report(["."])
      #expect(mixed.stderr == "" && both["job_count"] == 6 && both["runs"]?.array?.count == 1)
      #expect(both["runs"]?.array?.first?["jobs"]?.double == Double(run.jobs.count))
      // An id that Slurm gave to an earlier job.
      try fixture.sandbox.makeDirectory("old")
      try fixture.sandbox.write("old", to: "old/slurm-\(job).out")
      _ = try await fixture.tool("touch", "-d", "2020-01-01", "old/slurm-\(job).out")
      let (old, _) = try await report(["old"])
      #expect(old.code == 1 && old.stderr.contains("is the output of an earlier job with that id"))
      _ = try await fixture.tool("scancel", held)
    }

    /// Accounting alone has no paths: the file itself tells its job's end.
    @Test func withSlurmdbdAloneTheFileIsStillShown() async throws {
      let (_, job, held) = try await campaign("alone")
      _ = try await fixture.tool("scancel", held)
      try await fixture.testbed.control("stop", "slurmctld", in: fixture.sandbox)
      let (result, json) = try await report(["--slurm-timeout", "30", "slurm-\(job).out"])
      try await fixture.testbed.restore(in: fixture.sandbox)
      #expect(result.code == 0 && json["problem"]?.isNull == false)
      let output = json["attention"]?.array?.first?["outputs"]?.array?.first
      #expect(output?["lines"]?.array?.last == "the mesh is missing")
    }

    @Test func runsByTheirStart() async throws {
      _ = try await fixture.run("true", ["-p", "log_"])
      #expect(try await report(["--since", "now-1hours", "log_"]).json["runs"]?.array?.count == 1)
      let (none, _) = try await report(["--until", "now-1hours", "log_"])
      #expect(none.code == 1 && none.stderr == "con-duct: there are no records of such runs here\n")
    }
  }
}
