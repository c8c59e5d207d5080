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
  }
}
