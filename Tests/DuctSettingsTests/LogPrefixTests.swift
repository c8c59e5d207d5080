import DuctRecords
import Glibc
import SystemCalls
import Testing

@testable import DuctSettings

/// The names of the records of runs inside of Slurm.
@Suite struct LogPrefixTests {
  private func prefix(_ template: String?, _ environment: [String: String], pid: String? = nil) throws
    -> String
  {
    try LogPrefix.paths(
      template: template ?? LogPrefix.standard(environment), start: WallTime(seconds: 1_796_000_000),
      host: "n1", environment: environment, pid: pid
    ).prefix
  }

  private static let array = ["SLURM_JOB_ID": "203", "SLURM_ARRAY_JOB_ID": "200", "SLURM_ARRAY_TASK_ID": "3"]

  @Test(arguments: [
    ([:], ""), (["SLURM_JOB_ID": "118"], "118-"), (array, "200_3-"),
    (["SLURM_JOB_ID": "118", "SLURM_STEP_ID": "0", "SLURM_PROCID": "15"], "118.0.15-"),
    (array.merging(["SLURM_STEP_ID": "2", "SLURM_PROCID": "0"]) { $1 }, "200_3.2.0-"),
    (["SLURM_JOB_ID": "118", "SLURM_RESTART_COUNT": "2"], "118-restart2-"),
    (["SLURM_JOB_ID": "118", "SLURM_RESTART_COUNT": "0"], "118-"),
    (["SLURM_JOB_ID": "118", "SLURM_STEP_ID": "4294967290", "SLURM_PROCID": "0"], "118.interactive.0-"),
    (["SLURM_JOB_ID": "118", "SLURM_STEP_ID": "-5", "SLURM_PROCID": "0"], "118.batch.0-"),
    (["SLURM_JOB_ID": "../x"], ""), (["SLURM_STEP_ID": "0"], ""),
    (["SLURM_JOB_ID": "118", "SLURM_STEP_ID": "/", "SLURM_PROCID": "1"], "118-"),
  ])
  func theDefault(_ environment: [String: String], _ place: String) throws {
    let name = try prefix(nil, environment)
    #expect(name.hasPrefix(".duct/logs/2026.11.") && name.hasSuffix("-\(place)\(getpid())_"), "\(name)")
    let other = try prefix(nil, environment, pid: "x.2")
    #expect(other.hasSuffix("-\(place)x.2_"), "\(other)")
  }

  @Test func namesInATemplate() throws {
    let environment = Self.array.merging([
      "SLURM_STEP_ID": "1", "SLURM_PROCID": "7", "SLURM_RESTART_COUNT": "1",
    ]) { $1 }
    let template =
      "{slurm}|{slurm_job_id}|{slurm_array_task_id}|{slurm_step_id}|{slurm_procid}|{slurm_restart_count}"
    #expect(try prefix(template, environment) == "200_3.1.7-restart1|203|3|1|7|1")
    #expect(try prefix(template, [:]) == "none|none|none|none|none|none")
  }
}
