import Glibc
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// What only newer releases of Slurm can do. `make test-releases` runs these tests; on an older Slurm they are
  /// cancelled.
  @Suite struct NewerReleaseTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func needs(_ needed: SlurmRelease) async throws {
      let version = try await fixture.tool("squeue", "--version")
      let release = try #require(SlurmRelease(version: version))
      if release < needed { try Test.cancel("it needs Slurm \(needed); this is \(release)") }
    }

    private func withSettings(_ settings: String..., body: () async throws -> Void) async throws {
      try await fixture.testbed.withSettings(settings, in: fixture.sandbox) {
        try await fixture.testbed.restore(in: fixture.sandbox)
        try await body()
      }
    }

    /// slurmctld does not see steps that a step manager runs; slurmdbd does.
    @Test func stepsOfAStepManager() async throws {
      try await needs(SlurmRelease(24, 5))
      try await withSettings("SlurmctldParameters=enable_stepmgr", "PrologFlags=Contain") {
        for way in bothWays {
          let run = try await fixture.run(
            "sbatch -J managed --wrap \"srun bash -c 'exit 7'; exit 0\"",
            ["--wait-jobs", "--clobber", "--slurm-by", way])
          let job = try run.job("managed")
          let shown = try await fixture.tool("scontrol", "-d", "show", "job", "\(job.jobID ?? 0)")
          #expect(shown.contains("DerivedExitCode=0:0") && shown.contains("StepMgrEnabled=Yes"))
          #expect(job.state == .completed && job.exitCode == 0 && job.derivedExitCode == 7, "\(way)")
          #expect(job.needsAttention)
        }
      }
    }

    /// slurmctld restarts a job immediately if both its script and its epilog fail.
    @Test func expeditedRequeue() async throws {
      try await needs(SlurmRelease(25, 11))
      let sandbox = fixture.sandbox
      try sandbox.write(
        "#!/bin/sh\n[ -e \(sandbox["epilog-succeeds"]) ] && exit 0\nuntil [ -e \(sandbox["seen"]) ]; do sleep 0.1; done\nexit 1\n",
        to: "epilog", executable: true)
      _ = sandbox.path.withPlatformString { chmod($0, 0o755) }
      try await withSettings(
        "SlurmctldParameters=enable_expedited_requeue", "PrologFlags=Contain", "Epilog=\(sandbox["epilog"])"
      ) {
        for way in bothWays {
          let run = try await fixture.run(
            "rm -f epilog-succeeds seen; sbatch -J expedited --requeue=expedite --wrap '[ $SLURM_RESTART_COUNT ] || exit 5; touch epilog-succeeds'",
            ["--wait-jobs", "--clobber", "--slurm-by", way]
          ) { [fixture] _ in
            // duct has recorded the failure. The job is still completing.
            try await eventually(60) {
              fixture.recordedJobs().contains { $0.stateFlags.contains(JobStateFlag.completing) }
            }
            try fixture.sandbox.write("", to: "seen")
          }
          let job = try run.job("expedited")
          #expect(
            job.state == .completed && job.exitCode == 0 && job.restarts == 1 && !job.stale, "\(way) \(job)")
          #expect(job.runs?.map(\.state) == ["REQUEUED"] && job.runs?.first?.exitCode == 5, "\(way)")
          // Slurm drains a node whose epilog has failed, so no job starts there until the node is resumed.
          for node in ["n1", "n2", "n3"] {
            _ = try? await fixture.tool("scontrol", "update", "NodeName=\(node)", "State=RESUME")
          }
        }
      }
    }
  }
}
