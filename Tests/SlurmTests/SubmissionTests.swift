import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// duct finds jobs of every kind, each exactly once, and records how they ended.
  @Suite struct SubmissionTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    @Test(arguments: bothWays) func oneJobWithEverythingThatIsKnownOfIt(_ way: String) async throws {
      let run = try await fixture.run(
        """
        sbatch -J full -t 5 -n 2 --mem=300 -o out-%j.txt -e err-%j.txt --wrap '
          x=$(head -c 60000000 /dev/zero | tr "\\0" x); for i in $(seq 200000); do :; done; sleep 2; exit 3'
        """, ["--wait-jobs", "--slurm-by", way])
      #expect(run.finished.code == 0)
      let job = try run.job("full")
      let id = try #require(job.jobID)
      #expect(run.finished.stdout == "Submitted batch job \(id)\n")
      #expect(
        run.finished.stderr.contains("\nSlurm jobs: 1 submitted: 1 FAILED (job \(id): exit code 3)\n"),
        "\(run.finished.stderr)")
      #expect(job.cluster == "testbed")
      #expect(
        job.arrayJobID == nil && job.arrayTaskID == nil && job.hetJobID == nil && job.hetJobOffset == nil)
      #expect(job.user == (try await fixture.tool("id", "-un").trimmed))
      #expect(job.account != nil && job.partition == "debug" && job.qos == "normal")
      #expect(job.state == .failed && job.stateFlags == [] && job.stateReason == "NonZeroExitCode")
      #expect(job.exitCode == 3 && job.signal == nil && job.restarts == 0)
      #expect(job.derivedExitCode == 0)
      let (submit, eligible) = (try #require(job.submitTime), try #require(job.eligibleTime))
      let (start, end) = (try #require(job.startTime), try #require(job.endTime))
      #expect(submit <= eligible && eligible <= start && start < end)
      #expect(job.elapsedSeconds == end - start && end - start >= 2)
      #expect(job.timeLimitSeconds == 300)
      #expect(job.nodeCount == 1 && job.nodeList?.hasPrefix("n") == true && job.cpus == 2)
      #expect(job.tresRequested?["cpu"] == 2 && job.tresAllocated?["node"] == 1)
      #expect(job.memoryRequestedBytes == 300 << 20)
      #expect(try #require(job.maxRSSBytes) > 30_000_000)
      #expect(try #require(job.cpuSeconds) > 0.1)
      let folder = fixture.sandbox.path.string
      #expect(job.workingDir == folder)
      #expect(job.stdoutPath == "\(folder)/out-\(id).txt" && job.stderrPath == "\(folder)/err-\(id).txt")
      #expect(job.submitLine?.hasPrefix("sbatch -J full -t 5") == true)
      #expect(job.dependency == nil)
      #expect(job.detectedBy == [.output, .session, .tag])
      #expect(job.source == .slurmctld && !job.stale && job.lastSeen != nil)
      #expect(run.slurm["cluster_name"] == "testbed")
      // squeue prints, for example, "slurm-wlm 22.05.8".
      let version = try await fixture.tool("squeue", "--version").trimmed
      let told = try #require(run.slurm["controller_version"]?.string)
      #expect(version.hasSuffix(" \(told)"), "\(version)")
      #expect(run.slurm["problem"] == JSONValue.null)
    }

    @Test(arguments: bothWays) func anArrayOfTwenty(_ way: String) async throws {
      let run = try await fixture.run(
        "sbatch -J array --array=0-19%8 --wrap 'exit $((SLURM_ARRAY_TASK_ID == 7))'",
        ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.count == 20)
      #expect(run.jobs.map(\.arrayTaskID) == (0..<20).map { UInt32($0) })
      #expect(Set(run.jobs.map(\.arrayJobID)).count == 1)
      #expect(Set(run.jobs.compactMap(\.jobID)).count == 20)
      for job in run.jobs {
        #expect(job.state == (job.arrayTaskID == 7 ? .failed : .completed))
        #expect(
          job.stdoutPath?.hasSuffix("/slurm-\(job.arrayJobID ?? 0)_\(job.arrayTaskID ?? 0).out") == true)
      }
      let id = try #require(run.jobs.first?.arrayJobID)
      #expect(run.finished.stderr.contains("20 submitted: 19 COMPLETED, 1 FAILED (job \(id)_7: exit code 1)"))
    }

    /// Each waiting task of an array has its own entry in the record.
    @Test(arguments: bothWays) func waitingTasksAreThereOneByOne(_ way: String) async throws {
      let run = try await fixture.run(
        "id=$(sbatch --parsable -H -J held --array=1,5-7 --wrap true); echo $id; until [ -e seen ]; do sleep 0.1; done",
        ["--slurm-by", way]
      ) { [fixture] _ in
        try await eventually(30) { fixture.recordedJobs().count == 4 }
        try fixture.sandbox.write("", to: "seen")
      }
      #expect(run.jobs.map(\.arrayTaskID) == [1, 5, 6, 7])
      #expect(
        run.jobs.allSatisfy { $0.state == .pending && $0.jobID == nil && $0.stateReason == "JobHeldUser" })
      #expect(run.jobs.allSatisfy { $0.startTime == nil && $0.endTime == nil })
      #expect(run.finished.stderr.contains("4 submitted: 4 PENDING"))
      _ = try await fixture.tool("scancel", run.finished.stdout.trimmed)
    }

    @Test(arguments: bothWays) func aChainOfDependencies(_ way: String) async throws {
      let run = try await fixture.run(
        """
        a=$(sbatch --parsable -J a --wrap 'sleep 1')
        b=$(sbatch --parsable -J b -d afterok:$a --wrap 'exit 4')
        sbatch -J c -d afternotok:$b --wrap true
        sbatch -J d -d afterok:$b --wrap true
        """, ["--wait-jobs", "--slurm-by", way])
      #expect(try run.job("a").state == .completed)
      #expect(try run.job("b").state == .failed)
      #expect(try run.job("c").state == .completed)
      #expect(try #require(run.job("b").startTime) >= (try #require(run.job("a").endTime)))
      // This job can never start, so duct does not wait for it.
      let never = try run.job("d")
      #expect(
        never.state == .pending && never.stateReason == "DependencyNeverSatisfied"
          && StateReason.neverStarts(never))
      let id = try #require(never.jobID)
      #expect(
        run.finished.stderr.contains(
          "Not waiting for job \(id), which does not start by itself (DependencyNeverSatisfied)"))
      #expect(never.dependency?.contains("(failed)") == true)
      _ = try await fixture.tool("scancel", "\(id)")
    }

    /// Nothing in the run would release it: the user or an administrator has to.
    @Test func nothingWaitsForHeldJobsAlone() async throws {
      let run = try await fixture.run(
        "sbatch -J fine --wrap 'sleep 1'; sbatch -H -J held --array=1-7 --wrap true", ["--wait-jobs"])
      #expect(try run.job("fine").state == .completed)
      let held = run.jobs.filter { $0.name == "held" }
      #expect(held.count == 7 && held.allSatisfy { $0.state == .pending })
      let array = try #require(held.first?.arrayJobID)
      #expect(
        run.finished.stderr.contains(
          "Not waiting for job \(array)_1, \(array)_2, \(array)_3, \(array)_4, \(array)_5 and 2 more, which does not start by itself (JobHeldUser)"
        ), "\(run.finished.stderr)")
      _ = try await fixture.tool("scancel", "\(array)")
    }

    @Test func killedCancelledAndTimedOut() async throws {
      let run = try await fixture.run(
        """
        sbatch -J late -p short --wrap 'sleep 300'
        sbatch -J killed --wrap 'kill -9 $$'
        sbatch -J running --wrap 'touch runs; exec sleep 300'
        sbatch -J waiting -H --wrap true
        until [ -e runs ]; do sleep 0.2; done
        scancel -n running; scancel -n waiting
        """, limit: 200)
      let late = try run.job("late")
      #expect(late.state == .timeout && late.stateReason == "TimeLimit" && late.timeLimitSeconds == 60)
      #expect(late.signal == 15)
      let killed = try run.job("killed")
      #expect(killed.state == .failed && killed.signal == 9 && killed.exitCode == 0)
      let running = try run.job("running")
      #expect(
        running.state == .cancelled && running.signal == 15 && running.startTime != nil, "\(running)")
      let waiting = try run.job("waiting")
      #expect(waiting.state == .cancelled && waiting.startTime == nil && waiting.elapsedSeconds == 0)
      #expect(run.finished.stderr.contains("4 submitted: 2 CANCELLED"))
    }

    /// After the command's end, duct no longer restores a log file that the user takes away.
    @Test func aLogFileThatIsTakenAwayWhileJobsAreAwaitedStaysAway() async throws {
      let sandbox = fixture.sandbox
      let run = try await fixture.run(
        "sbatch -J slow --wrap 'until [ -e go ]; do sleep 0.1; done'",
        ["--wait-jobs", "--s-i", "0.1", "--r-i", "0.1"]
      ) { _ in
        func time() throws -> Double? {
          let info = try sandbox.info()
          return info["execution_summary"]?["exit_code"] == 0 ? info["last_update_time"]?.double : nil
        }
        // The second record since the end: the last check that duct itself asks for is over by then.
        try await eventually(30) { (try? time()) ?? nil != nil }
        let first = try time()
        try await eventually(60) { try time() != first }
        let log = sandbox["log_stdout"].string
        rename(log, log + ".kept")
        // Records are written at least a second apart, which is several of the intervals that samples have.
        let taken = try time()
        try await eventually(60) { try time() != taken }
        try sandbox.write("", to: "go")
      }
      #expect(run.jobs.count == 1)
      #expect(!sandbox.exists("log_stdout"))
      #expect(try sandbox.text("log_stdout.kept").hasPrefix("Submitted batch job"))
    }

    @Test(arguments: bothWays) func aRequeuedJobStaysOneJob(_ way: String) async throws {
      let run = try await fixture.run(
        """
        id=$(sbatch --parsable -J again --requeue --wrap 'sleep 3')
        until [ "$(squeue -h -j $id -t R | wc -l)" = 1 ]; do sleep 0.2; done
        scontrol requeue $id
        until [ "$(squeue -h -j $id -o %T)" = PENDING ]; do sleep 0.2; done
        # slurmd refuses a job that starts again within the second in which it was killed.
        scontrol update job=$id StartTime=now+3
        """, ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.count == 1)
      let job = try run.job("again")
      #expect(job.state == .completed && job.restarts == 1, "\(job)")
      #expect(try #require(job.elapsedSeconds) < 6, "of the last run alone")
    }

    @Test(arguments: bothWays) func aHeterogeneousJobHasAnEntryAComponent(_ way: String) async throws {
      let run = try await fixture.run(
        "sbatch -J het -n 1 : -n 2 --wrap true", ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.count == 2)
      #expect(run.jobs.map(\.hetJobOffset) == [0, 1])
      #expect(Set(run.jobs.map(\.hetJobID)) == [run.jobs[0].jobID])
      #expect(run.jobs.allSatisfy { $0.state == .completed })
      #expect(run.jobs.map(\.cpus) == [1, 2])
      #expect(run.jobs[0].displayID == "\(run.jobs[0].jobID ?? 0)+0")
      #expect(run.jobs[0].stdoutPath != nil && run.jobs[1].stdoutPath == nil)
    }

    @Test func threeHundredInABurst() async throws {
      let run = try await fixture.run(
        "for i in $(seq 300); do sbatch -J burst$i -n1 --mem=10 --wrap true >/dev/null & [ $((i % 20)) = 0 ] && wait; done; wait",
        limit: 300)
      #expect(run.jobs.count == 300)
      #expect(Set(run.jobs.compactMap(\.name)).count == 300)
      #expect(run.jobs.allSatisfy { $0.state == .completed && $0.detectedBy == [.session, .tag] })
      #expect(run.finished.stderr.contains("Slurm jobs: 300 submitted: 300 COMPLETED\n"))
      // duct is polite: it asks far fewer questions than there are jobs.
      #expect(try #require(run.query("jobs_of_user")?["asked"]?.double) < 40)
      #expect(try #require(run.query("accounting_jobs")?["asked"]?.double ?? 0) < 10)
    }

    @Test func everyClientCommand() async throws {
      let run = try await fixture.run(
        """
        sbatch -J waited --wait --wrap 'sleep 1'
        srun -J direct true
        salloc -J allocated srun true
        parsed=$(sbatch --parsable -J parsed --wrap true)
        """)
      #expect(Set(run.jobs.compactMap(\.name)) == ["waited", "direct", "allocated", "parsed"])
      #expect(run.jobs.allSatisfy { $0.state == .completed })
      #expect(run.jobs.allSatisfy { $0.detectedBy.contains(.tag) && $0.detectedBy.contains(.session) })
      #expect(try run.job("direct").stdoutPath == nil)
      #expect(try run.job("allocated").detectedBy.contains(.output), "salloc tells the id on stderr")
    }

    @Test func jobsThatJobsSubmit() async throws {
      let run = try await fixture.run(
        "sbatch -J outer --wrap 'sbatch -J inner --wrap \"sleep 1; sbatch -J innermost --wrap true\"'")
      #expect(Set(run.jobs.compactMap(\.name)) == ["outer", "inner", "innermost"])
      #expect(try run.job("innermost").detectedBy == [.tag])
      #expect(run.jobs.allSatisfy { $0.state == .completed })
    }

    @Test(arguments: bothWays) func namesOfAnyBytes(_ way: String) async throws {
      let run = try await fixture.run(
        "sbatch -J $'odd\\xff \"name\\t' --comment x --wrap true", ["--wait-jobs", "--slurm-by", way])
      #expect(run.jobs.count == 1)
      #expect(run.jobs[0].name?.originalBytes.starts(with: Array("odd".utf8) + [0xFF]) == true)
    }

    @Test func jobsOfANamedCluster() async throws {
      let run = try await fixture.run(
        "sbatch -M testbed -J named --wrap true", ["--wait-jobs", "--slurm-detect", "output"])
      #expect(run.finished.stdout.contains("on cluster testbed"))
      #expect(try run.job("named").state == .completed)
    }

    /// duct finds jobs that slurmctld forgets (MinJobAge) before duct asks again.
    @Test func jobsThatComeAndGoBetweenTwoQuestions() async throws {
      try await fixture.testbed.withSettings(["MinJobAge=2"], in: fixture.sandbox) {
        let run = try await fixture.run(
          """
          sbatch -J printed --wrap true
          quiet=$(sbatch --parsable -J quiet --array=1-3 --wrap true)
          for i in $(seq 100); do sleep 1; [ -z "$(scontrol -o show job $quiet 2>/dev/null)" ] && break; done
          """, [], limit: 200)
        #expect(run.jobs.count == 4)
        #expect(run.jobs.allSatisfy { $0.state == .completed && $0.cpuSeconds != nil && !$0.stale })
      }
    }

    @Test func theRecordFollowsTheJobsWhileTheyRun() async throws {
      let fixture = self.fixture
      let run = try await fixture.run(
        "sbatch -J followed --wrap 'until [ -e go ]; do sleep 0.1; done'; until [ -e go ]; do sleep 0.1; done",
        ["--wait-jobs"]
      ) { _ in
        try await eventually(30) {
          fixture.recordedJobs().first?.state == .running
        }
        try fixture.sandbox.write("", to: "go")
      }
      #expect(run.jobs.map(\.state) == [.completed])
    }

    /// SIGINT ends waiting for jobs, and duct still exits with the command's code.
    @Test func waitingEndsWithAKey() async throws {
      let run = try await fixture.run("sbatch -J long --wrap 'sleep 100'", ["--wait-jobs"]) { pid in
        try await eventually(30) { fixture.recordedJobs().first?.state == .running }
        kill(pid, SIGINT)
      }
      #expect(run.finished.code == 0)
      #expect(run.jobs.map(\.state) == [.running])
      #expect(run.finished.stderr.contains("Not waiting any longer for jobs\n"))
      #expect(!run.finished.stderr.contains("Waiting for Slurm jobs"), "it is no terminal")
      _ = try await fixture.tool("scancel", "-n", "long")
    }

    @Test func aTerminalShowsWhatIsWaitedFor() async throws {
      let script = "sbatch -J shown --wrap 'sleep 1'; exit 4"
      let result = try await TestSupport.run(
        "script", ["-qec", "\(Programs.duct) -p log_ --wait-jobs bash -c \"\(script)\"", "/dev/null"],
        in: fixture.sandbox, environment: fixture.testbed.environment)
      #expect(result.code == 4)
      #expect(result.stdout.contains("Waiting for Slurm jobs: 0 of 1 ended, 1 "), "\(result.stdout)")
      // duct erases the progress line before it prints the next line.
      #expect(result.stdout.firstRange(of: "\r\u{1B}[K2") != nil, "\(result.stdout)")
      #expect(result.stdout.contains("Slurm jobs: 1 submitted: 1 COMPLETED"))
    }

    @Test func recordsOfAFailureStayWhenJobsWereSubmitted() async throws {
      let run = try await fixture.run("sbatch -J kept --wrap true; exit 9", ["--fail-time", "3"])
      #expect(run.finished.code == 9)
      #expect(run.jobs.count == 1)
    }
  }
}
