import Glibc
import RecordText
import SlurmJobs
import TestSupport
import Testing

extension OnSlurm {
  /// What Slurm really reports about unusual jobs. The expected values come from sacct, squeue and the files.
  @Suite struct TruthTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func sacct(_ id: UInt32?, _ fields: String) async throws -> [[String]] {
      let text = try await fixture.tool("sacct", "-nP", "--noconvert", "-j", "\(id ?? 0)", "-o", fields)
      return text.split(separator: "\n").map { line in
        line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      }
    }

    private func memory(_ use: String) -> Int64 {
      let entry = use.split(separator: ",").first { $0.hasPrefix("mem=") }
      return entry.flatMap { Int64($0.dropFirst(4)) } ?? 0
    }

    @Test(arguments: bothWays) func memoryOfAllTasks(_ way: String) async throws {
      let step =
        #"srun -n4 perl -e '$x = "x" x 40000000; select(undef, undef, undef, .1) until -e "measured"'"#
      let run = try await fixture.run(
        "sbatch -J wide -n4 --mem=1200M --wrap \"$STEP\"", ["--wait-jobs", "--slurm-by", way],
        environment: ["STEP": step]
      ) { [fixture] _ in
        try await eventually(60) {
          guard let id = fixture.recordedJobs().first?.jobID else { return false }
          let use = try await fixture.tool(
            "sstat", "-nP", "--noconvert", "-j", "\(id).0", "-o", "TRESUsageInTot")
          return memory(use) > 160_000_000
        }
        try fixture.sandbox.write("", to: "measured")
      }
      let job = try run.job("wide")
      let rows = try await sacct(job.jobID, "JobID,TRESUsageInMax,TRESUsageInTot")
      let total = rows.filter { $0[0].contains(".") }.map { memory($0[2]) }.reduce(0, +)
      #expect(total > 160_000_000 && job.maxRSSAllTasksBytes == total, "\(rows)")
      #expect(job.maxRSSBytes == rows.map { memory($0[1]) }.max())
      #expect(job.memoryRequestedBytes == 1200 << 20)
    }

