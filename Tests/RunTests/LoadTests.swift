import Glibc
import RecordText
import TestSupport
import Testing

/// Known loads, and what is told of them.
@Suite struct LoadTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let options = ["-q", "--sample-interval", "0.05", "--report-interval", "0.2"]

  /// Runs a Python program below duct.
  private func python(
    _ program: String, options: [String] = options,
    while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
  ) async throws -> Finished {
    let result = try await duct(options + ["python3", "-c", program], in: sandbox, while: body)
    #expect(result.code == 0, "\(result.stderr)")
    return result
  }

  private func summary(_ name: String) throws -> Double? {
    try sandbox.info()["execution_summary"]?[name]?.double
  }

  /// What was seen of all processes, by their last lines.
  private func processes() throws -> [(pid: Int, value: JSONValue)] {
    var last: [String: JSONValue] = [:]
    for line in try sandbox.usage() {
      for (pid, value) in members(line["processes"]) { last[pid] = value }
    }
    return last.compactMap { pid, value in Int(pid).map { ($0, value) } }
  }

  private var cores: Double { Double(sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

  /// Uses a CPU for so many seconds of its own time.
  private static let burn = """
    import os, sys, time
    def burn(seconds):
        end = time.process_time() + seconds
        while time.process_time() < end: pass

    """

  // MARK: Processor time

  @Test func burnersOnAllCores() async throws {
    let program =
      Self.burn + "n = \(Int(cores) * 2)\n" + """
        pids = []
        for i in range(n):
            pid = os.fork()
            if not pid:
                burn(0.5)
                os._exit(0)
            pids.append(pid)
        for pid in pids: os.waitpid(pid, 0)
        """
    _ = try await python(program)
    let (peak, seconds) = (try #require(try summary("peak_pcpu")), try #require(try summary("cpu_seconds")))
    #expect(peak <= cores * 100 && peak > 50)
    for line in try sandbox.usage() {
      #expect(line["totals"]?["pcpu"]?.double ?? .infinity <= cores * 100)
      for (_, process) in members(line["processes"]) {
        #expect(process["pcpu_interval"]?.double ?? .infinity <= cores * 100)
      }
    }
    try expectTotal(seconds)
    #expect(seconds >= cores * 2 * 0.5)
  }

  /// All processes were waited for: then the kernel's own count, and the mean over time, say the same.
  private func expectTotal(_ seconds: Double) throws {
    let kernels = try #require(try summary("user_seconds")) + #require(try summary("system_seconds"))
    #expect(abs(seconds - kernels) <= kernels * 0.01 + 0.001, "\(seconds) \(kernels)")
    let mean = try #require(try summary("average_pcpu")) * #require(try summary("wall_clock_time")) / 100
    // Ticks of 10 ms for each of the processes that are waited for.
    #expect(abs(mean - kernels) <= kernels * 0.05 + 0.05, "\(mean) \(kernels)")
  }

  @Test func aProcessorThatIsShared() async throws {
    let program =
      Self.burn + """
        os.sched_setaffinity(0, {0})
        for i in range(3):
            if not os.fork():
                burn(0.3)
                os._exit(0)
        for i in range(3): os.wait()
        """
    _ = try await duct(
      Self.options + ["taskset", "-c", "0", "python3", "-c", program], in: sandbox)
    #expect(try #require(try summary("peak_pcpu")) <= 100)
    try expectTotal(try #require(try summary("cpu_seconds")))
  }

  @Test func shortChildrenAreCountedOnce() async throws {
    let program =
      Self.burn + """
        for i in range(300):
            pid = os.fork()
            if not pid:
                burn(0.004)
                os._exit(0)
            os.waitpid(pid, 0)
        """
    _ = try await python(program)
    let seconds = try #require(try summary("cpu_seconds"))
    #expect(seconds >= 1.2)
    try expectTotal(seconds)
  }

  @Test func whatOrphansUseIsCounted() async throws {
    // Both parents end at once: duct adopts the burner.
    let program =
      Self.burn + """
        if not os.fork():
            os.setsid()
            if not os.fork():
                burn(0.6)
                open("done", "w").close()
            os._exit(0)
        while not os.path.exists("done"): time.sleep(0.01)
        time.sleep(0.2)
        """
    _ = try await python(program)
    let seconds = try #require(try summary("cpu_seconds"))
    let kernels = try #require(try summary("user_seconds")) + #require(try summary("system_seconds"))
    #expect(seconds - kernels > 0.5 && seconds - kernels < 0.8, "\(seconds) \(kernels)")
    // The one in between is there for a moment only.
    #expect((1...2).contains(try sandbox.info()["processes_escaped"]?.double ?? 0))
  }

  @Test func childrenThatNobodyWaitsForAreCounted() async throws {
    let program =
      Self.burn + """
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for i in range(3):
            if not os.fork():
                burn(0.4)
                os._exit(0)
        try:
            while True: os.wait()
        except ChildProcessError: pass
        """
    _ = try await python(program)
    let seconds = try #require(try summary("cpu_seconds"))
    // What they use between the last look and their end, nobody knows.
    #expect(seconds > 0.8 && seconds < 1.6, "\(seconds)")
  }

  @Test func aForkStorm() async throws {
    let program = """
      import os
      live = 0
      for i in range(3000):
          if not os.fork(): os._exit(0)
          live += 1
          if live >= 40:
              os.wait()
              live -= 1
      while live:
          os.wait()
          live -= 1
      """
    _ = try await python(program)
    let (seconds, wall) = (
      try #require(try summary("cpu_seconds")), try #require(try summary("wall_clock_time"))
    )
    #expect(seconds <= wall * cores * 1.01 + 0.02)
    try expectTotal(seconds)
  }

  // MARK: Memory

  @Test func sharedMemoryCountsOnceInPSS() async throws {
    let program = """
      import mmap, os, time
      size = 300 << 20
      memory = mmap.mmap(-1, size)
      pids = []
      for i in range(4):
          pid = os.fork()
          if not pid:
              for at in range(0, size, 4096): memory[at] = 1
              open(f"ready{i}", "w").close()
              while not os.path.exists("end"): time.sleep(0.02)
              os._exit(0)
          pids.append(pid)
      for at in range(0, size, 4096): memory[at] = 1
      while sum(os.path.exists(f"ready{i}") for i in range(4)) < 4: time.sleep(0.02)
      while not os.path.exists("end"): time.sleep(0.02)
      for pid in pids: os.waitpid(pid, 0)
      """
    let size = 300.0 * 1024 * 1024
    _ = try await python(program) { [sandbox] _ in
      // There is a budget for reading it.
      try await eventually {
        let lines = sandbox.exists("log_usage.jsonl") ? try sandbox.usage() : []
        func isSeen(_ name: String, _ bytes: Double) -> Bool {
          lines.contains { $0["totals"]?[name]?.double ?? 0 >= bytes }
        }
        return isSeen("pss", size) && isSeen("rss", size * 5)
      }
      try sandbox.write("", to: "end")
    }
    let shares = try #require(try summary("peak_pss"))
    #expect(shares >= size && shares < size * 1.3, "\(shares)")
    #expect(try #require(try summary("peak_rss")) >= size * 5)
  }

  @Test func aPeakBetweenTwoLooksIsSeen() async throws {
    // Long before the first report that would come upon it.
    let program = "x = bytearray(200 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\ndel x"
    _ = try await python(program, options: ["-q", "--sample-interval", "60"])
    #expect(try #require(try summary("peak_rss")) >= 200 * 1024 * 1024)
    #expect(try #require(try summary("root_max_rss")) >= 200 * 1024 * 1024)
  }

  @Test func ductsOwnMemoryIsNotTheCommands() async throws {
    _ = try await duct(["-q", "sleep", "0.3"], in: sandbox)
    let rss = try #require(try summary("peak_rss"))
    #expect(rss > 100_000 && rss < 5_000_000)
  }

  @Test func timeSaysTheSame() async throws {
    let program = Self.burn + "x = bytearray(50 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nburn(0.5)"
    let result = try await duct(
      Self.options + ["/usr/bin/time", "-v", "-o", "time", "python3", "-c", program], in: sandbox)
    #expect(result.code == 0)
    var values: [String: Double] = [:]
    for line in try sandbox.text("time").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1).map { words(String($0)).joined(separator: " ") }
      if parts.count == 2, let value = Double(parts[1]) { values[parts[0]] = value }
    }
    let theirs =
      try #require(values["User time (seconds)"]) + #require(values["System time (seconds)"])
    #expect(abs(try #require(try summary("cpu_seconds")) - theirs) < theirs * 0.01 + 0.03)
    let kilobytes = try #require(values["Maximum resident set size (kbytes)"])
    #expect(try #require(try summary("root_max_rss")) == kilobytes * 1024)
    #expect(try #require(try summary("peak_rss")) >= kilobytes * 1024)
  }

  @Test func psSaysTheSame() async throws {
    let seen = Monitored()
    _ = try await duct(
      Self.options + ["python3", "-c", "import time; open('ready', 'w').close(); time.sleep(1)"], in: sandbox
    ) { [sandbox] _ in
      try await eventually { sandbox.exists("ready") }
      let child = try #require(sandbox.processes().first { $0.name.hasPrefix("python") }?.pid)
      // It does nothing more that could change its memory.
      try await eventually { Proc.state(child) == "S" }
      let ps = try await run("ps", ["-o", "pid=,rss=,vsz=,ppid=", "-p", "\(child)"], in: sandbox)
      seen.set(words(ps.stdout).compactMap { Int($0) })
    }
    let theirs = seen.value
    try #require(theirs.count == 4)
    let all = try sandbox.usage().flatMap { members($0["processes"]) }.filter { $0.key == "\(theirs[0])" }
    // At the very last look it is a zombie.
    let ours = try #require(all.last { $0.value["rss"]?.double ?? 0 > 0 }).value
    // The kernel adds up resident pages by processor, in batches: two readings can be some pages apart.
    #expect(abs((ours["rss"]?.double ?? 0) / 1024 - Double(theirs[1])) <= 1024)
    #expect(ours["vsz"]?.double == Double(theirs[2]) * 1024)
    #expect(ours["ppid"]?.double == Double(theirs[3]))
  }

  // MARK: Who belongs to the run

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
    // Left running, and told of by pids that are theirs.
    for process in info["processes_left"]?.array ?? [] {
      let pid = try #require(process["left_pid"]?.double)
      #expect(Proc.name(Int32(pid)) == "sleep")
    }
    let escaped = try processes().filter { $0.value["escaped"] == .bool(true) }
    let commands = escaped.compactMap { $0.value["cmd"]?.string }
    #expect(commands.contains("sleep 601") && commands.contains("sleep 602"))
  }

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

  @Test func pidsThatAreUsedAgain() async throws {
    // 500 pids in all, of which strangers and the command take one after the other.
    let inner = """
      echo 500 > /proc/sys/kernel/pid_max || exit 99
      (while :; do sh -c 'exec -a stranger sleep 0.01' 2>/dev/null || bash -c 'exec -a stranger sleep 0.01'; done) &
      "$0" -q --sample-interval 0.01 --report-interval 0.05 -p log_ bash -c '
        for i in $(seq 1000); do bash -c "exec -a ours sleep 0.001"; done; exit 5'
      """
    let result = try await run(
      "unshare", ["-pf", "--mount-proc", "bash", "-c", inner, Programs.duct], in: sandbox)
    // Kernels before 6.14 have one limit for all.
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

  // MARK: Command lines

  @Test func execInPlaceAndAnotherName() async throws {
    let script = """
      import ctypes, os, time
      time.sleep(0.3)
      ctypes.CDLL(None).prctl(15, b"renamed", 0, 0, 0)
      time.sleep(0.3)
      os.execvp("sleep", ["sleep", "0.35"])
      """
    _ = try await python(script)
    let commands = try sandbox.usage().compactMap { line in
      members(line["processes"]).first?.value["cmd"]?.string
    }
    // At the first look it may be in the middle of its first execve(2).
    #expect(commands.contains { $0.contains("python3 -c") }, "\(commands)")
    #expect(commands.last == "sleep 0.35")
  }

  @Test func argumentsOfAnyBytesAndOfAnyLength() async throws {
    let sandbox = self.sandbox
    let script =
      #"exec "$0" -q -p log_ --s-i 0.05 --r-i 0.2 sh -c 'until [ -e seen ]; do sleep 0.02; done' $'a\xff\nb' "$(printf %09999d 1)""#
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox) { _ in
      try await eventually { (try? sandbox.text("log_usage.jsonl").contains("until")) == true }
      try sandbox.write("", to: "seen")
    }
    #expect(result.code == 0)
    let commands = try processes().compactMap { $0.value["cmd"]?.string }
    let command = try #require(commands.first { $0.contains("until") }, "\(commands)")
    #expect(command.originalBytes.count == 4096 + "…".utf8.count && command.hasSuffix("…"), "\(command)")
    let lines = try sandbox.text("log_usage.jsonl")
    #expect(lines.contains(#"a\udcff\nb 000"#))
  }

  @Test func whatIsSecretIsNotRecorded() async throws {
    let script = "sleep 0.3 # token=abc123 pass:xyz"
    let result = try await duct(
      ["--redact", "token=([^ ]*)", "--redact", "pass:[a-z]+", "sh", "-c", script], in: sandbox,
      environment: ["SLURM_FAKE": "token=abc123", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "token=abc123"])
    #expect(result.code == 0)
    for name in ["log_info.json", "log_usage.jsonl"] {
      let text = try sandbox.text(name)
      #expect(!text.contains("abc123") && !text.contains("xyz"), "\(name)")
      #expect(text.contains("token=[redacted] [redacted]"))
    }
    #expect(try sandbox.info()["env"]?["SLURM_FAKE"]?.string == "token=[redacted]")
    #expect(!result.stderr.contains("abc123"))
    for wrong in ["(", "x*"] {
      let refused = try await duct(["--redact", wrong, "--clobber", "touch", "ran"], in: sandbox)
      #expect(refused.code == 2 && refused.stderr.split(separator: "\n").count == 1)
    }
    #expect(!sandbox.exists("ran"))
  }

  // MARK: When looks are taken

  @Test func shortRunsHaveNumbers() async throws {
    _ = try await python(Self.burn + "burn(0.03)", options: ["-q", "--sample-interval", "60"])
    #expect(try #require(try summary("num_samples")) >= 1)
    #expect(try #require(try summary("peak_pcpu")) > 0)
    #expect(try #require(try summary("cpu_seconds")) >= 0.03)
    _ = try await duct(["-q", "--clobber", "true"], in: sandbox)
    let count = try #require(try summary("num_samples"))
    #expect(count >= 1)
    #expect(Double(try sandbox.usage().count) == count, "each is reported by itself")
  }

  @Test func missedLooksAreCounted() async throws {
    _ = try await duct(Self.options + ["sleep", "1.2"], in: sandbox) { [sandbox] pid in
      try await eventually { sandbox.exists("log_usage.jsonl") }
      kill(pid, SIGSTOP)
      try await eventually { Proc.state(pid) == "T" }
      _ = try await run("sleep", ["0.5"], in: sandbox)
      kill(pid, SIGCONT)
    }
    let (missed, taken) = (
      try #require(try summary("samples_missed")), try #require(try summary("num_samples"))
    )
    #expect(missed >= 5)
    let due = try #require(try summary("wall_clock_time")) / 0.05
    #expect(missed + taken <= due + 4, "with the first and the last")
  }
}

private func members(_ value: JSONValue?) -> [(key: String, value: JSONValue)] {
  guard case .object(let members)? = value else { return [] }
  return members.map { ($0.key, $0.value) }
}

private func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }

/// A value that a test's closure leaves.
private final class Monitored: @unchecked Sendable {
  private(set) var value: [Int] = []
  func set(_ new: [Int]) { value = new }
}
