import Glibc
import TestSupport
import Testing

/// The CPU time of known loads.
@Suite struct ProcessorTimeTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

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

  /// Three processes share one CPU: the total is at most 100 %.
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

  /// CPU time of a process whose parents have exited counts.
  @Test func whatOrphansUseIsCounted() async throws {
    // Both parents of the burner end immediately, so duct adopts it.
    let program =
      Self.burn + """
        if not os.fork():
            os.setsid()
            if not os.fork():
                open("burner", "w").write(str(os.getpid()))
                burn(0.6)
            os._exit(0)
        def burner():
            return open("burner").read() if os.path.exists("burner") else ""
        # duct reaps the burner, as its own child, after it has sampled it.
        while not burner() or os.path.exists("/proc/" + burner()): time.sleep(0.01)
        """
    _ = try await python(program)
    let seconds = try #require(try summary("cpu_seconds"))
    let kernels = try #require(try summary("user_seconds")) + #require(try summary("system_seconds"))
    #expect(seconds - kernels > 0.5 && seconds - kernels < 0.8, "\(seconds) \(kernels)")
    // The process in between lives only for a moment, so duct may miss it.
    #expect((1...2).contains(try sandbox.info()["processes_escaped"]?.double ?? 0))
  }

  /// The kernel adds no CPU time of children to a parent that ignores SIGCHLD. duct still counts what it sampled.
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
    // CPU time between the last sample of a process and its end cannot be known.
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
}
