import RecordText
import SystemPackage
import TestSupport
import Testing

@testable import DuctRecords
@testable import DuctReports

/// The tasks of a step as one row.
@Suite struct ReportStepTests {
  /// A record of a duct in front of the command of a task.
  private func wrapped(
    _ rank: Int, step: String = "0", restart: Int? = nil, wall: Double = 10, cpu: Double = 10,
    rss: Int = 1 << 20, code: Int = 0, name: String? = nil, parent: String? = nil, jobs: String = ""
  ) throws -> RecordedRun {
    let name = name ?? "\(restart ?? 0)-\(step)-\(rank)"
    let above = parent.map { #""parent_run_id":"\#($0)","# } ?? ""
    let restarts = restart.map { #""own_restart_count":"\#($0)","# } ?? ""
    let text = #"""
      {"schema_version":"0.2.3","command":"solve","run_id":"\#(name)",\#(above)"run_state":"finished","execution_summary":{"exit_code":\#(code),
      "wall_clock_time":\#(wall),"cpu_seconds":\#(cpu),"peak_rss":\#(rss),"start_time":\#(100 + rank)},
      "slurm":{"own_job":{"own_job_id":"118","own_step_id":"\#(step)",\#(restarts)"own_procid":"\#(rank)",
      "own_node":"n\#(rank % 2 + 9)"},"submitted_jobs":[\#(jobs)]}}
      """#
    let path = parent == nil && jobs.isEmpty ? "logs/x-118.\(step).\(rank)_" : "logs/\(name)_"
    return try RecordedRun(Array(text.utf8), of: FilePath("\(path)info.json"))
  }

  /// A record of a process that watches the tasks of a step on its node.
  private func watched(_ node: String, _ tasks: String) throws -> RecordedRun {
    let text = #"""
      {"schema_version":"0.2.3","command":"step 118.0","run_state":"finished","mode":"attached",
      "execution_summary":{"exit_code":null},"tasks":[\#(tasks)],
      "slurm":{"own_job":{"own_job_id":"118","own_step_id":"0","own_procid":null,"own_node":"\#(node)"}}}
      """#
    return try RecordedRun(Array(text.utf8), of: FilePath("logs/x-118.0-\(node)_info.json"))
  }

  /// The record of the step itself.
  private func noted(_ nodes: String = "\"n[1-3]\"", state: String = "finished") throws -> RecordedRun {
    let text = #"""
      {"schema_version":"0.2.3","command":"solve hard","run_state":"\#(state)","mode":"attached",
      "execution_summary":{"exit_code":null,"peak_rss":99},"tasks":null,
      "step":{"step_node_list":\#(nodes),"step_node_count":3,"step_task_count":5},
      "slurm":{"own_job":{"own_job_id":"118","own_step_id":"0","own_procid":null}}}
      """#
    return try RecordedRun(Array(text.utf8), of: FilePath("logs/x-118.0-srun-7_info.json"))
  }

  /// With the record of the step itself, it is known what is missing.
  @Test func recordsThatAreLost() throws {
    let some = [
      try noted(), try watched("n1", Self.task(0, from: 0, to: 9, cpu: 9, rss: 4)),
      try watched("n2", Self.task(1, from: 0, to: 9, cpu: 9, rss: 4)),
    ]
    let step = try #require(ReportStep.steps(some).first)
    #expect(step.command == "solve hard" && step.state == "finished" && step.missingNodes == ["n3"])
    #expect(step.peakRSSBytes?.largest == 4, "the figures are those of the tasks")
    #expect(StepWords(step).tasks == "2 of 5")
    #expect(StepWords(step).missing == "3 nodes, records of 2: none of n3")
    let rows = ListedRun.folded(some)
    #expect(rows.count == 1 && rows[0].field("command") == "solve hard" && rows[0].runs.count == 2)
    #expect(ListedRun.folded([some[0], some[1]]).map { $0.field("peak_rss") } == [nil])

    let alone = try #require(ReportStep.steps([try noted("null", state: "running")]).first)
    #expect(alone.tasks.isEmpty && alone.missingNodes == nil && alone.nodeCount == 3)
    #expect(StepWords(alone).missing == "no records of its tasks" && StepWords(alone).tasks == "5")
    #expect(
      StepTable([alone]).remarks.count == 1
        && StepTable([alone, alone]).remarks == [
          "2 steps: no records of tasks, which the task prolog makes, or duct in front of their command"
        ])
    let several = [
      try noted(), try wrapped(0, name: "a"), try wrapped(0, name: "b"), try wrapped(1, name: "c"),
    ]
    let divided = try #require(ReportStep.steps(several).first)
    #expect(StepWords(divided).missing?.contains("one by one") == true, "their records are there")
    #expect(ListedRun.folded([try noted()]).map { $0.field("command") } == ["solve hard"])
    let report = CampaignReport(some.map { ReportSource($0, jobs: []) }, problem: nil, .init(lines: 0))
    let text = String(decoding: TextFormat().bytes(of: report, width: nil), as: UTF8.self)
    #expect(text.contains("step 118.0: 3 nodes, records of 2: none of n3\n"), "\(text)")
    #expect(!text.contains("whether"), "the exit code of a watch leaves no doubt: \(text)")
  }

  private static func task(_ rank: Int, from start: Double, to end: Double?, cpu: Double, rss: Int) -> String
  {
    #"{"task_procid":\#(rank),"task_pid":9,"task_start_time":\#(start),"task_end_time":\#(end.map { "\($0)" } ?? "null"),"#
      + #""task_peak_rss":\#(rss),"task_cpu_seconds":\#(cpu)}"#
  }

  @Test func theTasksOfSeveralNodes() throws {
    let steps = ReportStep.steps([
      try watched(
        "n2",
        Self.task(3, from: 0, to: 90, cpu: 9, rss: 4) + "," + Self.task(2, from: 0, to: 3, cpu: 0, rss: 8)
      ),
      try watched("n10", Self.task(0, from: 5, to: 105, cpu: 4.9, rss: 2)),
      try watched("n1", Self.task(1, from: 5, to: nil, cpu: 1, rss: 1)),
    ])
    let step = try #require(steps.first)
    #expect(steps.count == 1 && step.id == "118.0" && step.nodes == ["n1", "n2", "n10"])
    #expect(step.tasks.map(\.rank) == [0, 1, 2, 3])
    #expect(step.slowest == 0 && step.fattest == 2)
    #expect(step.elapsedSeconds?.count == 3 && step.elapsedSeconds?.largest == 100)
    // Less than 5 % of a CPU. It is not known of the task without an end, and of a short one.
    #expect(step.tasks.map(\.isIdle) == [true, nil, nil, false] && step.idleCount == 1)
    let words = StepWords(step)
    #expect(words.slowest == "task 0 on n10" && words.fattest == "task 2 on n2" && words.idle == "1")
    #expect(words.nodes == "n1, n2, n10")
  }

  /// Steps, restarts and jobs are told apart, and a run outside of a step is none.
  @Test func stepsAreToldApart() throws {
    let runs = [
      try wrapped(0, step: "10"), try wrapped(1, step: "10"), try wrapped(0), try wrapped(1),
      try wrapped(0, restart: 1), try wrapped(1, restart: 1), try wrapped(0, step: "-5"),
      try wrapped(1, step: "-5"), try wrapped(0, step: "7"),
    ]
    let steps = ReportStep.steps(runs)
    #expect(steps.map(\.id) == ["118.0", "118.0 (restart 1)", "118.10"])
    #expect(steps.map(\.tasks.count) == [2, 2, 2], "a single run is no step of its own")
    #expect(ReportStep.steps([]).isEmpty)
  }

  /// A duct in front of a task that its node's record has, too.
  @Test func aTaskWithTwoRecordsCountsOnce() throws {
    for isFirst in [true, false] {
      let own = try wrapped(3, code: 7)
      let table = try watched("n2", Self.task(3, from: 0, to: 9, cpu: 9, rss: 4))
      let step = try #require(ReportStep.steps(isFirst ? [own, table] : [table, own]).first)
      #expect(step.tasks.count == 1 && step.tasks.first?.exitCode == 7)
    }
  }

  /// A row of `ls` for all tasks, with the value that stands for them.
  @Test func listedAsOneRow() throws {
    let runs = [
      try wrapped(1, wall: 30, cpu: 5, rss: 7, code: 3), try wrapped(0), try wrapped(2),
      try wrapped(0, step: "1"),
    ]
    let rows = ListedRun.folded(runs)
    #expect(rows.map(\.runs.count) == [3, 1])
    let row = rows[0]
    #expect(row.field("prefix") == "logs/x-118.0.* (3 tasks)" && row.field("command") == "solve")
    #expect(row.field("wall_clock_time")?.double == 30 && row.field("cpu_seconds")?.double == 25)
    #expect(row.field("exit_code") == .integer(3) && row.field("start_time")?.double == 100)
    #expect(row.field("own_node") == "n9 (2 of 3), n10 (1 of 3)" && row.field("gpu") == nil)
    #expect(rows[1].field("prefix") == "logs/x-118.1.0_")
    let table = RunListing(
      runs, fields: ["exit_code"], sortBy: [], isReversed: false, foldsSteps: true
    ).text(.table, colors: false)
    #expect(table.split(separator: "\n").count == 3, "\(table)")
    let each = RunListing(runs, fields: ["exit_code"], sortBy: [], isReversed: false)
    #expect(each.text(.table, colors: false).split(separator: "\n").count == 5)
  }

  /// All forms of a report have the step. The runs of its tasks are no rows of their own.
  @Test func aReportHasTheStep() throws {
    let runs = [try wrapped(0), try wrapped(1, wall: 300, rss: 3 << 30), try wrapped(2)]
    let report = CampaignReport(
      runs.map { ReportSource($0, jobs: []) }, problem: nil, .init(lines: 0))
    let text = String(decoding: TextFormat().bytes(of: report, width: nil), as: UTF8.self)
    #expect(text.contains("118.0  finished  n9, n10      3  00:10 … 05:00  task 1 on n10"), "\(text)")
    #expect(!text.contains("logs/x-118.0.0_"), "\(text)")
    let json = try JSONParser.parse(JSONFormat().bytes(of: report, width: nil))
    let step = try #require(json["steps"]?.array?.first)
    #expect(
      step["slowest_task"]?.double == 1 && step["failed_tasks"]?.double == 0
        && step["tasks"]?.array?.count == 3)
    #expect(json["runs"]?.array?.count == 3)
    let page = HTMLSteps(report.steps).values
    #expect(page.first { $0.0 == "has_steps" }?.1 == true)
  }

  /// A shell that srun has started, with several ducts in it: none of them is the task.
  @Test func severalRunsOfATaskStayApart() throws {
    let runs = [try wrapped(0, name: "a"), try wrapped(0, name: "b"), try wrapped(1, name: "c")]
    #expect(ReportStep.steps(runs).isEmpty)
    #expect(ListedRun.folded(runs).map(\.runs.count) == [1, 1, 1])
  }

  /// A duct below that of the task is a run of its own, and the task counts once.
  @Test func aRunBelowATask() throws {
    let runs = [
      try wrapped(0, name: "a"), try wrapped(0, name: "b", parent: "a"), try wrapped(1, name: "c"),
    ]
    #expect(ListedRun.folded(runs).map(\.runs.count) == [2, 1])
    #expect(ReportStep.steps(runs).map(\.tasks.count) == [2])
    let report = CampaignReport(runs.map { ReportSource($0, jobs: []) }, problem: nil, .init(lines: 0))
    #expect(report.runsOutsideOfSteps.map(\.prefix) == ["logs/b_"])
  }

  /// A run that has submitted jobs stays in the table of runs.
  @Test func anOrchestratorInAStep() throws {
    let runs = [try wrapped(0, name: "a", jobs: #"{"job_id":7,"state":"COMPLETED"}"#), try wrapped(1)]
    let report = CampaignReport(runs.map { ReportSource($0, jobs: $0.jobs) }, problem: nil, .init(lines: 0))
    #expect(report.steps.count == 1 && report.runsOutsideOfSteps.map(\.prefix) == ["logs/a_"])
    #expect(report.steps.first?.failedCount == 0)
  }

  /// Thousands of tasks are folded in one go.
  @Test func manyTasks() throws {
    let runs = try (0..<3000).map { try wrapped($0, code: $0 % 3) }
    let rows = ListedRun.folded(runs.reversed())
    #expect(rows.count == 1 && rows[0].runs.map(\.prefix) == runs.map(\.prefix))
    #expect(ReportStep.steps(runs).first?.failedCount == 2000)
  }

  /// On a busy host Slurm answers some tasks of a step, and others not.
  @Test func whatSlurmAnsweredDividesNoStep() throws {
    func run(_ rank: Int, _ cluster: String) throws -> RecordedRun {
      let text = #"""
        {"schema_version":"0.2.3","execution_summary":{},"slurm":{"cluster_name":\#(cluster),"own_job":{"own_job_id":"118",
        "own_cluster":"north","own_step_id":"0","own_procid":"\#(rank)"}}}
        """#
      return try RecordedRun(Array(text.utf8), of: FilePath("x\(rank)_info.json"))
    }
    let runs = [try run(0, "\"north\""), try run(1, "null")]
    #expect(ListedRun.folded(runs).count == 1 && ReportStep.steps(runs).first?.cluster == "north")
  }
}
