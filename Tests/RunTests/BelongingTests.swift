import Glibc
import TestSupport
import Testing

/// Which processes duct counts as the command's.
@Suite struct BelongingTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Processes that leave the command's session still count as the command's.
  @Test func whoLeavesTheSessionIsKept() async throws {
    let script = """
      setsid sleep 601 </dev/null >/dev/null 2>&1 &
      (setsid sh -c 'sleep 602 & exec sleep 603' </dev/null >/dev/null 2>&1 &)
      nohup sleep 604 </dev/null >/dev/null 2>&1 &
      sleep 0.5
      """
    let result = try await duct(
      ["--sample-interval", "0.05", "sh", "-c", script], in: sandbox)
    #expect(result.code == 0)
    let info = try sandbox.info()
    #expect(info["processes_escaped"]?.double == 3)
    let left = (info["processes_left"]?.array ?? []).compactMap { $0["left_command"]?.string }
    #expect(left.sorted() == ["sleep 601", "sleep 602", "sleep 603", "sleep 604"])
    #expect(result.stderr.contains("4 processes of the command still run"))
    #expect(result.stderr.contains("sleep 603"))
    // duct leaves them running. The pids that it records must be those of the sleep processes.
    for process in info["processes_left"]?.array ?? [] {
      let pid = try #require(process["left_pid"]?.double)
      #expect(Proc.name(Int32(pid)) == "sleep")
    }
    let escaped = try processes().filter { $0.value["escaped"] == .bool(true) }
    let commands = escaped.compactMap { $0.value["cmd"]?.string }
    #expect(commands.contains("sleep 601") && commands.contains("sleep 602"))
  }

  /// Processes that the command did not start are not counted.
  @Test func othersAreNotCounted() async throws {
    let stranger = try await run(
      "sh", ["-c", "setsid sleep 611 </dev/null >/dev/null 2>&1 & echo $!"], in: sandbox)
    #expect(stranger.code == 0)
    _ = try await duct(Self.options + ["sleep", "0.4"], in: sandbox) { [sandbox] _ in
      _ = try await run("sh", ["-c", "setsid sleep 612 </dev/null >/dev/null 2>&1 &"], in: sandbox)
    }
    #expect(try processes().compactMap { $0.value["cmd"]?.string } == ["sleep 0.4"])
    #expect(try sandbox.info()["processes_left"] == .array([]))
  }

  /// duct does not count a stranger that got the pid of a process of the command.
  @Test func pidsThatAreUsedAgain() async throws {
    // The namespace has only 500 pids. Strangers and the command use them in turn.
    let inner = """
      echo 500 > /proc/sys/kernel/pid_max || exit 99
      (while :; do sh -c 'exec -a stranger sleep 0.01' 2>/dev/null || bash -c 'exec -a stranger sleep 0.01'; done) &
      "$0" -q --sample-interval 0.01 --report-interval 0.05 -p log_ bash -c '
        for i in $(seq 1000); do bash -c "exec -a ours sleep 0.001"; done; exit 5'
      """
    let result = try await run(
      "unshare", ["-pf", "--mount-proc", "bash", "-c", inner, Programs.duct], in: sandbox)
    // Kernels before 6.14 have one pid_max for all namespaces.
    if result.code == 99 || result.code == 1 { return }
    #expect(result.code == 5, "\(result.stderr)")
    var commands: Set<String> = []
    for line in try sandbox.usage() {
      for (_, process) in members(line["processes"]) { commands.insert(process["cmd"]?.string ?? "") }
    }
    #expect(commands.contains { $0.hasPrefix("ours") })
    #expect(!commands.contains { $0.hasPrefix("stranger") }, "\(commands)")
    try expectTotal(try #require(try summary("cpu_seconds")))
  }

  /// With hidepid=2 duct cannot see other users' processes in /proc. It still measures the command's.
  @Test func othersThatAreHidden() async throws {
    guard getuid() == 0 else { return }
    let script = """
      cp "$0" "$1" . && chmod 777 . && unset HOME && mount -t proc -o hidepid=2 proc /proc || exit 99
      exec setpriv --reuid 61200 --regid 61200 --clear-groups ./duct --fail-time 0 -p log_ --s-i 0.05 sh -c 'sleep 0.3; exit 4'
      """
    let result = try await run(
      "unshare", ["-pfm", "bash", "-c", script, Programs.duct, Programs.relay], in: sandbox)
    if result.code == 99 { return }
    #expect(result.code == 4, "\(result.stderr)")
    #expect(!result.stderr.contains("ERROR"))
    let seconds = try #require(try summary("cpu_seconds"))
    #expect(seconds > 0 && seconds < 0.3)
    let commands = Set(try processes().compactMap { $0.value["cmd"]?.string })
    #expect(commands == ["sh -c sleep 0.3; exit 4", "sleep 0.3"])
  }
}
