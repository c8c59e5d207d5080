import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// duct is killed, or its program lies on the file system that fails.
  @Suite struct DeathTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    private static let script =
      "touch begun-$RUN; for i in $(seq 60); do echo line $i; echo err $i >&2; sleep 0.005; done; touch ended-$RUN; exit 3"

    /// Runs the script a hundred times, by turns with a remote and a local log directory, and kills the processes
    /// that `isKilled` returns at a random moment.
    private func killAtRandom(
      _ isKilled: @Sendable @escaping (pid_t) -> [pid_t], _ check: (String, Finished) async throws -> Void
    )
      async throws
    {
      let sandbox = fixture.sandbox
      for number in 0..<100 {
        let prefix = number % 2 == 0 ? "remote/k\(number)_" : "k\(number)_"
        let result = try await TestSupport.run(
          Programs.duct, FaultFixture.quick + ["-q", "-p", prefix, "bash", "-c", Self.script],
          in: fixture.sandbox, environment: ["RUN": "\(number)"]
        ) { pid in
          // Half of them once the command has begun: on a busy host duct takes longer to start than the moments last.
          if number % 4 > 1 { try await eventually { sandbox.exists("begun-\(number)") } }
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...400)))
          for victim in isKilled(pid) { kill(victim, SIGKILL) }
        }
        try await check(prefix, result)
      }
    }

    private static let out = (1...60).map { "line \($0)\n" }.joined()
    private static let err = (1...60).map { "err \($0)\n" }.joined()

    @Test func ductIsKilledAtAnyMoment() async throws {
      var (unstarted, withoutEnd) = (0, 0)
      let sandbox = fixture.sandbox
      try await killAtRandom({ [$0] }) { prefix, result in
        // The relay survives, and finishes the run after the command has ended.
        try await eventually { sandbox.spooledRunsAreOver() }
        let number = prefix.filter(\.isNumber)
        guard sandbox.exists("ended-\(number)") else {
          // duct was killed before it started the command, so there is nothing to record.
          unstarted += 1
          return
        }
        let wanted = result.signal == SIGKILL ? ["interrupted", "finished"] : ["finished"]
        #expect(try sandbox.text(prefix + "stdout") == Self.out, "\(prefix)")
        #expect(try sandbox.text(prefix + "stderr") == Self.err, "\(prefix)")
        let info = try sandbox.info(prefix + "info.json")
        let state = info["run_state"]?.string
        #expect(wanted.contains(state ?? ""), "\(prefix) \(info)")
        if state == "interrupted" {
          #expect(info["execution_summary"]?["exit_code"] == JSONValue.null)
          // The relay has recorded the end, unless the command ended at the same moment.
          if let end = info["execution_summary"]?["end_time"]?.double {
            let start = try #require(info["execution_summary"]?["start_time"]?.double)
            let elapsed = try #require(info["execution_summary"]?["wall_clock_time"]?.double)
            #expect(start < end && abs(elapsed - (end - start)) < 0.01)
          } else {
            withoutEnd += 1
          }
        }
      }
      #expect(unstarted < 60 && withoutEnd < 40)
      #expect(!sandbox.names().contains { $0.hasSuffix(".tmp") }, "temporary files are left")
      // This removes the folders of runs that were killed before their command started.
      #expect(try await fixture.recover().code == 0)
      #expect(fixture.sandbox.spooledRuns().isEmpty)
    }

    @Test func withoutCaptureTheRecordsOfAKilledDuctAreFinishedToo() async throws {
      let sandbox = fixture.sandbox
      let result = try await fixture.run(
        "touch a; until [ -e b ]; do sleep 0.02; done; date +%s.%N > ended", ["-c", "none"]
      ) { duct in
        try await eventually { sandbox.exists("a") && sandbox.exists("remote-backing/log_info.json") }
        let relay = try #require(Proc.children(of: duct).first { Proc.name($0) == "duct-relay" })
        kill(duct, SIGKILL)
        // The relay has detected the death of duct, and waits for the end of the command.
        try await eventually { Proc.files(relay).contains("anon_inode:[pidfd]") }
        #expect(try fixture.info()["run_state"] == "running", "it is: the command goes on")
        try sandbox.write("", to: "b")
      }
      #expect(result.signal == SIGKILL)
      try await eventually { try fixture.info()["run_state"] == "interrupted" }
      let ended = try #require(Double(try sandbox.text("ended").dropLast()))
      let known = try #require(try fixture.info()["execution_summary"]?["end_time"]?.double)
      #expect(abs(ended - known) < 0.5)
      try await eventually { sandbox.processes().isEmpty && sandbox.spooledRuns().isEmpty }
    }

    /// The totals of a killed run include all lines of its usage.jsonl, also those that info.json does not have yet.
    @Test func whatAKilledDuctHasMeasuredIsCountedWhole() async throws {
      let sandbox = fixture.sandbox
      let result = try await fixture.run("touch a; until [ -e b ]; do sleep 0.02; done") { duct in
        try await eventually { sandbox.exists("a") && sandbox.exists("remote-backing/log_info.json") }
        let run = try #require(sandbox.spooledRuns().first)
        let journal = run.appending("usage.jsonl")
        try await eventually { try readAll(journal, limit: 1 << 20).split(separator: 10).count > 3 }
        kill(duct, SIGKILL)
        try await eventually { Proc.state(duct) == "Z" }
        // The test makes a journal as if duct had been killed in the middle of a line, after lines that info.json
        // does not include.
        let lines = try readAll(journal, limit: 1 << 20).split(separator: 10)
        let last = try #require(lines.last)
        var bytes = Array(lines.joined(separator: [10]))
        bytes += [10] + last + [10]
        bytes += last.prefix(last.count / 2)
        let file = try FileDescriptor.opening(journal, .writeOnly)
        try file.writeAll(bytes)
        file.closeQuietly()
        try sandbox.write("", to: "b")
      }
      #expect(result.signal == SIGKILL)
      try await eventually { sandbox.processes().isEmpty && sandbox.spooledRuns().isEmpty }
      let lines = try sandbox.usage("remote-backing/log_usage.jsonl")
      let reported = lines.compactMap { $0["num_samples"]?.double }.reduce(0, +)
      let summary = try #require(try fixture.info()["execution_summary"])
      #expect(try fixture.info()["run_state"] == "interrupted")
      #expect(summary["num_reports"]?.double == Double(lines.count))
      // Samples that no line reports count too. There are fewer of them than fit into a report interval.
      let told = try #require(summary["num_samples"]?.double)
      #expect(told >= reported && told <= reported + 4, "\(told) \(reported)")
      let peak = lines.compactMap { $0["totals"]?["rss"]?.double }.max()
      #expect(try #require(summary["peak_rss"]?.double) >= #require(peak))
    }

    @Test func theRelayIsKilledAtAnyMoment() async throws {
      try await killAtRandom({ pid in Proc.children(of: pid).filter { Proc.name($0) == "duct-relay" } }) {
        prefix, result async throws in
        #expect(result.code == 3, "\(prefix)")
        #expect(result.stdout == Self.out, "\(prefix)")
        #expect(try fixture.sandbox.text(prefix + "stdout") == Self.out, "\(prefix)")
        #expect(try fixture.sandbox.text(prefix + "stderr") == Self.err, "\(prefix)")
        #expect(try fixture.sandbox.info(prefix + "info.json")["run_state"] == "finished", "\(prefix)")
      }
      try await eventually { fixture.sandbox.processes().isEmpty }
      #expect(fixture.sandbox.spooledRuns().isEmpty)
    }

    @Test(arguments: [1, 5])
    func theCarrierIsKilled(_ times: Int) async throws {
      let sandbox = fixture.sandbox
      let result = try await fixture.run(
        "seq 1000; touch a; until [ -e b ]; do sleep 0.02; done; seq 1001 2000; exit 4"
      ) { pid in
        try await eventually { sandbox.exists("a") }
        try await eventually { sandbox.exists("remote-backing/log_info.json") }
        var killed: Set<Int32> = []
        for _ in 0..<times {
          try await eventually { Self.carriers(of: pid).contains { !killed.contains($0) } }
          for carrier in Self.carriers(of: pid) where killed.insert(carrier).inserted {
            kill(carrier, SIGKILL)
          }
        }
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 4)
      if times < 5 {
        #expect(result.stderr.contains("starting another"))
        #expect(!result.stderr.contains("con-duct recover"))
      } else {
        #expect(result.stderr.contains("con-duct recover"))
        #expect(try await fixture.recover().code == 0)
      }
      #expect(sandbox.spooledRuns().isEmpty)
      #expect(try fixture.logText("log_stdout") == (1...2000).map { "\($0)\n" }.joined())
      #expect(try fixture.info()["execution_summary"]?["exit_code"] == 4)
      try fixture.expectWholeUsage()
    }

    private static func carriers(of duct: pid_t) -> [Int32] {
      Proc.children(of: duct).filter { child in
        let words = (try? readAll(FilePath("/proc/\(child)/cmdline")))?.split(separator: 0) ?? []
        return words.dropFirst().first.map { $0.starts(with: "deliver".utf8) } ?? false
      }
    }

    /// The relay writes the output of daemons that outlive the command.
    @Test func daemonsAreHeardToTheirEnd() async throws {
      let sandbox = fixture.sandbox
      let result = try await fixture.run(
        "(setsid bash -c 'for i in 1 2 3 4 5; do echo daemon $i; sleep 0.2; done' &); echo main")
      #expect(result.code == 0)
      try await eventually { sandbox.processes().isEmpty }
      let text = try fixture.logText("log_stdout")
      #expect(text.contains("main\n") && text.hasSuffix("daemon 5\n"))
      #expect(try fixture.info()["run_state"] == "finished")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// The file system with duct's own programs fails. duct and the relay run on from memory.
    @Test(arguments: [false, true])
    func ductItselfLiesOnTheFailingFileSystem(_ isKilled: Bool) async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      for name in ["duct", "duct-relay"] {
        try sandbox.write(readAll(Programs.folder.appending(name), limit: 1 << 30), to: "remote/\(name)")
        _ = chmod(sandbox["remote/\(name)"].string, 0o755)
      }
      let result = try await fixture.run(
        "env | grep -c DUCT_EXECUTABLE; touch a; until [ -e b ]; do sleep 0.02; done; seq 3000; exit 9",
        program: remote.mount.appending("duct").string
      ) { pid in
        try await eventually { sandbox.exists("a") }
        try remote.tell("fail any EKEYEXPIRED")
        // Make the kernel read the pages of the programs again.
        sync()
        let caches = try FileDescriptor.opening("/proc/sys/vm/drop_caches", .writeOnly)
        try caches.writeAll(Array("1".utf8))
        caches.closeQuietly()
        if isKilled { kill(pid, SIGKILL) }
        // duct must replace a killed relay from the copy of the program that it holds.
        for child in Proc.children(of: pid) where Proc.name(child) != "bash" && !isKilled {
          if (try? readAll(FilePath("/proc/\(child)/cmdline")))?.starts(with: Array("duct-relay".utf8))
            == true
          {
            kill(child, SIGKILL)
          }
        }
        try sandbox.write("", to: "b")
        // Wait until the remaining processes end. All the code that they need is in memory.
        try await eventually { sandbox.spooledRunsAreOver() }
        try remote.tell("clear")
      }
      #expect(isKilled ? result.signal == SIGKILL : result.code == 9)
      try await eventually { sandbox.processes().isEmpty }
      if !sandbox.spooledRuns().isEmpty { #expect(try await fixture.recover().code == 0) }
      #expect(try fixture.logText("log_stdout") == "0\n" + (1...3000).map { "\($0)\n" }.joined())
      #expect(try fixture.info()["run_state"]?.string == (isKilled ? "interrupted" : "finished"))
    }
  }
}
