import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// Log directories that hang, report wrong results, or are tampered with.
  @Suite struct FaultTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    /// A stream that is not captured has no file, also none of another name.
    @Test(arguments: [
      ("all", ["stderr", "stdout"]), ("stdout", ["stdout"]), ("stderr", ["stderr"]), ("none", []),
    ])
    func onlyWhatIsCaptured(_ captured: String, _ streams: [String]) async throws {
      let result = try await fixture.run("echo out; echo err >&2", ["-c", captured])
      #expect(result.code == 0, "\(result)")
      let expected = ["info.json"] + streams + ["usage.jsonl"]
      #expect(fixture.sandbox.names("remote-backing") == expected.map { "log_" + $0 })
    }

    @Test func aDirectoryThatHangsHoldsUpNothing() async throws {
      let fixture = self.fixture
      let start = MonotonicInstant.now
      let result = try await fixture.run(
        "for i in $(seq 20); do echo line $i; sleep 0.05; done; touch ended; exit 4",
        ["--finalize-timeout", "1"]
      ) { _ in
        try await eventually { ((try? fixture.logText("log_stdout")) ?? "").contains("line 2\n") }
        try fixture.remote.tell("hang any")
        try await eventually { fixture.sandbox.exists("ended") }
      }
      let lines = (1...20).map { "line \($0)\n" }.joined()
      #expect(result.code == 4 && result.stdout == lines)
      #expect(MonotonicInstant.now.seconds(since: start) < 15)
      #expect(result.stderr.contains("does not answer"))
      // duct kept sampling meanwhile: the samples are in the spool.
      let spool = try #require(fixture.sandbox.spooledRuns().first)
      let info = try JSONParser.parse(readAll(spool.appending("info.json")))
      #expect(try #require(info["execution_summary"]?["num_samples"]?.double) >= 10)
      let busy = try await fixture.recover(spool.string)
      #expect(busy.code == 1 && busy.stderr.contains("is in use"), "what hangs may go on writing")
      try fixture.remote.tell("clear")
      try await eventually { try await fixture.recover().code == 0 && fixture.sandbox.spooledRuns().isEmpty }
      #expect(try fixture.logText("log_stdout") == lines)
      #expect(try fixture.info()["run_state"] == "finished")
    }

    @Test func aDirectoryThatHangsFromTheStartHoldsUpNothing() async throws {
      let fixture = self.fixture
      try fixture.remote.tell("hang any")
      // The records have more bytes than a socket or pipe buffers, so a blocking write to a hung reader would block
      // duct.
      let result = try await fixture.run(
        "echo ran; sleep 2; exit 4",
        ["--finalize-timeout", "0.5", "--message", String(repeating: "m", count: 60_000)])
      #expect(result.code == 4 && result.stdout == "ran\n")
      #expect(result.stderr.contains("does not answer: the command starts all the same"))
      try fixture.remote.tell("clear")
      try await eventually { try await fixture.recover().code == 0 && fixture.sandbox.spooledRuns().isEmpty }
      #expect(try fixture.logText("log_stdout") == "ran\n")
    }

    /// With `--local-first never` the relay writes the log files in the log directory, and their names lie on the
    /// file system that hangs. No thread that has other work may check them there.
    @Test func aCheckOfLogFilesThatHangsHoldsUpNoSamples() async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      try sandbox.makeDirectory("disk")
      #expect(symlink(sandbox["disk"].string, remote.backing.appending("door").string) == 0)
      let result = try await run(
        Programs.duct,
        FaultFixture.quick + ["--local-first", "never", "-p", "remote/door/log_"]
          + ["sh", "-c", "echo out; until [ -e go ]; do sleep 0.05; done; exit 4"], in: sandbox
      ) { _ in
        try await eventually { try sandbox.text("disk/log_stdout") == "out\n" }
        try await eventually { sandbox.exists("disk/log_info.json") }
        let spool = try #require(sandbox.spooledRuns().first)
        defer {
          // Also if the test fails: a process that hangs could not be ended.
          _ = try? remote.tell("clear")
          try? sandbox.write("", to: "go")
        }
        try remote.tell("hang any")
        func lines() throws -> Int {
          try readAll(spool.appending("usage.jsonl")).count { $0 == UInt8(ascii: "\n") }
        }
        let before = try lines()
        try await eventually { try lines() >= before + 5 }
      }
      #expect(result.code == 4)
      #expect(try sandbox.text("disk/log_stdout") == "out\n")
      #expect(try sandbox.info("disk/log_info.json")["run_state"] == "finished")
    }

    /// An exiting process has no arguments in /proc any more while the kernel closes its files.
    @Test func aCommandThatHangsInItsEndKeepsItsName() async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      let script = "exec 9> remote/held; mkfifo go; touch ready; read line < go"
      let result = try await run(
        Programs.duct, FaultFixture.quick + ["-p", "log_", "bash", "-c", script], in: sandbox
      ) { duct in
        try await eventually { sandbox.exists("ready") }
        // duct has sampled the command. Before that, duct cannot know its command line.
        try await eventually { try !sandbox.usage().isEmpty }
        let command = try #require(Proc.children(of: duct).first { Proc.name($0) == "bash" })
        try remote.tell("hang flush path held")
        _ = try await run("sh", ["-c", "echo > go"], in: sandbox)
        try await eventually { (try? readAll(FilePath("/proc/\(command)/cmdline")))?.isEmpty == true }
        #expect(Proc.isAlive(command))
        var known = 0
        try await eventually {
          known = try sandbox.usage().count
          return true
        }
        try await eventually { try sandbox.usage().count >= known + 3 }
        try remote.tell("clear")
      }
      #expect(result.code == 0)
      let commands = try sandbox.usage().flatMap { line -> [String] in
        guard case .object(let processes)? = line["processes"] else { return [] }
        return processes.compactMap { $0.value["cmd"]?.string }.filter { $0.contains("bash") }
      }
      #expect(commands.count > 3 && Set(commands) == ["bash -c \(script)"], "\(commands)")
    }

    @Test(
      "A server that loses what it has taken",
      arguments: ["fsync EIO", "fsync EACCES", "flush EKEYEXPIRED", "fsync,flush ENOSPC"])
    func droppedData(_ place: String) async throws {
      let fixture = self.fixture
      let result = try await fixture.run(
        "for i in $(seq 2000); do echo line $i; done; touch a; until [ -e b ]; do sleep 0.02; done; for i in $(seq 2001 4000); do echo line $i; sleep 0.0002; done"
      ) { _ in
        try await eventually { fixture.sandbox.exists("a") }
        try fixture.remote.tell("drop at \(place) times 300 path log_")
        try fixture.sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      var recovered: Finished?
      if !fixture.sandbox.spooledRuns().isEmpty {
        try fixture.remote.tell("clear")
        recovered = try await fixture.recover()
        #expect(recovered?.code == 0)
      }
      let wanted = Array((1...4000).map { "line \($0)\n" }.joined().utf8)
      let found = try fixture.log("log_stdout")
      let difference = zip(found, wanted).enumerated().first { $1.0 != $1.1 }?.offset
      let isWhole = found == wanted
      #expect(
        isWhole,
        """
        \(found.count) bytes of \(wanted.count), \(found.count { $0 == 0 }) of them NUL, different from \(difference ?? -1) on; \
        \(fixture.sandbox.names("remote-backing")); recovered: \(recovered?.stdout ?? "no"); \(result.stderr)
        """)
      try fixture.expectWholeUsage()
    }

    /// The `con-duct recover` command that duct prints at its end works in a shell, also with quotes in the path.
    @Test func theCommandThatIsNamedAtTheEndWorks() async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      try sandbox.makeDirectory("it's the spool")
      let result = try await fixture.run(
        "touch a; until [ -e b ]; do sleep 0.02; done; echo kept",
        ["--spool-dir", sandbox["it's the spool"].string]
      ) { _ in
        try await eventually { sandbox.exists("a") }
        try remote.tell("fail any EACCES")
        try sandbox.write("", to: "b")
      }
      try remote.tell("clear")
      let command = try #require(
        result.stderr.split(separator: "\n").last { $0.hasPrefix("  con-duct recover ") })
      let path = "\(Programs.folder):/usr/bin:/bin"
      let recovered = try await run("sh", ["-c", String(command)], in: sandbox, environment: ["PATH": path])
      #expect(recovered.code == 0 && recovered.stdout.contains("Delivered"), "\(recovered)")
      #expect(try fixture.logText("log_stdout") == "kept\n")
    }

    @Test func shortWrites() async throws {
      try fixture.remote.tell("short 7")
      let result = try await fixture.run("seq 20000; seq 100 >&2; sleep 0.2")
      #expect(result.code == 0)
      #expect(try fixture.logText("log_stdout") == (1...20000).map { "\($0)\n" }.joined())
      #expect(try fixture.logText("log_stderr") == (1...100).map { "\($0)\n" }.joined())
      try fixture.expectWholeUsage()
    }

    @Test(arguments: [0, 100, 4096])
    func silentTruncation(_ length: Int) async throws {
      let fixture = self.fixture
      let result = try await fixture.run(
        "seq 3000; touch a; until [ -e b ]; do sleep 0.02; done; seq 3001 6000"
      ) { _ in
        try await eventually { ((try? fixture.logText("log_stdout")) ?? "").hasSuffix("\n3000\n") }
        try await eventually { fixture.sandbox.exists("remote-backing/log_usage.jsonl") }
        // Wait until the file is this long, since truncating it to a greater length would extend it.
        try await eventually { try fixture.log("log_usage.jsonl").count >= length }
        try fixture.remote.tell("truncate log_stdout \(length)")
        try fixture.remote.tell("truncate log_usage.jsonl \(length)")
        try fixture.sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      #expect(try fixture.logText("log_stdout") == (1...6000).map { "\($0)\n" }.joined())
      try fixture.expectWholeUsage()
      #expect(result.stderr.contains("it is whole again"))
    }

    /// Another host replaces one log file and removes another one.
    @Test func filesThatAreReplacedOrRemovedThere() async throws {
      let fixture = self.fixture
      let result = try await fixture.run(
        "seq 3000; seq 50 >&2; touch a; until [ -e b ]; do sleep 0.02; done; seq 3001 6000; seq 51 100 >&2; sleep 0.3"
      ) { _ in
        try await eventually { ((try? fixture.logText("log_stdout")) ?? "").hasSuffix("\n3000\n") }
        try await eventually { ((try? fixture.logText("log_stderr")) ?? "").hasSuffix("\n50\n") }
        try fixture.sandbox.write("another's", to: "remote/new")
        _ = rename(fixture.sandbox["remote/new"].string, fixture.sandbox["remote/log_stdout"].string)
        unlink(fixture.sandbox["remote/log_stderr"].string)
        try fixture.sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      #expect(try fixture.logText("log_stdout") == "another's")
      let beside = try #require(
        fixture.sandbox.names("remote-backing").first { $0.hasPrefix("log_stdout.") })
      #expect(try fixture.logText(beside) == (1...6000).map { "\($0)\n" }.joined())
      #expect(try fixture.logText("log_stderr") == (1...100).map { "\($0)\n" }.joined())
      #expect(result.stderr.contains("log_stdout has been replaced by another: this run goes on in "))
    }

    @Test("--local-first", arguments: ["always", "never"], ["any", "unlink"])
    func recordsThatCannotBeRemovedAreToldAndRemovedLater(_ localFirst: String, _ calls: String) async throws
    {
      let fixture = self.fixture
      let records: @Sendable () -> [String] = {
        fixture.sandbox.names("remote-backing").filter { $0.contains("log_") }
      }
      let result = try await fixture.run(
        "echo out; touch a; until [ -e b ]; do sleep 0.02; done; exit 3",
        ["--fail-time", "-1", "--finalize-timeout", "1", "--local-first", localFirst]
      ) { _ in
        try await eventually { fixture.sandbox.exists("a") && records().contains("log_info.json") }
        try fixture.remote.tell("fail \(calls) EACCES")
        try fixture.sandbox.write("", to: "b")
      }
      #expect(result.code == 3)
      #expect(result.stderr.contains("not all log files could be removed:\n  "), "\(result.stderr)")
      #expect(result.stderr.contains("log_info.json: cannot ") && result.stderr.contains("(EACCES)"))
      try await eventually { fixture.sandbox.spooledRunsAreOver() }
      let run = try #require(fixture.sandbox.spooledRuns().first)
      #expect(result.stderr.contains("con-duct recover \(run)\n"))
      // `recover --list` leaves the run as it is.
      #expect(try await fixture.recover("--list").stdout.contains("remote/log_"))
      let early = try await fixture.recover()
      #expect(early.code == 1 && early.stderr.contains("(EACCES)"), "\(early)")
      #expect(!records().isEmpty)
      try fixture.remote.tell("clear")
      #expect(try await fixture.recover().code == 0)
      #expect(records() == [] && fixture.sandbox.spooledRuns().isEmpty, "\(records())")
    }
  }
}
