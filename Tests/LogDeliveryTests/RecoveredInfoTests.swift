import DuctRecords
import OutputRelay
import RecordText
import ResilientIO
import SlurmJobs
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import LogDelivery

/// The info.json of a run whose duct was killed, as `recover` completes it.
@Suite struct RecoveredInfoTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let recorded: JSONValue = [
    "later_member": ["x": 1], "run_id": "r", "run_state": "running",
    "execution_summary": [
      "exit_code": nil, "command": "c", "logs_prefix": "/p/log_", "wall_clock_time": .number(1.5),
      "num_samples": 2, "num_reports": 1, "start_time": .number(1000), "working_directory": "/w",
      "later_figure": 7,
    ],
    "io_events": [
      ["path": "/p/a", "outcome": "waiting", "later_detail": "d"], ["path": "/p/b", "outcome": "lost"],
    ],
    "slurm": ["tag": "t", "submitted_jobs": [["job_id": 1, "state": "RUNNING"]], "later_word": "w"],
  ]

  private func completed(
    _ info: JSONValue, jobs: [JobRecord]? = nil, notes: [String] = [], host: String = "h",
    boot: String? = nil,
    isOfStep: Bool? = nil, end: Double? = nil
  ) throws -> JSONValue {
    try sandbox.write(JSONWriter.bytes(of: info), to: "info.json")
    let status = try end.map { _ in try RelayStatus() }
    if let end { status?.noteCommandEnd(WallTime(seconds: end)) }
    var manifest = RunManifest(
      runID: "r", host: host, pid: 1, bootID: boot, startTime: 1000, command: "c", workingDirectory: "/w",
      prefix: "/p/log_", paths: LogPaths(prefix: "/p/log_"), captured: [true, true], isDirect: false)
    manifest.isOfStep = isOfStep
    var recovered = RecoveredInfo(
      folder: try PrivateFolder(sandbox[""]), manifest: manifest, status: status, usage: nil, hasMoved: false)
    let bytes = try #require(recovered.finished { _ in jobs })
    #expect(recovered.problems == [] && recovered.notes == notes)
    return try JSONParser.parse(bytes)
  }

  /// The duct that wrote it may be of a later release.
  @Test func membersOfOtherReleasesStay() throws {
    var expected = Self.recorded
    expected["run_state"] = "interrupted"
    expected["end_reason"] = "killed"
    expected["io_events"] = [
      ["path": "/p/a", "outcome": "delivered", "later_detail": "d"], ["path": "/p/b", "outcome": "lost"],
    ]
    var found = try completed(Self.recorded)
    // The summary has all members of this release.
    #expect(found["execution_summary"]?["peak_rss"] == .some(.null))
    #expect(found["execution_summary"]?["later_figure"] == 7)
    #expect(found["execution_summary"]?["wall_clock_time"] == .number(1.5))
    found["execution_summary"] = expected["execution_summary"]
    #expect(found == expected)
  }

  /// Only the boot of the host that the run was on counts.
  @Test func whyDuctCouldNotFinishIt() throws {
    #expect(try completed(Self.recorded, host: hostName(), boot: "other")["end_reason"] == "host_rebooted")
    #expect(try completed(Self.recorded, host: "h", boot: "other")["end_reason"] == "killed")
    #expect(
      try completed(Self.recorded, host: hostName(), boot: HostConstants.bootID)["end_reason"] == "killed")
    var told = Self.recorded
    told["end_reason"] = "time_limit"
    #expect(try completed(told)["end_reason"] == "time_limit", "duct was killed after the command")
  }

  /// slurmstepd does not wait until the watch of a step with one task has finished its record.
  @Test func aStepWhoseWatchHadNoTime() throws {
    var info = Self.recorded
    info["tasks"] = [
      ["task_procid": 0, "task_end_time": nil, "later_figure": 7],
      ["task_procid": 1, "task_end_time": .number(1001.5)],
    ]
    let found = try completed(info, isOfStep: true, end: 1004)
    #expect(found["run_state"] == "finished" && found["end_reason"] == "ended")
    #expect(found["execution_summary"]?["end_time"]?.double == 1004)
    #expect(found["execution_summary"]?["wall_clock_time"]?.double == 4)
    #expect(found["tasks"]?.array?.map { $0["task_end_time"]?.double } == [1004, 1001.5])
    #expect(found["tasks"]?.array?.first?["later_figure"] == 7)
    // The relay of a killed duct notes the end of the command, too.
    #expect(try completed(info, end: 1004)["run_state"] == "interrupted")
    #expect(try completed(info, isOfStep: true)["end_reason"] == "killed")
  }

  @Test func jobsThatSlurmStillKnowsAreReplaced() throws {
    var job = JobRecord(state: .completed)
    job.jobID = 1
    let slurm = try #require(try completed(Self.recorded, jobs: [job])["slurm"])
    #expect(slurm["submitted_jobs"]?.array?.first?["state"] == "COMPLETED")
    #expect(slurm["later_word"] == "w")
  }

  /// A summary that this release cannot read stays as it is, and the user hears of it.
  @Test func aSummaryOfAnotherForm() throws {
    var info = Self.recorded
    info["execution_summary"]?["start_time"] = "yesterday"
    let problem =
      "info.json: what the command used at its end cannot be added: "
      + "start_time has another type, or is beyond its range"
    let found = try completed(info, notes: [problem])
    #expect(found["execution_summary"] == info["execution_summary"])
    #expect(found["run_state"] == "interrupted")
  }
}
