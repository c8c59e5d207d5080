import RecordText
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// Jobs that exceed the memory limit of their cgroup. They need a Slurm of their own, since its settings
  /// differ.
  @Suite(.enabled(if: SlurmFixture.hasControlGroups, "it needs root and cgroups of version 1"))
  struct MemoryLimitTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    @Test func outOfMemory() async throws {
      let eats = #"perl -e '$x = "x" x 300000000'"#
      let script = #"""
        sbatch -J script --mem=60M --wrap "$EATS"
        sbatch -J step --mem=60M --wrap "srun $EATS; exit 0"
        sbatch -J within --mem=600M --wrap "srun $EATS"
        """#
      let words = """
        for way in \(bothWays.joined(separator: " ")); do
          "$DUCT" -q --wait-jobs --slurm-by $way -p ${way}_ bash -c "$SCRIPT"
          "${DUCT%/*}/con-duct" report --slurm-by $way ${way}_ > $way.report
        done
        """
      let made = try await fixture.onControlGroups(
        words, environment: ["DUCT": Programs.duct, "SCRIPT": script, "EATS": eats])
      #expect(made.code == 0, "\(made.stderr)")
      for way in bothWays {
        let jobs = try SlurmFixture.jobs(fixture.sandbox.info("\(way)_info.json"))
        let byName = Dictionary(uniqueKeysWithValues: jobs.map { ($0.name ?? "", $0) })
        #expect(byName.keys.sorted() == ["script", "step", "within"])
        let ended = try #require(byName["script"])
        #expect(ended.state == .outOfMemory && ended.signal == nil && ended.exitCode == 0, "\(way)")
        #expect(ended.stateReason == "OutOfMemory")
        let step = try #require(byName["step"])
        #expect(
          step.state == .completed && step.derivedState == .outOfMemory && step.derivedSignal == nil, "\(way)"
        )
        #expect(step.needsAttention && EndCause(step) == .stepFailed(.outOfMemory))
        #expect(byName["within"]?.needsAttention == false)
        #expect(try fixture.sandbox.text("\(way).report").contains("but a step was out of memory"))
      }
    }

    /// A command of the name of its records and, if it ends with another exit code than its last child, this code.
    private static let eats = """
      # The kernel has counted no kill yet when duct reads its count for the first time.
      until [ -s $1_info.json ] && [ -s $1_usage.jsonl ]; do sleep 0.1; done
      echo before
      perl -e '$x = "x" x 300000000'
      exit ${2:-$?}
      """

    private static let jobs = """
      job() { # NAME COMMAND...: one job
        local name=$1; shift
        sbatch -J $name -o $name.out --mem=60M -W --wrap "$*; exit 0" &
      }
      run() { echo "$DUCT -q --fail-time 0 -p $1_ $2 bash eats $1"; }
      job script "$(run script)"
      job step "srun $(run step)"
      job exec "exec $(run exec)"
      job child "$(run child) 0"
      job killed "choom -n 1000 -- $(run killed 'choom -n 0 --')"
      job killedstep "srun choom -n 1000 -- $(run killedstep 'choom -n 0 --')"
      wait
      for job in script step exec child killed killedstep; do sacct -nP -o state --name $job > $job.states; done
      """

    /// duct runs inside of the jobs, and its command needs more memory than the job may use.
    ///
    /// The kernel kills the process whose end frees the most, which is the command. In two jobs, choom(1) makes it kill duct
    /// in its place, as it can happen if duct has more memory than each process of the command.
    @Test func ductIsInTheJob() async throws {
      let sandbox = fixture.sandbox
      try sandbox.write(Self.eats, to: "eats")
      let made = try await fixture.onControlGroups(
        Self.jobs, environment: ["DUCT": Programs.duct, "DUCT_SAMPLE_INTERVAL": "0.1"])
      #expect(made.code == 0, "\(made.stderr)")
      for name in ["script", "step", "exec", "child", "killed", "killedstep"] {
        #expect(try sandbox.text("\(name).states").contains("OUT_OF_MEMORY"), "\(name)")
      }
      for name in ["script", "step", "exec", "child"] {
        #expect(try sandbox.text("\(name)_stdout") == "before\n", "\(name)")
        let info = try sandbox.info("\(name)_info.json")
        let reason = name == "child" ? "exited" : "out_of_memory"
        #expect(info["run_state"] == "finished" && info["end_reason"]?.string == reason, "\(name)")
        let summary = try #require(info["execution_summary"])
        #expect(summary["exit_code"]?.double == (name == "child" ? 0 : 137), "\(name)")
        #expect(summary["memory_limit"]?.double == 62_914_560, "\(name)")
        let kills = info["cgroups"]?.array?.compactMap { $0["cgroup_oom_kills"]?.double }.max()
        #expect(kills ?? 0 >= 1, "\(name)")
      }
      try await ductWasKilled(["killed", "killedstep"])
    }

    /// The record is whole, and lacks only what nobody could write. Slurm knows why.
    private func ductWasKilled(_ names: [String]) async throws {
      let sandbox = fixture.sandbox
      for name in names {
        let info = try sandbox.info("\(name)_info.json")
        #expect(info["run_state"] == "running" || info["run_state"] == "interrupted", "\(name)")
        #expect(info["execution_summary"]?["peak_rss"]?.double ?? 0 > 0, "\(name)")
        // slurmstepd may have killed the relay, too, before it could deliver the output.
        let output = try sandbox.text("\(name)_stdout")
        #expect("before\n".hasPrefix(output), "\(name) \(output)")
      }
      let result = try await run(Programs.conDuct, ["recover"], in: sandbox)
      #expect(result.code == 0, "\(result)")
      for name in names {
        let info = try sandbox.info("\(name)_info.json")
        #expect(try sandbox.text("\(name)_stdout") == "before\n", "\(name)")
        #expect(info["run_state"] == "interrupted" && info["end_reason"] == "killed", "\(name)")
        #expect(info["execution_summary"]?["exit_code"] == JSONValue.null, "\(name)")
        #expect(try Documentation.unexplained(in: info) == [])
      }
      #expect(sandbox.spooledRuns().isEmpty)
    }
  }
}
