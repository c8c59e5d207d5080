import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnSlurm {
  /// A node loses its power and is booted again, with runs of duct in jobs on it.
  ///
  /// The kernel is not booted here: everything that Slurm and duct have on the node is killed at once, and slurmd tells
  /// slurmctld that its node was booted. So two things are not tested here: the boot id stays the same, by which `recover`
  /// tells `host_rebooted` from `killed`; and no page of a file is lost that the kernel had not written to the disk.
  @Suite(.needs(.root)) struct RebootTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    private static let node = "n3"

    /// slurmctld takes a job for lost with its node only if it has begun 20 s before: the longest wait for its script.
    /// duct writes a record when a run is 32 s old.
    private static let age = 32.0

    @Test(.timeLimit(.minutes(4))) func aNodeIsBooted() async throws {
      let lost = try await submit("lost", "--no-requeue")
      let again = try await submit("again", "--requeue")
      for folder in ["lost", "again"] {
        try await eventually(90) {
          try record(folder)["execution_summary"]?["wall_clock_time"]?.double ?? 0 >= Self.age
        }
      }
      try killNode()
      let killTime = WallTime.now.seconds
      try await fixture.testbed.control("stop", Self.node, in: sandbox)
      try await fixture.testbed.control("boot", Self.node, in: sandbox)

      try await eventually(60) { try await state(lost) == "NODE_FAIL" }
      try await eventually(60) { try await state(again) == "PENDING" }
      for folder in ["lost", "again"] {
        let info = try record(folder)
        #expect(info["run_state"] == "running" && info["end_reason"] == JSONValue.null)
        #expect(killTime - (try #require(info["last_update_time"]?.double)) < 30, "\(folder)")
      }
      let listed = try await run(
        Programs.conDuct, ["ls", "-F", "run_state", "--", "lost/.duct/logs/"], in: sandbox)
      #expect(listed.stdout.contains("interrupted"), "\(listed)")
      try await startsAgain(again)
      try await recovers()
      try await fixture.testbed.restore(in: sandbox)
    }

    /// Submits a job to the node. Its command waits, unless the job was requeued.
    private func submit(_ folder: String, _ requeue: String) async throws -> String {
      try sandbox.makeDirectory(folder)
      try sandbox.write("[ -n \"$SLURM_RESTART_COUNT\" ] || exec sleep 300\n", to: "\(folder)/command")
      try sandbox.write(
        "#!/bin/bash\nexec \(Programs.duct) --fail-time 0 bash command\n", to: "\(folder)/script")
      let result = try await run(
        "sbatch",
        [
          "--parsable", "-w", Self.node, requeue, "-J", folder, "-o", "job.out", "--open-mode=append",
          "--chdir", sandbox[folder].string, "\(folder)/script",
        ], in: sandbox, environment: fixture.testbed.environment)
      #expect(result.code == 0, "\(result.stderr)")
      return result.stdout.filter(\.isNumber)
    }

    private func names(_ folder: String) -> [String] {
      sandbox.names("\(folder)/.duct/logs").filter { $0.hasSuffix("_info.json") }
    }

    /// The record of the first run in the folder.
    private func record(_ folder: String) throws -> JSONValue {
      guard let name = names(folder).first(where: { !$0.contains("restart") }) else {
        throw Testbed.Trouble(description: "there is no record in \(folder)")
      }
      return try sandbox.info("\(folder)/.duct/logs/\(name)")
    }

    private func state(_ id: String) async throws -> String {
      try await fixture.tool("squeue", "-h", "-j", id, "-t", "all", "-o", "%T").trimmed
    }

    /// Kills slurmd, each slurmstepd and all processes of the jobs. Stops all of them first, so that none can react to the
    /// end of another.
    private func killNode() throws {
      let line = try String(
        decoding: readAll(FilePath("\(fixture.testbed.folder)/run/\(Self.node).pid")), as: UTF8.self)
      let slurmd = try #require(line.split(separator: " ").first.flatMap { Int32($0) })
      let jobs = sandbox.processes().map(\.pid)
      // The only jobs are those of this test.
      let steps = Proc.pids().filter { pid in
        Proc.name(pid) == "slurmstepd" && Proc.children(of: pid).contains { jobs.contains($0) }
      }
      #expect(steps.count == 2, "one for the script of each job")
      let victims = [slurmd] + steps + jobs
      for victim in victims { kill(victim, SIGSTOP) }
      for victim in victims { kill(victim, SIGKILL) }
    }

    /// Slurm starts the requeued job anew. Its run has records of its own.
    private func startsAgain(_ id: String) async throws {
      // The node may have come back by itself. Then the command fails, and the test ignores that.
      _ = try? await fixture.tool("scontrol", "update", "NodeName=\(Self.node)", "State=RESUME")
      // Slurm counts in seconds. Within the same one, slurmd refuses to start it again: "Job credential revoked".
      let requeue = WallTime.now.seconds.rounded(.up)
      try await eventually { WallTime.now.seconds > requeue + 1 }
      // Slurm starts a requeued job only after two minutes.
      _ = try await fixture.tool("scontrol", "update", "JobId=\(id)", "StartTime=now")
      try await eventually(60) { try await state(id) == "COMPLETED" }
      let second = try #require(names("again").first { $0.contains("restart1") }, "\(names("again"))")
      let info = try sandbox.info("again/.duct/logs/\(second)")
      #expect(info["run_state"] == "finished" && info["end_reason"] == "exited")
      #expect(
        try sandbox.text("again/job.out").contains("see con-duct recover"), "it tells of the first runs")
      #expect(try record("again")["run_state"] == "running", "the first run's records stay")
    }

    private func recovers() async throws {
      let result = try await run(Programs.conDuct, ["recover"], in: sandbox)
      #expect(result.code == 0, "\(result)")
      for folder in ["lost", "again"] {
        let info = try record(folder)
        // With another boot id, it is host_rebooted.
        #expect(info["run_state"] == "interrupted" && info["end_reason"] == "killed", "\(folder)")
        #expect(info["execution_summary"]?["exit_code"] == JSONValue.null)
        #expect(try Documentation.unexplained(in: info) == [])
      }
      #expect(names("lost").count == 1 && names("again").count == 2)
      #expect(sandbox.spooledRuns().isEmpty)
    }
  }
}
