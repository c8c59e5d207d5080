import Glibc
import RecordText
import TestSupport
import Testing

/// duct in a pid namespace of its own, with the /proc of another namespace, as in some containers.
@Suite(.needs(.root)) struct PidNamespaceTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Runs a bash script as the first process of a pid namespace that has the host's /proc.
  private func inNamespace(
    _ script: String, while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
  ) async throws -> Finished {
    try await run(
      "unshare", ["--pid", "--fork", "bash", "-c", "duct=$0; " + script, Programs.duct], in: sandbox,
      environment: ["DUCT_OUTPUT_PREFIX": "log_", "DUCT_SLURM": "off"], while: body)
  }

  /// All commands that duct sampled, by the pids that the records have.
  private func commands() throws -> [String: Set<String>] {
    var commands: [String: Set<String>] = [:]
    for line in try sandbox.usage() {
      for (pid, process) in members(line["processes"]) {
        commands[pid, default: []].insert(process["cmd"]?.string ?? "")
      }
    }
    return commands
  }

  private static let burner =
    burn + """
      child = os.fork()
      if not child:
          os.execvp("sleep", ["sleep", "606"])
      burn(0.4)
      left = os.fork()
      if not left:
          os.setsid()
          os.execvp("sleep", ["sleep", "607"])
      def seen(name):
          return os.path.exists("log_usage.jsonl") and name in open("log_usage.jsonl").read()
      while not (seen("sleep 606") and seen("sleep 607")): time.sleep(0.05)
      os.kill(child, 9)
      os.waitpid(child, 0)
      print(os.getpid(), child, left)
      """

  @Test(arguments: ["new-session", "current-session"])
  func theCommandIsMeasuredAndNoStranger(_ mode: String) async throws {
    try sandbox.write(Self.burner, to: "burner.py")
    let result = try await inNamespace(
      """
      python=$(python3 -c 'import sys; print(sys.executable)')
      $duct --mode \(mode) --sample-interval 0.05 --report-interval 0.2 $python burner.py; code=$?
      read -r root child left < log_stdout
      kill -0 $left && kill $left && echo "left $left was alive"
      exit $code
      """)
    #expect(result.code == 0, "\(result)")
    let pids = try sandbox.text("log_stdout").split { $0.isWhitespace }.map(String.init)
    try #require(pids.count == 3)
    let commands = try commands()
    #expect(commands[pids[0]]?.contains { $0.hasSuffix("burner.py") } == true, "\(commands)")
    #expect(commands[pids[1]]?.contains("sleep 606") == true, "\(commands)")
    #expect(commands[pids[2]]?.contains("sleep 607") == true, "\(commands)")
    // In a shared session duct counts the session's other processes too, as con-duct does.
    let others = Set(commands.values.joined()).filter { !$0.hasSuffix("burner.py") && !$0.contains("sleep") }
    #expect(others.allSatisfy { mode == "current-session" && $0.contains("duct") }, "\(others)")
    let last = try processes()
    #expect(last.first { "\($0.pid)" == pids[1] }?.value["ppid"]?.double == Double(pids[0]))
    let info = try sandbox.info()
    #expect(info["processes_left"]?.array?.compactMap { $0["left_command"]?.string } == ["sleep 607"])
    #expect(info["processes_left"]?.array?.first?["left_pid"]?.double == Double(pids[2]))
    #expect(result.stdout.contains("left \(pids[2]) was alive"))
    #expect(info["processes_escaped"]?.double == 1)
    #expect(try #require(try summary("peak_rss")) > 5e6)
    #expect(try #require(try summary("peak_pss")) > 1e6)
    #expect(try #require(try summary("cpu_seconds")) >= 0.4)
    #expect(!result.stderr.contains("WARNING") || result.stderr.contains("still run"))
  }

  @Test func aForkStorm() async throws {
    let result = try await inNamespace(
      """
      $duct -q --sample-interval 0.02 --report-interval 0.1 bash -c '
        for i in $(seq 300); do bash -c "exec -a ours sleep 0.001"; done'
      """)
    #expect(result.code == 0, "\(result)")
    let seen = try commands().values.joined()
    #expect(seen.contains { $0.hasPrefix("ours") }, "\(seen)")
    #expect(seen.allSatisfy { $0.hasPrefix("ours") || $0.hasPrefix("bash") || $0.hasPrefix("[") }, "\(seen)")
    try expectTotal(try #require(try summary("cpu_seconds")))
  }

  /// The reader in the same namespace recognizes duct by its pid, start time and boot id.
  @Test func aRunThatGoesOnIsShownAsRunning() async throws {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    let result = try await inNamespace(
      """
      $duct -q bash -c 'touch began; until [ -e end ]; do sleep 0.02; done' &
      until [ -e began -a -e log_info.json ]; do sleep 0.02; done
      \(Programs.conDuct) ls -f json log_info.json; touch end; wait
      """)
    #expect(result.code == 0, "\(result)")
    let row = try JSONParser.parse(result.stdoutBytes).array?.first
    #expect(row?["run_state"]?.string == "running", "\(result)")
    let start = try #require(try sandbox.info()["duct_process"]?["duct_start_ticks"]?.double)
    let ticks = Double(sysconf(CInt(_SC_CLK_TCK)))
    #expect(start >= Double(now.tv_sec) * ticks, "the start of a stranger: \(start)")
  }

  /// The relay waits for the end of the command in /proc. There, no process has the pid that the command has in its
  /// own namespace.
  @Test func theEndIsSeenWhereDuctWasKilled() async throws {
    let result = try await inNamespace(
      """
      echo $(($(cat /proc/sys/kernel/pid_max) - 100)) > /proc/sys/kernel/ns_last_pid || exit 99
      $duct -q bash -c 'touch began; exec sleep 1' & duct=$!
      until [ -e began -a -e log_info.json ]; do sleep 0.02; done
      kill -9 $duct; until grep -q '"run_state": "interrupted"' log_info.json; do sleep 0.1; done
      """)
    // The kernel lacks CONFIG_CHECKPOINT_RESTORE.
    if result.code == 99 { return }
    #expect(result.code == 0, "\(result)")
    let summary = try sandbox.info()["execution_summary"]
    let end = try #require(summary?["end_time"]?.double)
    #expect(end - (summary?["start_time"]?.double ?? 0) > 0.9)
  }

  /// /proc belongs to an inner namespace that duct is not part of, so duct records null for what it cannot measure.
  @Test func whatCannotBeToldIsNull() async throws {
    let script = """
      mkfifo ready; duct=$0
      unshare --pid --fork bash -c 'mount -t proc proc /proc && echo 1 > ready; exec sleep 600' &
      read -r _ < ready; [ ! -e /proc/self ] || exit 99
      $duct --fail-time 0 --sample-interval 0.05 bash -c 'echo out; (setsid sleep 1 &); sleep 0.3; exit 7'; code=$?
      kill %1; exit $code
      """
    let result = try await run(
      "unshare", ["--mount", "bash", "-c", script, Programs.duct], in: sandbox,
      environment: ["DUCT_OUTPUT_PREFIX": "log_", "DUCT_SLURM": "off"])
    #expect(result.code == 7, "\(result)")
    #expect(try sandbox.text("log_stdout") == "out\n")
    #expect(result.stderr.split(separator: "does not tell which processes are the command's").count == 2)
    let info = try sandbox.info()
    for name in ["peak_rss", "average_rss", "peak_pcpu", "average_pcpu", "peak_pss", "read_chars"] {
      #expect(info["execution_summary"]?[name]?.isNull ?? true, "\(name)")
    }
    #expect(info["processes_left"]?.isNull ?? true)
    #expect(info["processes_escaped"]?.isNull ?? true)
    // wait4(2) returns it.
    #expect(try #require(try summary("cpu_seconds")) > 0)
  }
}
