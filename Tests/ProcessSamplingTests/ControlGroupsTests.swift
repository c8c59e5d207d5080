import Glibc
import RecordText
import SystemPackage
import TestSupport
import Testing

@testable import DuctRecords
@testable import ProcessSampling

/// Control groups in folders that are made as Slurm makes them.
@Suite struct ControlGroupsTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func folder(_ path: String, _ files: [String: String]) throws {
    var name = ""
    for part in path.split(separator: "/") {
      name += (name.isEmpty ? "" : "/") + part
      if !sandbox.exists(name) { try sandbox.makeDirectory(name) }
    }
    for (file, text) in files { try sandbox.write(text + "\n", to: "\(path)/\(file)") }
  }

  private func groups(_ membership: String, _ mounts: String) -> ControlGroups {
    ControlGroups(membership: membership, mounts: Array(mounts.utf8)) { path in
      path.withPlatformString { access($0, F_OK) } == 0
    }
  }

  /// Only proctrack/cgroup kills what is left in the group of a step.
  @Test(arguments: [
    ("0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n", true),
    ("0::/system.slice/node1_slurmstepd.scope/job_7/step_batch/user/task_special\n", true),
    ("0::/user.slice/user-5.slice/session-3.scope\n", false),
    ("9:freezer:/slurm_n1/uid_5/job_7/step_0\n5:memory:/slurm_n1/uid_5/job_7/step_0/task_0\n", true),
    // task/cgroup with proctrack/linuxproc.
    ("9:freezer:/\n5:memory:/slurm_n1/uid_5/job_7/step_0/task_0\n", false),
    ("9:freezer:/\n1:name=systemd:/\n0::/\n", false), ("", false),
  ]) func theGroupOfAStep(membership: String, isTracked: Bool) {
    #expect(ControlGroups.isOfTrackedStep(membership) == isTracked)
  }

  @Test func versionTwoAsSlurmMakesIt() throws {
    let slurm = "cg/system.slice/slurmstepd.scope/job_7"
    try folder(
      "\(slurm)/step_0/user/task_1",
      ["memory.max": "max", "memory.peak": "1000", "cpu.max": "max 100000"])
    try folder(
      "\(slurm)/step_0",
      [
        "memory.max": "3000", "memory.peak": "2000", "cpu.max": "50000 100000",
        "memory.events": "low 0\nhigh 0\nmax 4\noom 2\noom_kill 3",
        "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nnr_periods 3\nthrottled_usec 1000",
      ])
    try folder(slurm, ["memory.max": "4000", "memory.peak": "3500"])
    let mounts = "30 25 0:26 / \(sandbox.path)/cg rw,nosuid - cgroup2 cgroup2 rw\n"
    let groups = groups("0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_1\n", mounts)
    #expect(groups.memoryLimit == 3000 && groups.processorLimit == 0.5)
    let all = groups.read()
    #expect(all.map(\.level) == ["job", "step", "task"] && all.allSatisfy { $0.version == 2 })
    #expect(all.map(\.memoryLimit) == [4000, 3000, nil] && all.map(\.memoryPeak) == [3500, 2000, 1000])
    #expect(all[1].cpuSeconds == 2.5 && all[1].throttledSeconds == 0.001 && all[1].cpuLimit == 0.5)
    #expect(all[1].oomKills == 3 && all[0].oomKills == nil)
    #expect(all[2].path == "/system.slice/slurmstepd.scope/job_7/step_0/user/task_1")
  }

  @Test func versionOneAsSlurmMakesIt() throws {
    let path = "slurm/uid_5/job_7/step_batch"
    try folder(
      "memory/\(path)",
      [
        "memory.limit_in_bytes": "2000", "memory.max_usage_in_bytes": "1500",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
      ])
    try folder("memory/slurm/uid_5/job_7", ["memory.limit_in_bytes": "9223372036854771712"])
    try folder(
      "cpu/\(path)",
      ["cpuacct.usage": "1500000000", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"])
    try folder("cpu/slurm", ["cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"])
    let mounts = """
      30 25 0:26 / \(sandbox.path)/memory rw - cgroup cgroup rw,memory
      31 25 0:27 / \(sandbox.path)/cpu rw - cgroup cgroup rw,cpu,cpuacct
      32 25 0:28 / \(sandbox.path)/unified rw - cgroup2 cgroup2 rw
      """
    let membership = "5:cpu,cpuacct:/\(path)\n4:memory:/\(path)\n0::/\n"
    let groups = groups(membership, mounts)
    #expect(groups.memoryLimit == 2000 && groups.processorLimit == 3)
    let all = groups.read()
    #expect(all.map(\.level) == ["job", "step"] && all.allSatisfy { $0.version == 1 })
    #expect(all[1].memoryLimit == 2000 && all[1].memoryPeak == 1500 && all[1].oomKills == 1)
    #expect(all[1].cpuSeconds == 1.5 && all[1].cpuLimit == nil && all[0].memoryLimit == nil)
  }

  @Test(arguments: ["", "0::/gone\n", "x", "::\n0:", "4:memory:/a b/\u{7}\n"])
  func whatCannotBeReadIsNotKnown(_ membership: String) {
    for mounts in ["", "1 2 3", "30 25 0:26 / /nowhere rw - cgroup2 cgroup2 rw\n", "- - - -"] {
      let groups = groups(membership, mounts)
      #expect(groups.memoryLimit == nil && groups.processorLimit == nil)
      #expect(groups.read().allSatisfy { $0.memoryPeak == nil && $0.cpuSeconds == nil })
    }
  }

  @Test func theSmallerLimitCounts() throws {
    try folder("cg", ["memory.max": "5000000"])
    let groups = groups("0::/\n", "30 25 0:26 / \(sandbox.path)/cg rw - cgroup2 cgroup2 rw\n")
    func limit(_ environment: [String: String], host: UInt64 = 1 << 40) -> MemoryLimit? {
      MemoryLimit(groups: groups, environment: environment, hostBytes: host)
    }
    #expect(limit([:])?.bytes == 5_000_000 && limit([:])?.source == .cgroup)
    #expect(limit([:], host: 1000) == nil, "more than there is")
    #expect(limit(["SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "2"])?.bytes == 2 << 20)
    #expect(limit(["SLURM_MEM_PER_NODE": "2"])?.source == .cgroup, "left over from another job")
    let absurd = ["SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "\(Int.max)", "SLURM_CPUS_ON_NODE": "\(Int.max)"]
    #expect(limit(absurd)?.source == .cgroup)
    let share = ["SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "1", "SLURM_CPUS_ON_NODE": "3"]
    #expect(limit(share)?.bytes == 3 << 20 && limit(share)?.source == .slurm)
  }
}
