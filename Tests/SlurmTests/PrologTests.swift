import Glibc
import RecordText
import TestSupport
import Testing

extension OnSlurm {
  /// Slurm's task prolog and epilog let duct watch a step: one record a node.
  @Suite struct PrologTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    private static let scripts = Documentation.project.appending("contrib/slurm")

    /// Runs srun with duct's prolog and epilog.
    private func srun(
      _ options: [String], _ script: String, prolog: String? = "on", bin: String? = nil,
      environment more: [String: String?] = [:],
      while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
    ) async throws -> Finished {
      let environment: [String: String?] = [
        "DUCT_PROLOG": prolog, "DUCT_BIN": bin ?? Programs.folder.string, "DUCT_SAMPLE_INTERVAL": "0.1",
        "DUCT_CAMPAIGN": "night",
      ]
      return try await run(
        // Without srun's own words about a job that waits: all else on standard error is a fault.
        "srun",
        ["--quiet"] + options + [
          "--task-prolog=\(Self.scripts.appending("duct-task-prolog"))",
          "--task-epilog=\(Self.scripts.appending("duct-task-epilog"))", "bash", "-c", script,
        ], in: sandbox,
        environment: fixture.testbed.environment.merging(environment) { $1 }.merging(more) { $1 },
        limit: 120, while: body)
    }

    private func records() throws -> [JSONValue] {
      try sandbox.names(".duct/logs").filter { $0.hasSuffix("_info.json") }.map {
        try sandbox.info(".duct/logs/\($0)")
      }
    }

    /// The records when all watches have ended.
    private func finished(_ count: Int, _ state: JSONValue = "finished") async throws -> [JSONValue] {
      do {
        try await eventually(30) {
          try records().count == count && records().allSatisfy { $0["run_state"] == state }
            && sandbox.processes().isEmpty
        }
      } catch {
        let found = try records().map { "\($0["command"] ?? .null): \($0["run_state"] ?? .null)" }
        Issue.record("\(found), and these run: \(sandbox.processes())")
      }
      return try records()
    }

    /// Waits until a sample has seen each task with its memory.
    private func haveBeenSeen(_ count: Int) async throws {
      try await eventually(60) {
        let tasks = try records().flatMap { $0["tasks"]?.array ?? [] }
        return tasks.count { ($0["task_peak_rss"]?.double ?? 0) > 20 * 1_048_576 } == count
      }
    }

