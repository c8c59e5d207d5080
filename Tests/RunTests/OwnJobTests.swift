import RecordText
import TestSupport
import Testing

/// Which job, step and task a run is in, from the environment.
@Suite struct OwnJobTests {
  /// Also without Slurm, as in a container of the job.
  @Test func recordedWhereSlurmIsNotAsked() async throws {
    let sandbox = try Sandbox()
    let result = try await run(
      Programs.duct, ["-q", "--slurm", "off", "-p", "log_", "true"], in: sandbox,
      environment: [
        "SLURM_JOB_ID": "118", "SLURM_STEP_ID": "0", "SLURM_PROCID": "7", "SLURMD_NODENAME": "n3",
        "SLURM_RESTART_COUNT": "2", "SLURM_CLUSTER_NAME": "north",
      ])
    #expect(result.code == 0, "\(result)")
    let slurm = try #require(try sandbox.info("log_info.json")["slurm"])
    let own = try #require(slurm["own_job"])
    #expect(own["own_job_id"] == "118" && own["own_step_id"] == "0" && own["own_procid"] == "7")
    #expect(own["own_node"] == "n3" && own["own_restart_count"] == "2")
    #expect(own["own_cluster"] == "north")
    #expect(slurm["tag"] == JSONValue.null && slurm["submitted_jobs"]?.array?.isEmpty == true)
  }
}
