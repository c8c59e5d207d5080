import Glibc
import RecordText
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// What each layer of job detection finds by itself, and which jobs duct must never claim.
  @Suite struct DetectionTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    /// Five ways to submit a job, each found by other layers. The sessions live long enough for duct to sample
    /// them.
    private let script = """
      sbatch -J plain --wrap true
      hidden=$(sbatch --parsable -J hidden --wrap true)
      setsid -w bash -c 'sbatch -J escaped --wrap true >/dev/null; sleep 1'
      setsid -w bash -c 'setsid -w bash -c "sbatch -J nested --wrap true; sleep 1"'
      sbatch -J outer --wait --wrap 'sbatch -J inner --wrap true' >/dev/null
      sleep 2
      """

    @Test(
      "Each layer alone",
      arguments: [
        ("tag", ["escaped", "hidden", "inner", "nested", "outer", "plain"]),
        ("session", ["escaped", "hidden", "nested", "outer", "plain"]),
        ("output", ["nested", "plain"]),
        ("none", []),
        ("tag,session,output", ["escaped", "hidden", "inner", "nested", "outer", "plain"]),
      ])
    func layers(_ layers: String, _ names: [String]) async throws {
      let run = try await fixture.run(script, ["--s-i", "0.2", "--slurm-detect", layers])
      #expect(run.jobs.compactMap(\.name).sorted() == names)
      #expect(run.jobs.count == names.count)
      if !layers.contains(",") { #expect(run.jobs.allSatisfy { $0.detectedBy.map(\.rawValue) == [layers] }) }
      #expect((run.slurm["tag"]?.string != nil) == layers.contains("tag"))
      #expect(run.finished.stderr.contains("Slurm jobs:") == !names.isEmpty)
    }

    /// A command that ends within milliseconds: duct still finds its job by the session.
    @Test func aCommandThatIsOverBeforeItIsLookedAt() async throws {
      // bash replaces itself with sbatch, which ends after some milliseconds: before or after duct's first
      // sample.
      for number in 1...8 {
        let run = try await fixture.run(
          "sbatch -J quick\(number) --wrap true", ["--clobber", "--slurm-detect", "session"])
        #expect(run.jobs.map(\.name) == ["quick\(number)"])
        #expect(run.jobs.map(\.detectedBy) == [[.session]])
      }
    }

    /// A bare number in the output counts as a job id only if duct saw an sbatch process.
    @Test func numbersAreHintsOnceSbatchWasSeen() async throws {
      // sbatch --wait lives long enough to be sampled. It prints nothing but a number.
      let seen = try await fixture.run(
        "sbatch -J number --parsable --wait --wrap 'sleep 2'", ["--s-i", "0.2", "--slurm-detect", "output"])
      #expect(seen.jobs.map(\.name) == ["number"])
      #expect(seen.jobs.map(\.detectedBy) == [[.output]])
    }

    /// duct finds the job id in a last line that has no newline.
    @Test func theLastLineNeedNotEnd() async throws {
      let run = try await fixture.run(
        "printf %s \"$(sbatch -J unfinished --wrap true)\"", ["--wait-jobs", "--slurm-detect", "output"])
      #expect(run.finished.stdout.last?.isNumber == true)
      #expect(run.jobs.map(\.name) == ["unfinished"])
    }

    @Test("In the terminal's session, which is shared with others", arguments: ["auto", "off"])
    func currentSession(_ tag: String) async throws {
      let run = try await fixture.run(
        "sbatch -J shared --wrap true; sleep 1",
        ["--wait-jobs", "--mode", "current-session", "--slurm-tag", tag])
      #expect(try run.job("shared").detectedBy == (tag == "off" ? [.output] : [.output, .tag]))
      #expect(run.slurm["mentioned_jobs"]?.array?.isEmpty == true)
    }

    /// duct does not claim a job whose id the command prints but which another session submitted.
    @Test func aStrangersJobIsNeverClaimed() async throws {
      let fixture = self.fixture
      // The stranger has the same user, folder and time. The command prints the job's id as sbatch prints it, and
      // the stranger's session is alive.
      async let stranger = fixture.tool(
        "setsid", "-w", "bash", "-c",
        """
        until [ -e ready ]; do sleep 0.05; done
        sbatch --parsable -J strange --wrap true > id.new
        mv id.new id
        until [ -e over ]; do sleep 0.05; done
        """)
      let run = try await fixture.run(
        "touch ready; until [ -s id ]; do sleep 0.05; done; echo Submitted batch job $(cat id); cat id; sbatch -J own --wrap true; sleep 1"
      )
      try fixture.sandbox.write("", to: "over")
      _ = try await stranger
      #expect(run.jobs.map(\.name) == ["own"])
      let mentioned = try #require(run.slurm["mentioned_jobs"]?.array)
      #expect(mentioned.count == 1)
      #expect(
        mentioned.first?["job_id"]?.double.map { "\(Int($0))" } == (try fixture.sandbox.text("id").trimmed))
      #expect(mentioned.first?["reason"]?.string?.isEmpty == false)
    }

    @Test func twoRunsSideBySideKeepTheirJobsApart() async throws {
      let fixture = self.fixture
      async let first = duct(
        [
          "-q", "-p", "one_", "--wait-jobs", "bash", "-c",
          "for i in 1 2 3; do sbatch -J one --wrap true; sleep 0.3; done",
        ],
        in: fixture.sandbox, environment: fixture.testbed.environment)
      async let second = duct(
        [
          "-q", "-p", "two_", "--wait-jobs", "bash", "-c",
          "for i in 1 2 3 4; do sbatch -J two --wrap true; sleep 0.3; done",
        ],
        in: fixture.sandbox, environment: fixture.testbed.environment)
      #expect(try await (first.code, second.code) == (0, 0))
      let one = try SlurmFixture.jobs(fixture.sandbox.info("one_info.json"))
      let two = try SlurmFixture.jobs(fixture.sandbox.info("two_info.json"))
      #expect(one.map(\.name) == Array(repeating: "one", count: 3))
      #expect(two.map(\.name) == Array(repeating: "two", count: 4))
    }

    // MARK: Where duct sets no tag

    private func variables(_ environment: [String: String?], _ options: [String] = []) async throws
      -> SlurmRun
    {
      try await fixture.run("env | grep WCKEY | sort", options, environment: environment)
    }

    @Test func theTagIsInTheEnvironmentOfTheCommandAlone() async throws {
      let run = try await variables([:])
      let tag = try #require(run.slurm["tag"]?.string)
      #expect(tag == "duct-" + (run.info["run_id"]?.string ?? ""))
      #expect(run.finished.stdout == "SALLOC_WCKEY=\(tag)\nSBATCH_WCKEY=\(tag)\nSLURM_WCKEY=\(tag)\n")
    }

    /// duct leaves a wckey that the user has set.
    @Test func aWckeyOfTheUsersStays() async throws {
      let run = try await variables(["SBATCH_WCKEY": "project7"])
      #expect(run.finished.stdout == "SBATCH_WCKEY=project7\n")
      #expect(run.slurm["tag"] == JSONValue.null)
      #expect(run.slurm["tag_reason"]?.string?.contains("SBATCH_WCKEY") == true)
    }

    @Test func switchedOff() async throws {
      #expect(try await variables([:], ["--slurm-tag", "off"]).finished.stdout == "")
      let off = try await duct(
        ["-q", "--clobber", "--slurm", "off", "bash", "-c", "env | grep WCKEY; exit 0"], in: fixture.sandbox,
        environment: fixture.testbed.environment)
      #expect(off.stdout == "")
      #expect(try fixture.sandbox.info()["slurm"] == JSONValue.null)
    }

    @Test(arguments: ["TrackWCKey=yes", "AccountingStorageEnforce=associations,wckeys"])
    func aSiteThatUsesWckeys(_ setting: String) async throws {
      // The test writes the setting to slurm.conf only. The daemons need not have it, since duct decides about
      // the tag before the command starts.
      let conf = try String(decoding: readConfiguration(), as: UTF8.self)
      try fixture.sandbox.write(conf + "\n\(setting)\n", to: "slurm.conf")
      let run = try await variables(["SLURM_CONF": fixture.sandbox["slurm.conf"].string])
      #expect(run.finished.stdout == "")
      #expect(run.slurm["tag_reason"] == "the site tracks wckeys")
      let found = try await fixture.run(
        "sbatch -J untagged --wrap true; sleep 1", ["--clobber", "--wait-jobs"],
        environment: ["SLURM_CONF": fixture.sandbox["slurm.conf"].string])
      #expect(try found.job("untagged").detectedBy == [.output, .session])
    }

    private func readConfiguration() throws -> [UInt8] {
      try fixture.sandbox.bytes("../../" + fixture.testbed.configuration)
    }

    // MARK: Runs within jobs and within runs

    @Test func aNestedRunHasATagOfItsOwnAndKnowsItsParent() async throws {
      let inner = "\(Programs.duct) -q -p inner_ --wait-jobs bash -c \"sbatch -J leaf --wrap true\""
      let run = try await fixture.run("sbatch -J job --mem=100M --wrap '\(inner)'")
      #expect(run.jobs.map(\.name) == ["job"], "the leaf is the inner run's")
      let info = try fixture.sandbox.info("inner_info.json")
      #expect(info["parent_run_id"] == run.info["run_id"])
      #expect(try SlurmFixture.jobs(info).map(\.name) == ["leaf"])
      let own = info["slurm"]?["own_job"]
      #expect(own?["own_job_id"]?.string == run.jobs[0].jobID.map { "\($0)" })
      #expect(own?["own_job_name"] == "job")
      #expect(own?["own_cpus_on_node"] == 1 && own?["own_memory_limit"] == 104_857_600)
    }

    /// The output prefix can name the Slurm job, the array task and the process.
    @Test func thePrefixKnowsTheJob() async throws {
      let options = "-q -p '{slurm_job_id}.{slurm_array_task_id}.{slurm_procid}_'"
      let run = try await fixture.run(
        "sbatch -J a --array=4 --wait -o /dev/null --wrap \"\(Programs.duct) \(options) sleep 0.2\"")
      let id = try #require(run.jobs.first?.jobID)
      #expect(fixture.sandbox.names().contains("\(id).4.0_info.json"))
    }
  }
}