    @Test(arguments: bothWays) func filesAreWhereTheRecordSays(_ way: String) async throws {
      let script = #"""
        sbatch -J 'na me' -o '%x-%N.log' --wrap true
        sbatch -J width -o 'z-%5j-%n-%t-%s.o' -e 'err-%j-\%x' --wrap true
        sbatch -J ids -o '%A-%J.out' --wrap true
        sbatch -J off -o 'a\%j-%x.o' --wrap true
        sbatch -J tasks --array=12 -o 'b-%a-%3a-%%-%q-%A.o' --wrap true
        sbatch -J odd -o '%12j%' --wrap true
        sbatch -J digits -o 'd%10%-%5%x' -e 'd%5%%j-%3b-%r-%5q.e' --wrap true
        for node in n1 n2 n3; do sbatch -w $node -o "$node-%N-%j.log" --wrap true; done
        """#
      let run = try await fixture.run(script, ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.count == 10)
      for job in run.jobs {
        for path in [job.stdoutPath, job.stderrPath] {
          #expect(path.map { access($0, F_OK) } == 0, "\(job.name ?? ""): \(path ?? "null")")
        }
      }
      #expect(try run.job("width").stderrPath?.hasSuffix("-%x") == true)
    }

    @Test(arguments: bothWays) func stepsThatFailedWithoutTheirJob(_ way: String) async throws {
      let script = #"""
        sbatch -J killed --wrap 'srun sh -c "kill -9 \$\$"; exit 0'
        sbatch -J failed --wrap 'srun sh -c "exit 7"; exit 0'
        sbatch -J well --wrap 'srun true'
        """#
      let run = try await fixture.run(script, ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.allSatisfy { $0.state == .completed && $0.exitCode == 0 })
      for job in run.jobs {
        let row = try #require(try await sacct(job.jobID, "DerivedExitCode").first)
        // slurmdbd can miss a step (seen with 22.05: slurmdbd had 0:0, slurmctld had 0:9). Then slurmctld's value
        // counts.
        let shown = try await fixture.tool("scontrol", "-d", "-o", "show", "job", "\(job.jobID ?? 0)")
        let told = "\(job.derivedExitCode ?? -1):\(job.derivedSignal ?? 0)"
        #expect(
          row[0] == told || row[0] == "0:0" && shown.contains("DerivedExitCode=\(told) "), "\(row) \(shown)")
      }
      #expect(try run.job("killed").derivedSignal == 9 && run.job("failed").derivedExitCode == 7)
      #expect(try run.job("well").needsAttention == false)
      #expect(run.finished.stderr.contains("3 COMPLETED (job "))
      #expect(run.finished.stderr.contains("a step was ended by signal 9 (SIGKILL)"))
      let report = try await TestSupport.run(
        Programs.conDuct, ["report", "--no-refresh", "log_"], in: fixture.sandbox,
        environment: fixture.testbed.environment
      ).stdout
      #expect(report.contains("COMPLETED, but a step was ended by signal 9 (SIGKILL)"))
      #expect(report.contains("COMPLETED, but a step ended with exit code 7"))
    }

    @Test(arguments: bothWays) func tasksThatWereCancelledWhileTheyWaited(_ way: String) async throws {
      let script = #"""
        id=$(sbatch --parsable -H -J some --array=0-5%1 --wrap true); echo Submitted batch job $id
        sbatch -J whole -H --array=0-2 --wrap true
        until [ -e known ]; do sleep 0.1; done
        scancel ${id}_2; scancel ${id}_[4-5]
        until [ -e missed ]; do sleep 0.1; done
        scancel -n whole; scontrol release $id
        """#
      let run = try await fixture.run(script, ["--wait-jobs", "--slurm-by", way]) { [fixture] _ in
        try await eventually(30) { fixture.recordedJobs().count == 9 }
        try fixture.sandbox.write("", to: "known")
        try await eventually(60) { fixture.recordedJobs().count { $0.state == .cancelled } == 3 }
        try fixture.sandbox.write("", to: "missed")
      }
      let some = run.jobs.filter { $0.name == "some" }
      #expect(some.map { $0.arrayTaskID ?? 99 } == [0, 1, 2, 3, 4, 5])
      let expected: [JobState] = [.completed, .completed, .cancelled, .completed, .cancelled, .cancelled]
      #expect(some.map(\.state) == expected)
      for job in run.jobs where job.state == .cancelled {
        #expect(job.exitCode == nil && job.startTime == nil && job.elapsedSeconds == 0 && !job.stale)
      }
      let whole = run.jobs.filter { $0.name == "whole" }
      #expect(whole.map(\.arrayTaskID) == [0, 1, 2], "\(whole.map(\.displayID))")
      #expect(whole.allSatisfy { $0.state == .cancelled })
      // Only slurmdbd knows these.
      #expect(whole.allSatisfy { $0.cancelledBy == getuid() && $0.submitLine?.contains("-J whole") == true })
    }

    @Test(arguments: bothWays) func cancelledRequeuedAndDependent(_ way: String) async throws {
      let script = #"""
        sbatch -J held -H --wrap true
        first=$(sbatch --parsable -J first --wrap 'until [ -e go ]; do sleep 0.1; done')
        sbatch -J second -d afterok:$first --wrap true
        again=$(sbatch --parsable -J again --requeue --wrap 'sleep 60')
        # A run of less than a second has no length in accounting, and no order either.
        until case $(squeue -h -j $again -t R -o %M) in ''|0:00|0:01) false;; esac; do sleep 0.2; done
        scancel -n held; scontrol requeue $again; touch go
        until [ "$(squeue -h -j $again -o %T)" = PENDING ]; do sleep 0.2; done
        scancel $again
        """#
      let run = try await fixture.run(script, ["--wait-jobs", "--slurm-by", way])
      let held = try run.job("held")
      #expect(held.state == .cancelled && held.exitCode == nil && held.stateReason == nil)
      #expect(held.cancelledBy == getuid() && held.endTime != nil && held.startTime == nil)
      let second = try run.job("second")
      #expect(second.state == .completed && second.dependency == nil)
      let again = try run.job("again")
      #expect(again.state == .cancelled && again.restarts == 1 && again.runs?.count == 1)
      #expect(again.runs?.first?.state == "REQUEUED" && again.runs?.first?.nodeList != nil)
      let rows = try await sacct(again.jobID, "State,Elapsed")
      #expect(rows.first?[0].hasPrefix("CANCELLED by \(getuid())") == true, "\(rows)")
    }

    /// sbatch runs with an empty environment, without duct's tag: duct still finds the job by its output.
    @Test func anEnvironmentMadeAnew() async throws {
      let script = #"""
        env -i PATH="$PATH" SLURM_CONF="$SLURM_CONF" setsid --wait sh -c 'sbatch -J anew --wrap true'
        """#
      let run = try await fixture.run(script)
      #expect(try run.job("anew").detectedBy.contains(.output))
      #expect(run.slurm["mentioned_jobs"]?.array?.isEmpty == true)
    }

    /// duct does not record the user's other jobs: here an array of 4000 tasks.
    @Test(arguments: bothWays) func whatIsNotTheRunsDoesNotTravel(_ way: String) async throws {
      let id = try await fixture.tool("sbatch", "--parsable", "-H", "--array=0-3999", "--wrap", "true")
        .trimmed
      let run = try await fixture.run(
        "sbatch -J mine --wrap true", ["--wait-jobs", "--slurm-by", way])
      _ = try await fixture.tool("scancel", id)
      #expect(run.jobs.map(\.name) == ["mine"])
    }
  }
}
