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

  /// The limits of the job, as the variables of Slurm tell them.
  @Test(
    arguments: [
      (["SLURM_MEM_PER_NODE": "100", "SLURM_CPUS_ON_NODE": "4"], [nil, 4, 104_857_600]),
      (
        [
          "SLURM_MEM_PER_CPU": "50", "SLURM_CPUS_ON_NODE": "4", "SLURM_JOB_START_TIME": "1000",
          "SLURM_JOB_END_TIME": "4600",
        ], [3600, 4, 209_715_200]
      ),
      (["SLURM_MEM_PER_CPU": "50"], [nil, nil, nil]),
      (
        [
          "SLURM_MEM_PER_NODE": "9223372036854775807", "SLURM_CPUS_ON_NODE": "-4", "SLURM_JOB_END_TIME": "x",
          "SLURM_JOB_START_TIME": "",
        ], [nil, nil, nil]
      ),
    ] as [([String: String], [Int?])])
  func limits(_ variables: [String: String], _ expected: [Int?]) async throws {
    let sandbox = try Sandbox()
    let result = try await run(
      Programs.duct, ["-q", "--slurm", "off", "-p", "log_", "true"], in: sandbox,
      environment: variables.merging(["SLURM_JOB_ID": "118"]) { $1 })
    #expect(result.code == 0, "\(result)")
    let own = try #require(try sandbox.info("log_info.json")["slurm"]?["own_job"])
    let found = ["own_time_limit", "own_cpus_on_node", "own_memory_limit"].map { own[$0]?.double }
    #expect(found == expected.map { $0.map(Double.init) }, "\(own)")
  }
}