    @Test func oneRecordANode() async throws {
      let sandbox = sandbox
      let result = try await srun(
        ["-N3", "-n12"],
        """
        x=$(head -c $(((20 + 5 * SLURM_PROCID) << 20)) /dev/zero | tr '\\0' x); until [ -e go ]; do sleep 0.1; done
        echo $SLURM_PROCID $SLURMD_NODENAME $DUCT_PARENT_RUN $DUCT_CAMPAIGN
        """
      ) { _ in
        try await haveBeenSeen(12)
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0 && result.stderr == "", "\(result)")
      let records = try await finished(3)
      var ranks: [Int: JSONValue] = [:]
      for record in records {
        #expect(
          record["mode"] == "attached" && record["end_reason"] == "ended" && record["campaign"] == "night")
        #expect(record["execution_summary"]?["exit_code"] == JSONValue.null)
        #expect(record["slurm"]?["own_job"]?["own_step_id"]?.string == "0")
        #expect(record["command"]?.string?.hasPrefix("step ") == true)
        for task in record["tasks"]?.array ?? [] {
          ranks[Int(task["task_procid"]?.double ?? -1)] = task
          let rank = try #require(task["task_procid"]?.double)
          #expect(try #require(task["task_peak_rss"]?.double) > (20 + 5 * rank) * 1_048_576, "\(task)")
          #expect(try #require(task["task_cpu_seconds"]?.double) > 0)
          #expect(try #require(task["task_end_time"]?.double) > task["task_start_time"]?.double ?? .infinity)
        }
      }
      #expect(ranks.keys.sorted() == Array(0..<12))
      // Each task is below the run of its node.
      let runs = Set(records.compactMap { $0["run_id"]?.string })
      let lines = result.stdout.split(separator: "\n").map { $0.split(separator: " ") }
      #expect(lines.count == 12 && runs.count == 3, "\(result.stdout)")
      #expect(
        lines.allSatisfy { $0.count == 4 && runs.contains(String($0[2])) && $0[3] == "night" }, "\(lines)")
      #expect(Set(lines.map { $0[2] }).count == 3)
      #expect(sandbox.names(".duct/logs").count == 6)
      try await peopleSeeOneRow()
    }

    private func peopleSeeOneRow() async throws {
      let listed = try await run(Programs.conDuct, ["ls"], in: sandbox)
      #expect(listed.stdout.contains("* (3 nodes)") && listed.stdout.split(separator: "\n").count == 2)
      let report = try await run(Programs.conDuct, ["report", "--no-refresh", ".duct/logs"], in: sandbox)
      let row = report.stdout.split(separator: "\n").first { $0.contains("n1, n2, n3") } ?? ""
      func peak(_ task: JSONValue) -> Double { task["task_peak_rss"]?.double ?? 0 }
      let tasks = try records().flatMap { $0["tasks"]?.array ?? [] }
      let fattest = try #require(tasks.max { peak($0) < peak($1) }?["task_procid"]?.double)
      #expect(row.contains(" 12 ") && row.contains("task \(Int(fattest)) on n"), "\(report.stdout)")
    }

    /// The user's prefix is no name for the records of several nodes.
    @Test func aPrefixOfTheUser() async throws {
      let result = try await srun(
        ["-N3", "-n3"], "until ls logs/x_*-$SLURMD_NODENAME-*_info.json; do sleep 0.1; done >/dev/null 2>&1",
        environment: ["DUCT_OUTPUT_PREFIX": "logs/x_"])
      #expect(result.code == 0, "\(result)")
      try await eventually(30) { sandbox.processes().isEmpty }
      let names = sandbox.names("logs").filter { $0.hasSuffix("_info.json") }
      #expect(names.count == 3 && names.allSatisfy { $0.hasPrefix("x_") && $0.contains(".0-n") }, "\(names)")
    }

    @Test func offUnlessWanted() async throws {
      let result = try await srun(["-n2"], "echo ${DUCT_PARENT_RUN:-none}", prolog: nil)
      #expect(result.code == 0 && result.stdout == "none\nnone\n", "\(result)")
      #expect(!sandbox.exists(".duct"))
    }

    /// Nobody sees the standard error of a prolog, nor that of the watch. So what goes wrong is in the system's log.
    @Test(.needs(.root)) func problemsAreInTheSystemLog() async throws {
      let path = "/dev/log"
      // A host with a log of its own keeps it.
      guard access(path, F_OK) != 0 else { return }
      let log = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      defer {
        close(log)
        unlink(path)
      }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(log, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(bound == 0)
      let result = try await srun(["-n1"], "exit 6", environment: ["DUCT_SAMPLE_INTERVAL": "often"])
      #expect(result.code == 6, "\(result)")
      try await eventually(30) { sandbox.processes().isEmpty }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(log, &buffer, buffer.count, CInt(MSG_DONTWAIT))
      let text = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
      #expect(
        text.contains("duct[") && text.contains("a step is not watched: ") && text.contains("often"),
        "\(text)")
    }

    /// Whatever happens to duct, the task runs and has its own exit code.
    @Test func aTaskNeverFailsForIt() async throws {
      let without = try await srun(["-n1"], "exit 7", bin: "/nowhere")
      #expect(without.code == 7, "\(without)")
      try sandbox.makeDirectory("bin")
      for body in ["exit 3", "kill -KILL $$", "echo rubbish; exit 1"] {
        try sandbox.write("#!/bin/sh\n\(body)\n", to: "bin/con-duct")
        _ = chmod(sandbox["bin/con-duct"].string, 0o755)
        let broken = try await srun(["-n1"], "exit 8", bin: sandbox["bin"].string)
        #expect(broken.code == 8, "\(body): \(broken)")
      }
    }

    /// The watch is killed with everything else. The epilog makes `recover` finish its record.
    @Test func theWatchIsKilled() async throws {
      let sandbox = sandbox
      let result = try await srun(["-n2"], "until [ -e go ]; do sleep 0.1; done") { _ in
        try await eventually(30) { try records().first?["tasks"]?.array?.count == 2 }
        let watch = try #require(try records().first?["duct_process"]?["duct_pid"]?.double)
        kill(pid_t(watch), SIGKILL)
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0, "\(result)")
      let record = try #require(try await finished(1, "interrupted").first)
      #expect(record["tasks"]?.array?.count == 2 && record["mode"] == "attached")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// A site's TaskProlog runs for the script of a batch job, too. Without an epilog, the end of slurmstepd ends the
    /// watch.
    @Test func aBatchScriptAndItsSteps() async throws {
      let prolog = Self.scripts.appending("duct-task-prolog")
      try await fixture.testbed.withSettings(["TaskProlog=\(prolog)"], in: sandbox) {
        try sandbox.write(
          """
          #!/bin/bash
          # Each step runs until its record is there.
          for n in 2 1; do
            srun -n$n bash -c 'until ls .duct/logs/*.$SLURM_STEP_ID-*_info.json; do sleep 0.1; done' >/dev/null 2>&1
          done

          """, to: "job")
        let result = try await run(
          "sbatch", ["-W", "-n3", sandbox["job"].string], in: sandbox,
          environment: fixture.testbed.environment.merging([
            "DUCT_PROLOG": "on", "DUCT_BIN": Programs.folder.string, "DUCT_SAMPLE_INTERVAL": "0.1",
          ]) { $1 }, limit: 120)
        #expect(result.code == 0, "\(result)")
        let records = try await finished(3)
        let commands = records.compactMap { $0["command"]?.string?.split(separator: ".").last }
        #expect(Set(commands) == ["0", "1", "batch"], "\(commands)")
        let batch = try #require(records.first { $0["command"]?.string?.hasSuffix(".batch") == true })
        let steps = records.filter { $0["run_id"] != batch["run_id"] }
        #expect(
          steps.allSatisfy { $0["parent_run_id"] == batch["run_id"] }, "the steps are below their script")
      }
    }

    /// All commands in usage.jsonl.
    private func commands() throws -> [String] {
      try sandbox.usage().flatMap { line -> [String] in
        guard case .object(let members)? = line["processes"] else { return [] }
        return members.values.compactMap { $0["cmd"]?.string }
      }
    }

    private static let twoSteps = """
      #!/bin/bash
      touch begun
      srun --overlap -n1 bash -c 'until [ -e second ]; do sleep 0.1; done; : first'
      srun --overlap -n2 bash -c 'touch in; until [ -e go ]; do sleep 0.1; done; : second'
      exit 7
      """

    /// `con-duct attach --job`: also steps that begin later, and not the tasks of other jobs.
    @Test(arguments: [nil, "1"] as [String?]) func aJobByItsId(_ step: String?) async throws {
      let sandbox = sandbox
      try sandbox.write(Self.twoSteps, to: "job")
      let id = try await fixture.tool("sbatch", "--parsable", "-n2", sandbox["job"].string).trimmed
      let other = try await fixture.tool("sbatch", "--parsable", "--wrap", "exec sleep 617").trimmed
      if step != nil { try sandbox.write("", to: "second") }
      // squeue calls a job running before its slurmstepd is there.
      try await eventually(60) {
        try await fixture.tool("squeue", "-h", "-t", "R", "-o", "%i").split(separator: "\n").count == 2
          && sandbox.exists(step == nil ? "begun" : "in")
      }
      let result = try await run(
        Programs.conDuct,
        ["attach", "-p", "log_", "--s-i", "0.1", "--r-i", "0.3", "--job", id]
          + (step.map { ["--step", $0] } ?? []),
        in: sandbox, limit: 150
      ) { _ in
        try await eventually(30) { sandbox.exists("log_usage.jsonl") }
        try sandbox.write("", to: "second")
        // srun can find the CPUs of the first step still busy, and tries again late.
        try await eventually(100) { sandbox.exists("in") }
        try await eventually(30) { try self.commands().contains { $0.hasSuffix(": second") } }
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0, "\(result)")
      _ = try await fixture.tool("scancel", other)
      let info = try sandbox.info()
      #expect(
        info["end_reason"] == "ended"
          && info["command"]?.string == (step.map { "step \(id).\($0)" } ?? "job \(id)"))
      // Slurm tells that of the job's script, and none of a single step.
      #expect(info["execution_summary"]?["exit_code"] == (step == nil ? 7 : .null), "\(info)")
      let commands = try self.commands()
      #expect(!commands.contains { $0.contains("617") } && commands.contains { $0.hasSuffix(": second") })
      #expect(commands.contains { $0.hasSuffix(": first") } == (step == nil), "\(commands)")
    }

    /// duct is attached to a job, and Slurm knows why that ends.
    @Test func aJobThatIsCancelled() async throws {
      let sandbox = sandbox
      let id = try await fixture.tool("sbatch", "--parsable", "--wrap", "touch begun; exec sleep 618").trimmed
      try await eventually(60) { sandbox.exists("begun") }
      let result = try await run(
        Programs.conDuct, ["attach", "-p", "log_", "--job", id, "--step", "batch"], in: sandbox, limit: 90
      ) { _ in
        try await eventually(30) { sandbox.exists("log_info.json") }
        _ = try await fixture.tool("scancel", id)
      }
      let info = try sandbox.info()
      #expect(result.code == 0 && info["end_reason"] == "cancelled", "\(result) \(info)")
      #expect(info["execution_summary"]?["exit_code"] == 143, "\(info)")
    }
  }
}
