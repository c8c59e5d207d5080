import Glibc
import RecordText
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// duct on a host without a matching libslurm: it asks Slurm's own commands.
  @Suite struct WithoutHelperTests {
    private let fixture: SlurmFixture
    init() throws {
      fixture = try SlurmFixture()
      try fixture.makeLibexecWithoutHelper()
    }

    private var environment: [String: String?] { ["DUCT_LIBEXEC_DIR": fixture.sandbox["libexec"].string] }

    /// A run that asks libslurm wraps a run that has no helper. Both must record the same jobs.
    @Test func theRecordsAreThoseOfTheLibrary() async throws {
      try fixture.sandbox.write(
        """
        sbatch -J fine -n 2 -o fine-%j.txt --wrap 'srun sleep 1'
        sbatch -J broken --mem=100 --wrap 'sleep 1; exit 3'
        sbatch -J killed --wrap 'kill -9 $$'
        sbatch -J tasks --array=0-5%2 --wrap 'exit $((SLURM_ARRAY_TASK_ID == 4))'
        sbatch -J het -n 1 : -n 2 --wrap true
        sbatch -J $'odd\\xff "name\\n|' --wrap true
        setsid -w bash -c 'sbatch -J dropped -H --wrap true; until [ -e seen ]; do sleep 0.1; done; scancel -n dropped'
        """, to: "submit")
      let inner =
        "DUCT_LIBEXEC_DIR=$PWD/libexec \(Programs.duct) -q -p inner_ --wait-jobs bash submit"
      let run = try await fixture.run(
        inner, ["--wait-jobs", "--slurm-by", "library", "--slurm-detect", "session,output", "--s-i", "0.2"]
      ) { [fixture] _ in
        // Both runs have all jobs.
        try await eventually(30) {
          let inner = try SlurmFixture.jobs(fixture.sandbox.info("inner_info.json"))
          return inner.count == 13 && fixture.recordedJobs().count == 13
        }
        try fixture.sandbox.write("", to: "seen")
      }
      let info = try fixture.sandbox.info("inner_info.json")
      #expect(info["slurm"]?["asked_by"] == "commands" && info["slurm"]?["problem"]?.isNull == true)
      #expect(run.slurm["asked_by"] == "library")
      let byLibrary = run.jobs.map(Self.comparable)
      let byCommands = try SlurmFixture.jobs(info).map(Self.comparable)
      #expect(byCommands.count == 13)
      #expect(byLibrary.map(\.displayID) == byCommands.map(\.displayID))
      for (left, right) in zip(byLibrary, byCommands) { #expect(left == right) }
    }

    /// The record without members that depend on when and by whom the job was detected, and without fractions of
    /// a second that sacct does not print.
    private static func comparable(_ job: JobRecord) -> JobRecord {
      var job = job
      job.detectedBy = []
      job.lastSeen = nil
      // slurmdbd replaces bytes that are not UTF-8. slurmctld keeps them, and reports the submit line from 25.11
      // on.
      job.submitLine = job.submitLine.map { line in
        String(escaping: line.originalBytes.map { $0 == 0xFF ? UInt8(ascii: "?") : $0 })
      }
      job.cpuSeconds = job.cpuSeconds.map { ($0 * 10).rounded() }
      return job
    }

    /// duct logs only once that it asks Slurm's commands.
    @Test func itIsSaidOnce() async throws {
      let run = try await fixture.run(
        "sbatch -J one --wrap true; until [ -e seen ]; do sleep 0.1; done", ["--wait-jobs", "-l", "DEBUG"],
        environment: environment
      ) { [fixture] _ in
        try await eventually(30) { fixture.recordedJobs().count == 1 }
        try fixture.sandbox.write("", to: "seen")
      }
      #expect(try run.job("one").state == .completed)
      #expect(run.slurm["asked_by"] == "commands")
      let line = "Slurm is asked by its own commands: cannot start"
      #expect(run.finished.stderr.ranges(of: line).count == 1, "\(run.finished.stderr)")
    }

    @Test func aLibraryThatIsGone() async throws {
      // The dynamic loader prints this after an upgrade of Slurm.
      let words = "duct-slurm: error while loading shared libraries: libslurm.so.38: cannot open it"
      try fixture.sandbox.write(
        "#!/bin/bash\necho '\(words)' >&2; exit 127\n", to: "libexec/duct-slurm", executable: true)
      let run = try await fixture.run("sbatch -J one --wrap true", environment: environment)
      #expect(try run.job("one").state == .completed && run.slurm["asked_by"] == "commands")
      #expect(run.slurm["problem"]?.isNull == true)
    }

    @Test func neitherWayIsThere() async throws {
      try fixture.sandbox.makeDirectory("bin")
      let run = try await fixture.run(
        "/usr/bin/sbatch -J lost -H --wrap true; exit 5", ["--slurm-timeout", "3"],
        environment: environment.merging(["PATH": fixture.sandbox["bin"].string]) { $1 }, shell: "/bin/bash")
      #expect(run.finished.code == 5 && run.jobs == [])
      let problem = try #require(run.slurm["problem"]?.string)
      #expect(problem.contains("cannot start"), "\(problem)")
      #expect(problem.contains(", and there is no s") && problem.hasSuffix(" in PATH"), "\(problem)")
      #expect(run.slurm["asked_by"]?.isNull == true)
      _ = try await fixture.tool("scancel", "-n", "lost")
    }

    /// Slurm could not be asked, and the command ran sbatch: duct keeps the records of the failed run.
    @Test func recordsOfJobsThatNobodyCouldTellOfAreKept() async throws {
      try fixture.sandbox.makeDirectory("bin")
      let run = try await fixture.run(
        "id=$(/usr/bin/sbatch --parsable --wait --wrap 'until [ -e seen ]; do sleep 0.1; done'); exit 5",
        ["--slurm-timeout", "3", "--fail-time", "60", "--s-i", "0.1", "--r-i", "0.2"],
        environment: environment.merging(["PATH": fixture.sandbox["bin"].string]) { $1 }, shell: "/bin/bash"
      ) { [fixture] _ in
        try await eventually {
          try fixture.sandbox.text("log_usage.jsonl").contains("/usr/bin/sbatch --parsable")
        }
        try fixture.sandbox.write("", to: "seen")
      }
      #expect(run.finished.code == 5 && run.jobs == [])
      #expect(run.slurm["problem"]?.string != nil)
      #expect(run.finished.stderr.contains("Slurm jobs: not known, since Slurm did not answer: "))
    }

    @Test func recordsAreReadBackByCommands() async throws {
      let run = try await fixture.run("sbatch -J shown -n 2 --wrap true", ["--slurm-by", "commands"])
      let id = try #require(run.info["run_id"]?.string)
      for words in [["jobs", "log_"], ["jobs", "--run", id], ["report", "log_"]] {
        try await eventually(30) {
          let result = try await TestSupport.run(
            Programs.conDuct, words + ["--slurm-by", "commands"], in: fixture.sandbox,
            environment: fixture.testbed.environment)
          return result.code == 0 && result.stdout.contains("COMPLETED") && result.stderr == ""
        }
      }
      let wrong = try await TestSupport.run(
        Programs.conDuct, ["jobs", "log_"], in: fixture.sandbox,
        environment: fixture.testbed.environment.merging(["DUCT_SLURM_BY": "magic"]) { $1 })
      #expect(wrong.code == 2)
      #expect(wrong.stderr.contains("DUCT_SLURM_BY: 'magic' is none of auto, library, commands"))
    }

    /// A Slurm in /opt/site, for example, without SLURM_CONF: a libslurm with another prefix would read another
    /// configuration.
    @Test(arguments: bothWays) func theConfigurationLiesBesideTheCommands(_ way: String) async throws {
      let run = try await inSite("etc/slurm.conf", ["--slurm-by", way])
      #expect(try run.job("site").state == .completed)
    }

    /// Slurm was built with `configure --prefix=/opt/site --sysconfdir=/some/where`: only its commands know the
    /// configuration.
    @Test(arguments: ["auto", "commands"])
    func theConfigurationIsKnownToTheCommandsAlone(_ way: String) async throws {
      let run = try await inSite("elsewhere.conf", way == "auto" ? [] : ["--slurm-by", way])
      #expect(try run.job("site").state == .completed && run.slurm["asked_by"] == "commands")
    }

    private func inSite(_ place: String, _ options: [String]) async throws -> SlurmRun {
      let sandbox = fixture.sandbox
      for folder in ["site", "site/bin", "site/etc"] { try sandbox.makeDirectory(folder) }
      _ = try await fixture.tool("cp", fixture.testbed.configuration, "site/\(place)")
      for name in ["sbatch", "squeue", "sacct", "scontrol"] {
        let program = try await fixture.tool("bash", "-c", "command -v \(name)").trimmed
        try sandbox.write(
          "#!/bin/sh\nSLURM_CONF=\(sandbox["site/\(place)"]) exec \(program) \"$@\"\n",
          to: "site/bin/\(name)", executable: true)
      }
      let path = "\(sandbox["site/bin"]):\(String(cString: getenv("PATH")))"
      return try await fixture.run(
        "sbatch -J site --wrap true", ["--wait-jobs"] + options,
        environment: ["SLURM_CONF": nil, "PATH": path])
    }
  }
}
