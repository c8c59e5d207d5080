import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

extension OnSlurm {
  /// The prolog and the epilog of srun let duct note a step; `ls` and `report` show it as one row.
  @Suite struct SrunPrologTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    private static let scripts = Documentation.project.appending("contrib/slurm")

    private func environment(
      _ more: [String: String?] = [:], bin: String? = nil, prolog: String? = "on"
    ) -> [String: String?] {
      let own: [String: String?] = [
        "DUCT_PROLOG": prolog, "DUCT_BIN": bin ?? Programs.folder.string, "DUCT_SAMPLE_INTERVAL": "0.2",
        "DUCT_CAMPAIGN": "night", "SLURM_PROLOG": Self.scripts.appending("duct-srun-prolog").string,
        "SLURM_EPILOG": Self.scripts.appending("duct-srun-epilog").string,
      ]
      return fixture.testbed.environment.merging(own) { $1 }.merging(more) { $1 }
    }

    private func srun(
      _ options: [String], _ script: String, _ environment: [String: String?],
      while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
    ) async throws -> Finished {
      try await run(
        "srun", ["--quiet"] + options + ["bash", "-c", script], in: sandbox, environment: environment,
        limit: 120,
        while: body)
    }

    private func records() throws -> [String: JSONValue] {
      var records: [String: JSONValue] = [:]
      for name in sandbox.names(".duct/logs") where name.hasSuffix("_info.json") {
        records[name] = try sandbox.info(".duct/logs/\(name)")
      }
      return records
    }

    /// The records when all watches have ended.
    private func finished(_ count: Int, _ state: JSONValue = "finished") async throws -> [String: JSONValue] {
      try await eventually(30) {
        try records().count == count && records().values.allSatisfy { $0["run_state"] == state }
          && sandbox.processes().isEmpty
      }
      return try records()
    }

    private func conDuct(_ arguments: String...) async throws -> Finished {
      try await run(Programs.conDuct, arguments, in: sandbox, limit: 60)
    }

