import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// duct inside of batch jobs, and all the ways in which Slurm ends these.
  @Suite struct InsideTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    /// What the batch script does with duct.
    enum Script: String, CaseIterable {
      /// duct takes its place, so Slurm waits for duct.
      case replaced = "exec"
      /// It ignores SIGTERM for itself, and so waits for duct.
      case waiting = "trap : TERM USR1;"
    }

    /// Runs for a minute. A signal ends it.
    private static let sleeper = "touch began; exec sleep 60"
    /// Runs for a minute, and handles a signal after the commands that set a trap for it.
    private static let handler = "touch began; for i in {1..600}; do sleep 0.1; done; exit 5"

    // MARK: Jobs

    /// Submits a job that runs duct around a bash script, in a folder of its own. Returns its id.
    private func submit(
      _ command: String, in folder: String, _ script: Script = .replaced, options: [String] = [],
      duct: String = "-p log_"
    ) async throws -> String {
      try sandbox.makeDirectory(folder)
      try sandbox.write(command, to: "\(folder)/command")
      let line = "\(script.rawValue) \(Programs.duct) --fail-time 0 \(duct) bash command"
      return try await batch(script == .waiting ? line + "; wait; exit 7" : line, in: folder, options)
    }

    /// Submits a script of one line.
    private func batch(_ line: String, in folder: String, _ options: [String] = []) async throws -> String {
      try sandbox.write("#!/bin/bash\n\(line)\n", to: "\(folder)/script")
      let result = try await run(
        "sbatch",
        ["--parsable", "-J", folder, "-o", "job.out", "--chdir", sandbox[folder].string] + options
          + ["\(folder)/script"], in: sandbox, environment: fixture.testbed.environment)
      #expect(result.code == 0, "\(result.stderr)")
      return result.stdout.filter(\.isNumber)
    }

    private func began(_ folders: String...) async throws {
      for folder in folders {
        try await eventually(60) { sandbox.exists("\(folder)/began") }
      }
    }

    private func state(_ id: String) async throws -> String {
      try await fixture.tool("squeue", "-h", "-j", id, "-t", "all", "-o", "%T").trimmed
    }

    /// Waits until the job is in this state, and nothing of it is left: it does not stay COMPLETING.
    private func ended(_ id: String, _ expected: String, within seconds: Double = 30) async throws {
      var state = ""
      try? await eventually(seconds) {
        state = try await self.state(id)
        return state == expected
      }
      #expect(state == expected)
    }

    private func nothingIsLeft() async throws {
      try? await eventually(10) { sandbox.processes().isEmpty }
      let left = sandbox.processes()
      #expect(left.isEmpty, "\(left)")
    }

    /// The record of a run that is over, from which nothing is missing.
    private func record(_ folder: String, sourceLocation: SourceLocation = #_sourceLocation) throws
      -> JSONValue
    {
      let info = try sandbox.info("\(folder)/log_info.json")
      #expect(info["run_state"] == "finished", sourceLocation: sourceLocation)
      #expect(info["execution_summary"]?["end_time"]?.double != nil, sourceLocation: sourceLocation)
      #expect(try Documentation.unexplained(in: info) == [], sourceLocation: sourceLocation)
      return info
    }

    // MARK: The time limit

    /// slurmctld looks for jobs that have reached their limit every 30 s, so all these jobs run side by side.
    @Test func theTimeLimit() async throws {
      let handling = "trap 'exit 0' TERM; \(Self.handler)"
      let jobs = [
        "replaced": try await submit(Self.sleeper, in: "replaced", duct: "-p log_ --slurm-by library"),
        "waiting": try await submit(Self.sleeper, in: "waiting", .waiting),
        "commands": try await submit(Self.sleeper, in: "commands", duct: "-p log_ --slurm-by commands"),
        "handling": try await submit(handling, in: "handling"),
      ]
      try await began("replaced", "waiting", "commands", "handling")
      for id in jobs.values {
        _ = try await fixture.tool("scontrol", "update", "JobId=\(id)", "EndTime=now+1")
      }
      for id in jobs.values { try await ended(id, "TIMEOUT", within: 90) }
      try await nothingIsLeft()
      for folder in jobs.keys {
        let info = try record(folder)
        #expect(info["end_reason"] == "time_limit", "\(folder)")
        #expect(
          info["execution_summary"]?["exit_code"]?.double == (folder == "handling" ? 0 : 143), "\(folder)")
      }
    }

    /// The job has a minute. Slurm sends the signal before its end.
    @Test func aSignalBeforeTheTimeLimit() async throws {
      let options = ["--time=1", "--signal=B:USR1@50"]
      let saving = try await submit(
        "trap 'echo saved; exit 0' USR1; \(Self.handler)", in: "saving", options: options)
      let dying = try await submit(Self.sleeper, in: "dying", options: options)
      try await began("saving", "dying")
      try await ended(saving, "COMPLETED", within: 90)
      try await ended(dying, "FAILED", within: 90)
      try await nothingIsLeft()
      #expect(try record("saving")["end_reason"] == "exited")
      #expect(try sandbox.text("saving/log_stdout") == "saved\n")
      #expect(try record("dying")["end_reason"] == "signaled")
    }

    // MARK: scancel

    @Test(arguments: Script.allCases, bothWays) func scancel(_ script: Script, _ way: String) async throws {
      let id = try await submit(Self.sleeper, in: "job", script, duct: "-p log_ --slurm-by \(way)")
      try await began("job")
      _ = try await fixture.tool("scancel", id)
      try await ended(id, "CANCELLED")
      try await nothingIsLeft()
      let info = try record("job")
      #expect(info["end_reason"] == "cancelled")
      #expect(info["execution_summary"]?["exit_code"] == 143)
      let listed = try await run(Programs.conDuct, ["ls", "-F", "end_reason", "--", "job/log_"], in: sandbox)
      #expect(listed.stdout.contains("cancelled"), "\(listed)")
    }

    /// The job goes on, but for its command.
    @Test(arguments: ["--full", "--batch"]) func scancelWithASignal(_ whom: String) async throws {
      let id = try await submit(Self.sleeper, in: "job")
      try await began("job")
      _ = try await fixture.tool("scancel", "--signal=TERM", whom, id)
      try await ended(id, "FAILED")
      try await nothingIsLeft()
      let info = try record("job")
      #expect(info["end_reason"] == "signaled" && info["execution_summary"]?["exit_code"] == 143)
    }

    /// Several ducts in a step of srun, and the script waits for srun. So Slurm kills nothing before KillWait.
    @Test func scancelOfAStep() async throws {
      try sandbox.makeDirectory("job")
      try sandbox.write("touch began$SLURM_PROCID; exec sleep 60", to: "job/command")
      let id = try await batch(
        "exec srun -n2 \(Programs.duct) --fail-time 0 -p 'log{slurm_procid}_' bash command", in: "job",
        ["-n2"])
      try await eventually(60) { sandbox.exists("job/began0") && sandbox.exists("job/began1") }
      _ = try await fixture.tool("scancel", id)
      try await ended(id, "CANCELLED")
      try await nothingIsLeft()
      for task in 0..<2 {
        let info = try sandbox.info("job/log\(task)_info.json")
        #expect(info["run_state"] == "finished" && info["end_reason"] == "cancelled", "\(task)")
      }
    }

    /// Its script dies of the SIGTERM. Where Slurm tracks processes by their parents, as here, it loses duct and lets it
    /// go on.
    @Test func scancelOfAScriptThatWaitsForNothing() async throws {
      try sandbox.makeDirectory("job")
      try sandbox.write(Self.sleeper, to: "job/command")
      let id = try await batch("\(Programs.duct) --fail-time 0 -p log_ bash command; true", in: "job")
      try await began("job")
      _ = try await fixture.tool("scancel", id)
      try await ended(id, "CANCELLED")
      try await nothingIsLeft()
      #expect(try record("job")["end_reason"] == "cancelled")
    }

    // MARK: SIGKILL

    /// The command ignores SIGTERM, so Slurm kills it with duct after KillWait. duct has written the record at the SIGTERM.
    @Test func aCommandThatOutlivesKillWait() async throws {
      let id = try await submit("trap '' TERM; touch began; for i in {1..600}; do sleep 0.1; done", in: "job")
      try await began("job")
      try await recordIsOf("job", 8)
      _ = try await fixture.tool("scancel", id)
      try await ended(id, "CANCELLED")
      try await nothingIsLeft()
      // KillWait is 3 s.
      try await recovers("job", maximumAge: 6)
    }

    /// Even the last record before SIGKILL, without any signal before it, is at most half as old as the run.
    @Test func everythingIsKilledAtOnce() async throws {
      let id = try await submit(Self.sleeper, in: "job")
      try await began("job")
      try await recordIsOf("job", 4)
      let script = try #require(sandbox.processes().first { $0.name == "duct" })
      Proc.killTree(script.pid)
      try await ended(id, "FAILED")
      try await nothingIsLeft()
      try await recovers("job", maximumAge: 6)
    }

    /// Waits for the record that duct writes when the run is so many seconds old.
    private func recordIsOf(_ folder: String, _ seconds: Double) async throws {
      try await eventually(30) {
        let info = try? sandbox.info("\(folder)/log_info.json")
        return info?["execution_summary"]?["wall_clock_time"]?.double ?? 0 >= seconds
      }
    }

    /// Completes the record of a run of which everything was killed.
    private func recovers(_ folder: String, maximumAge: Double) async throws {
      let before = try sandbox.info("\(folder)/log_info.json")
      #expect(before["run_state"] == "running" && before["end_reason"] == JSONValue.null)
      let age = WallTime.now.seconds - (before["last_update_time"]?.double ?? 0)
      #expect(age < maximumAge)
      let listed = try await run(
        Programs.conDuct, ["ls", "-F", "run_state", "--", "\(folder)/log_"], in: sandbox)
      #expect(listed.stdout.contains("interrupted"), "\(listed)")
      let result = try await run(Programs.conDuct, ["recover"], in: sandbox)
      #expect(result.code == 0, "\(result)")
      let info = try sandbox.info("\(folder)/log_info.json")
      #expect(info["run_state"] == "interrupted" && info["end_reason"] == "killed")
    }

    // MARK: Requeue, suspend, preemption

    /// The first run's records stay, and both are complete.
    @Test(arguments: bothWays) func requeue(_ way: String) async throws {
      let id = try await submit(
        "touch began; [ -n \"$SLURM_RESTART_COUNT\" ] || { sleep 60 & wait $!; }", in: "job",
        duct: "--slurm-by \(way)")
      try await began("job")
      _ = try await fixture.tool("scontrol", "requeue", id)
      // Slurm starts a requeued job only after two minutes.
      try? await eventually(30) { try await self.state(id) == "PENDING" }
      // Slurm counts in seconds. Within the same one, slurmd refuses to start it again: "Job credential revoked".
      let second = WallTime.now.seconds.rounded(.up)
      try await eventually { WallTime.now.seconds > second + 1 }
      _ = try await fixture.tool("scontrol", "update", "JobId=\(id)", "StartTime=now")
      try await ended(id, "COMPLETED", within: 60)
      try await nothingIsLeft()
      let names = sandbox.names("job/.duct/logs").filter { $0.hasSuffix("info.json") }
      #expect(names.count == 2 && names.filter { $0.contains("restart1") }.count == 1, "\(names)")
      for name in names {
        let info = try sandbox.info("job/.duct/logs/\(name)")
        #expect(info["run_state"] == "finished")
        #expect(info["end_reason"]?.string == (name.contains("restart1") ? "exited" : "requeued"), "\(name)")
      }
    }

    private func preempting(_ isOn: Bool) async throws {
      let (type, mode) = isOn ? ("preempt/partition_prio", "CANCEL") : ("", "")
      try await fixture.testbed.control("set", "PreemptType=\(type)", "PreemptMode=\(mode)", in: sandbox)
      try await fixture.testbed.control("stop", "slurmctld", in: sandbox)
      try await fixture.testbed.control("start", "slurmctld", in: sandbox)
    }

    @Test func preemption() async throws {
      try await preempting(true)
      do {
        _ = try await fixture.tool(
          "scontrol", "create", "PartitionName=urgent", "Nodes=ALL", "PriorityTier=10")
        let id = try await submit(Self.sleeper, in: "job", options: ["-N3", "--exclusive"])
        try await began("job")
        _ = try await fixture.tool(
          "sbatch", "-p", "urgent", "-N3", "--exclusive", "-o", "/dev/null", "--wait", "--wrap", "true")
        try await ended(id, "PREEMPTED")
        try await nothingIsLeft()
        #expect(try record("job")["end_reason"] == "preempted")
      } catch {
        try await preempting(false)
        throw error
      }
      _ = try await fixture.tool("scontrol", "delete", "PartitionName=urgent")
      try await preempting(false)
    }

    @Test(.needs(.root)) func suspendAndResume() async throws {
      let id = try await submit(
        "touch began; until [ -e go ]; do sleep 0.1; done; echo went", in: "job")
      try await began("job")
      try await eventually { sandbox.exists("job/log_info.json") }
      let suspension = MonotonicInstant.now
      _ = try await fixture.tool("scontrol", "suspend", id)
      try await ended(id, "SUSPENDED")
      try await eventually { sandbox.processes().contains { Proc.state($0.pid) == "T" } }
      try sandbox.write("", to: "job/go")
      #expect(try sandbox.info("job/log_info.json")["run_state"] == "running")
      let suspended = MonotonicInstant.now.seconds(since: suspension)
      _ = try await fixture.tool("scontrol", "resume", id)
      try await ended(id, "COMPLETED")
      try await nothingIsLeft()
      let info = try record("job")
      #expect(info["end_reason"] == "exited" && info["execution_summary"]?["exit_code"] == 0)
      #expect((info["execution_summary"]?["wall_clock_time"]?.double ?? 0) > suspended)
      #expect(try sandbox.text("job/log_stdout") == "went\n")
    }

    /// slurmctld does not answer: the signal is all that is known, and duct does not wait long.
    @Test func slurmDoesNotAnswer() async throws {
      let id = try await submit(Self.sleeper, in: "job")
      try await began("job")
      try await fixture.testbed.control("hang", "slurmctld", in: sandbox)
      let start = MonotonicInstant.now
      for process in sandbox.processes() where process.name == "duct" { kill(process.pid, SIGTERM) }
      try? await eventually(20) { try sandbox.info("job/log_info.json")["run_state"] == "finished" }
      let seconds = MonotonicInstant.now.seconds(since: start)
      try await fixture.testbed.control("resume", "slurmctld", in: sandbox)
      #expect(seconds < 6, "\(seconds)")
      #expect(try record("job")["end_reason"] == "signaled")
      try await ended(id, "FAILED")
      try await nothingIsLeft()
    }
  }
}
