import Glibc
import RecordText
import SystemPackage
import TestSupport
import Testing
@testable import DuctRecords
@testable import ProcessSampling

@Suite struct ControlGroupTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Makes a group of `controller` for a test and returns its path. Nil if this machine does not let us make one.
  private func group(_ controller: String) -> FilePath? {
    let group = FilePath("/sys/fs/cgroup/\(controller)/duct-test-\(getpid())-\(controller)")
    return group.withPlatformString { mkdir($0, 0o755) } == 0 ? group : nil
  }

  private static let burn = """
    import os, time
    def burn(seconds):
        end = time.process_time() + seconds
        while time.process_time() < end: pass

    """

  @Test func theGroupCountsTheSameTime() async throws {
    guard let group = group("cpuacct") else { return }
    defer { _ = group.withPlatformString { rmdir($0) } }
    let script = """
      echo $$ > \(group)/cgroup.procs || exit 99
      exec "$0" -q --sample-interval 0.05 -p log_ python3 -c "$1"
      """
    let program =
      Self.burn + """
        for i in range(4):
            if not os.fork():
                burn(0.3)
                os._exit(0)
        for i in range(4): os.wait()
        """
    let result = try await run("bash", ["-c", script, Programs.duct, program], in: sandbox)
    if result.code == 99 { return }
    #expect(result.code == 0, "\(result.stderr)")
    let info = try sandbox.info()
    let seconds = try #require(info["execution_summary"]?["cpu_seconds"]?.double)
    let groups = try #require(info["cgroups"]?.array?.last?["cgroup_cpu_seconds"]?.double)
    // duct and its relay are in the group as well.
    #expect(seconds >= 1.2 && groups >= seconds * 0.99 && groups < seconds + 0.3, "\(seconds) \(groups)")
    try await eventually { sandbox.processes().isEmpty }
  }

  /// With a CPU quota of half a core, duct reports at most 50 %.
  @Test func aQuotaIsTheMostThatCanBe() async throws {
    guard let group = group("cpu") else { return }
    defer { _ = group.withPlatformString { rmdir($0) } }
    let script = """
      echo 50000 > \(group)/cpu.cfs_quota_us && echo $$ > \(group)/cgroup.procs || exit 99
      exec "$0" -q --sample-interval 0.1 -p log_ python3 -c "$1"
      """
    let result = try await run(
      "bash", ["-c", script, Programs.duct, Self.burn + "burn(0.4)"], in: sandbox)
    if result.code == 99 { return }
    #expect(result.code == 0, "\(result.stderr)")
    let info = try sandbox.info()
    #expect(try #require(info["execution_summary"]?["peak_pcpu"]?.double) <= 50)
    #expect(info["cgroups"]?.array?.last?["cgroup_version"]?.double == 1)
    try await eventually { sandbox.processes().isEmpty }
  }

  /// A real group with a memory limit, if this machine lets us make one.
  @Test func aLimitThatKills() async throws {
    let hierarchies = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
    for (root, limit) in hierarchies {
      let group = FilePath("\(root)/duct-test-\(getpid())")
      guard group.withPlatformString({ mkdir($0, 0o755) }) == 0 else { continue }
      defer { _ = group.withPlatformString { rmdir($0) } }
      guard group.appending(limit).withPlatformString({ access($0, W_OK) }) == 0 else { continue }
      let script = """
        echo $((96 << 20)) > \(group)/\(limit) && echo $$ > \(group)/cgroup.procs || exit 99
        exec "$0" -q --sample-interval 0.05 --fail-time 0 -p log_ python3 -c 'x = b"x" * (300 << 20)'
        """
      let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
      if result.code == 99 { continue }
      #expect(result.code == 137, "\(result.stderr)")
      let info = try sandbox.info()
      let summary = info["execution_summary"]
      #expect(summary?["memory_limit"]?.double == Double(96 << 20))
      #expect(summary?["memory_limit_source"]?.string == "cgroup")
      // The kernel can charge resident file pages to other groups.
      #expect((50...130).contains(summary?["peak_pmem_limit"]?.double ?? 0))
      let own = try #require(info["cgroups"]?.array?.last)
      #expect(own["cgroup_oom_kills"]?.double ?? 0 >= 1)
      #expect(own["cgroup_memory_limit"]?.double == Double(96 << 20))
      #expect(own["cgroup_memory_peak"]?.double ?? 0 > Double(90 << 20))
      try await eventually { sandbox.processes().isEmpty }
    }
  }
}
