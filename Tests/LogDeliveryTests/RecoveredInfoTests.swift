import DuctRecords
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
    _ info: JSONValue, jobs: [JobRecord]? = nil, notes: [String] = [], host: String = "h", boot: String? = nil
  ) throws -> JSONValue {
    try sandbox.write(JSONWriter.bytes(of: info), to: "info.json")
    let manifest = RunManifest(
      runID: "r", host: host, pid: 1, bootID: boot, startTime: 1000, command: "c", workingDirectory: "/w",
      prefix: "/p/log_", paths: LogPaths(prefix: "/p/log_"), captured: [true, true], isDirect: false)
    var recovered = RecoveredInfo(
      folder: try PrivateFolder(sandbox[""]), manifest: manifest, status: nil, usage: nil, hasMoved: false)
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
