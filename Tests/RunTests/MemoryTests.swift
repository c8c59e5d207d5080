import Glibc
import TestSupport
import Testing

/// The memory of known loads, compared with ps(1) and time(1).
@Suite struct MemoryTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

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
    _ = try await python(program, limit: 200) { [sandbox] _ in
      // duct reads PSS only within a time budget, so on a busy machine the reading comes late.
      try await eventually(150) {
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

  /// duct finds a peak between two samples in the kernel's peak value.
  @Test func aPeakBetweenTwoSamplesIsSeen() async throws {
    // The memory is freed long before the first report.
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
      // It waits for the end of its input, and so takes neither memory nor time.
      Self.options + ["sh", "-c", "mkfifo end; : > ready; read line < end"], in: sandbox
    ) { [sandbox] _ in
      try await eventually { sandbox.exists("ready") }
      let child = try #require(sandbox.processes().first { $0.name == "sh" }?.pid)
      // The process sleeps, so its memory does not change any more.
      try await eventually { Proc.state(child) == "S" }
      let ps = try await run("ps", ["-o", "pid=,rss=,vsz=,ppid=", "-p", "\(child)"], in: sandbox)
      seen.set(words(ps.stdout).compactMap { Int($0) })
      // A report that has all of it.
      let lines = (try? sandbox.usage().count) ?? 0
      try await eventually { try sandbox.usage().count > lines }
      try sandbox.write("x\n", to: "end")
    }
    let theirs = seen.value
    try #require(theirs.count == 4)
    let all = try sandbox.usage().flatMap { members($0["processes"]) }.filter { $0.key == "\(theirs[0])" }
    // At the last sample the process is a zombie.
    let ours = try #require(all.last { $0.value["rss"]?.double ?? 0 > 0 }).value
    // The kernel counts resident pages per processor, in batches, so two readings can differ by some pages.
    #expect(abs((ours["rss"]?.double ?? 0) / 1024 - Double(theirs[1])) <= 1024)
    #expect(ours["vsz"]?.double == Double(theirs[2]) * 1024)
    #expect(ours["ppid"]?.double == Double(theirs[3]))
  }
}

private func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }

/// A value that a test's closure sets.
private final class Monitored: @unchecked Sendable {
  private(set) var value: [Int] = []
  func set(_ new: [Int]) { value = new }
}
