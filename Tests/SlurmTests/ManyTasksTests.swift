import RecordText
import TestSupport
import Testing

extension OnSlurm {
  /// Many tasks with duct in front of the command.
  @Suite struct ManyTasksTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    private func records() throws -> [JSONValue] {
      try sandbox.names(".duct/logs").filter { $0.hasSuffix("_info.json") }.map {
        try sandbox.info(".duct/logs/\($0)")
      }
    }

    /// A command that ends before the first sample has no usage.jsonl.
    private func expectRecords(_ count: Int) {
      let names = sandbox.names(".duct/logs")
      for end in ["_info.json", "_stdout", "_stderr"] {
        #expect(names.count { $0.hasSuffix(end) } == count, "\(end): \(names)")
      }
    }

    /// All tasks run, and each has records of its own.
    @Test func anArrayOfTwoHundred() async throws {
      let result = try await run(
        "sbatch",
        [
          "-W", "--array=1-200", "--mem=100M", "-o", "/dev/null", "--wrap",
          "\(Programs.duct) -q sh -c 'echo $SLURM_ARRAY_TASK_ID; : > ran-$SLURM_ARRAY_TASK_ID'",
        ], in: sandbox, environment: fixture.testbed.environment, limit: 300)
      #expect(result.code == 0, "\(result)")
      #expect(sandbox.names().count { $0.hasPrefix("ran-") } == 200)
      expectRecords(200)
      let all = try records()
      let tasks = all.compactMap { $0["slurm"]?["own_job"]?["own_array_task_id"]?.string.flatMap { Int($0) } }
      #expect(tasks.sorted() == Array(1...200))
      #expect(all.allSatisfy { $0["run_state"] == "finished" && $0["execution_summary"]?["exit_code"] == 0 })
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// A step whose tasks all start at once is one row for people.
    @Test func aStepOfManyTasks() async throws {
      let result = try await run(
        "srun",
        [
          "-N3", "-n48", "--overcommit", "--mem=6000", Programs.duct, "-q", "--fail-time", "0", "sh", "-c",
          "exit $((SLURM_PROCID == 47 ? 3 : 0))",
        ],
        in: sandbox, environment: fixture.testbed.environment, limit: 120)
      #expect(result.code == 3, "\(result)")
      expectRecords(48)
      let table = try await run(Programs.conDuct, ["ls"], in: sandbox)
      let rows = table.stdout.split(separator: "\n")
      #expect(rows.count == 2 && rows[1].contains("* (48 tasks)"), "\(table)")
      let each = try await run(Programs.conDuct, ["ls", "--tasks"], in: sandbox)
      #expect(each.stdout.split(separator: "\n").count == 49)
      let report = try await run(Programs.conDuct, ["report", "-f", "json", ".duct/logs"], in: sandbox)
      let step = try JSONParser.parse(Array(report.stdout.utf8))["steps"]?.array?.first
      let tasks = try #require(step?["tasks"]?.array)
      #expect(tasks.count == 48 && tasks.last?["exit_code"]?.double == 3)
      #expect(step?["nodes"]?.array?.count == 3)
    }
  }
}