    /// 64 tasks on three nodes, noted by srun and watched on each node. Then the record of a node is lost.
    @Test func manyTasksAreOneRow() async throws {
      let sandbox = sandbox
      let tasks = [
        "SLURM_TASK_PROLOG": Self.scripts.appending("duct-task-prolog").string, "DUCT_MESSAGE": "hello",
      ]
      let result = try await srun(
        ["-N3", "-n64", "--overcommit"], "until [ -e go ]; do sleep 0.3; done", environment(tasks)
      ) { _ in
        try await eventually(90) {
          try records().values.flatMap { $0["tasks"]?.array ?? [] }.count == 64 && records().count == 4
        }
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0 && !result.stderr.contains("duct"), "\(result)")
      let all = try await finished(4)
      let (name, step) = try #require(all.first { !$0.value["step"].isMissing })
      #expect(name.contains(".0-srun-"), "\(name)")
      #expect(step["step"] == ["step_node_list": "n[1-3]", "step_node_count": 3, "step_task_count": 64])
      #expect(step["campaign"] == "night" && step["command"]?.string?.hasPrefix("bash -c until") == true)
      #expect(step["slurm"]?["own_job"]?["own_step_id"] == "0" && step["tasks"] == JSONValue.null)
      #expect(step["end_reason"] == "ended" && step["message"] == "hello")

      let rows = try await conDuct("ls").stdout.split(separator: "\n")
      #expect(rows.count == 2 && rows[1].contains("(3 nodes)") && rows[1].contains("bash -c"), "\(rows)")
      let json = try JSONParser.parse(Array(try await conDuct("ls", "-f", "json").stdout.utf8))
      #expect(json.array?.count == 4, "programs get a row for each record")

      let text = try await conDuct("report", "--no-refresh").stdout
      #expect(
        text.split(separator: " ").joined(separator: " ").contains(".0 finished n1, n2, n3 64 "), "\(text)")
      #expect(!text.contains("Not known"), "\(text)")
      try await recordsAreLost(all, name)
    }

    /// - Parameter name: of the record of the step itself, which stays.
    private func recordsAreLost(_ all: [String: JSONValue], _ name: String) async throws {
      let lost = try #require(all.first { $0.value["slurm"]?["own_job"]?["own_node"] == "n3" }?.key)
      _ = sandbox[".duct/logs/\(lost)"].withPlatformString { unlink($0) }
      let less = try await conDuct("report", "--no-refresh").stdout
      #expect(less.contains(": 3 nodes, records of 2: none of n3\n"), "\(less)")
      for node in all.keys where node != name {
        _ = sandbox[".duct/logs/\(node)"].withPlatformString { unlink($0) }
      }
      let none = try await conDuct("report", "--no-refresh").stdout
      #expect(none.contains(".0: no records of tasks, which"), "\(none)")
    }

    @Test func offUnlessWanted() async throws {
      let result = try await srun(["-n2"], "echo yes", environment(prolog: nil))
      #expect(result.code == 0 && result.stdout == "yes\nyes\n" && result.stderr == "", "\(result)")
      #expect(!sandbox.exists(".duct"))
    }

    /// Whatever happens to duct, the step runs and has its own exit code.
    @Test func aStepNeverFailsForIt() async throws {
      let without = try await srun(["-n1"], "exit 7", environment(bin: "/nowhere"))
      #expect(without.code == 7, "\(without)")
      try sandbox.makeDirectory("bin")
      for body in ["exit 3", "kill -KILL $$", "echo rubbish; exit 1"] {
        try sandbox.write("#!/bin/sh\n\(body)\n", to: "bin/con-duct")
        _ = chmod(sandbox["bin/con-duct"].string, 0o755)
        let broken = try await srun(["-n1"], "exit 8", environment(bin: sandbox["bin"].string))
        #expect(broken.code == 8, "\(body): \(broken)")
      }
      let missing = try await srun(
        ["-n1"], "exit 9", environment(["SLURM_PROLOG": "/nowhere/duct-srun-prolog"]))
      #expect(missing.code == 9, "\(missing)")
    }

    /// The user sees what the prolog of srun prints, unlike that of a task prolog.
    @Test(arguments: [("DUCT_SAMPLE_INTERVAL", "often"), ("DUCT_OUTPUT_PREFIX", "x{often}_")])
    func aBadSettingIsTold(_ name: String, _ value: String) async throws {
      let result = try await srun(["-n1"], "exit 6", environment([name: value]))
      #expect(result.code == 6, "\(result)")
      let lines = result.stderr.split(separator: "\n").filter { $0.contains("duct-srun-prolog") }
      #expect(
        lines.count == 1 && lines[0].contains("often") && lines[0].hasSuffix("is not noted"),
        "\(result.stderr)")
    }

    /// Without an epilog, the end of srun ends the record.
    @Test func withoutAnEpilog() async throws {
      let (sandbox, went) = (sandbox, Monitor(0.0))
      let result = try await srun(
        ["-n1"], "until [ -e go ]; do sleep 0.1; done", environment(["SLURM_EPILOG": nil])
      ) { _ in
        try await eventually(30) { try records().count == 1 }
        went.update { $0 = WallTime.now.seconds }
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0, "\(result)")
      let record = try #require(try await finished(1).values.first)
      let end = try #require(record["execution_summary"]?["end_time"]?.double)
      #expect(end >= went.withLock { $0 }, "\(record)")
    }

    /// The watch is killed. The epilog makes `recover` finish its record, and the report still has the step.
    @Test func theWatchIsKilled() async throws {
      let sandbox = sandbox
      let result = try await srun(["-n2"], "until [ -e go ]; do sleep 0.1; done", environment()) { _ in
        try await eventually(30) { try records().values.first?["duct_process"] != nil }
        let watch = try #require(try records().values.first?["duct_process"]?["duct_pid"]?.double)
        kill(pid_t(watch), SIGKILL)
        try sandbox.write("", to: "go")
      }
      #expect(result.code == 0 && result.stderr == "", "\(result)")
      let record = try #require(try await finished(1, "interrupted").values.first)
      #expect(record["step"]?["step_task_count"] == 2)
      let text = try await conDuct("report", "--no-refresh").stdout
      #expect(text.contains(".0: no records of tasks, which"), "\(text)")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// srun tells the nodes of the job. How many are the step's is known, but not which.
    @Test func aStepOnAPartOfItsJob() async throws {
      let step = "until ls .duct/logs/*_info.json; do sleep 0.1; done"
      try sandbox.write("#!/bin/bash\nsrun -N1 -n2 bash -c '\(step)'\n", to: "job")
      let result = try await run(
        "sbatch", ["-W", "-N3", "-n4", sandbox["job"].string], in: sandbox, environment: environment(),
        limit: 120)
      #expect(result.code == 0, "\(result)")
      let record = try #require(try await finished(1).values.first)
      #expect(
        record["step"] == ["step_node_list": nil, "step_node_count": 1, "step_task_count": 2], "\(record)")
      #expect(record["slurm"]?["own_job"]?["own_procid"] == JSONValue.null, "that is of the script")
    }
  }
}

extension JSONValue? {
  /// There is no such member, or it is null.
  fileprivate var isMissing: Bool { self?.isNull ?? true }
}
