import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// A small tmpfs: a local file system that is soon full.
struct SmallDisk: ~Copyable {
  let path: FilePath

  init(_ sandbox: Sandbox, _ name: String, bytes: Int) throws {
    path = sandbox[name]
    try sandbox.makeDirectory(name)
    try valueOrErrno { mount("tmpfs", path.string, "tmpfs", 0, "size=\(bytes),mode=1777") }
  }

  func resize(_ bytes: Int) throws {
    try valueOrErrno { mount("tmpfs", path.string, "tmpfs", UInt(MS_REMOUNT), "size=\(bytes)") }
  }

  deinit { umount2(path.string, CInt(MNT_DETACH)) }
}

extension Requirement {
  /// A file can be mounted here.
  fileprivate static let loopDevices = Requirement {
    let missing = "it needs loop devices and ext4, which this kernel does not give"
    let control = open("/dev/loop-control", O_RDWR)
    guard control >= 0 else { return missing }
    defer { close(control) }
    let nextFree: UInt = 0x4C82  // LOOP_CTL_GET_FREE
    let number = ioctl(control, nextFree)
    let isThere =
      number >= 0 && access("/dev/loop\(number)", R_OK | W_OK) == 0 && access("/sys/fs/ext4", F_OK) == 0
    return isThere ? nil : missing
  }
}

extension OnFaults {
  /// Log directories on a local disk, and local disks that cannot hold what waits.
  @Suite(.needs(.root)) struct LocalFaultTests {
    private let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    private func run(
      _ script: String, prefix: String, _ options: [String] = [], environment: [String: String?] = [:],
      while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
    ) async throws -> Finished {
      try await TestSupport.run(
        Programs.duct, FaultFixture.quick + ["-p", prefix] + options + ["bash", "-c", script], in: sandbox,
        environment: environment, while: body)
    }

    private func lines(_ range: ClosedRange<Int>) -> String { range.map { "\($0)\n" }.joined() }

    @Test func aFullDiskThatGetsSpaceAgain() async throws {
      let disk = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let path = disk.path
      let sandbox = self.sandbox
      let result = try await run(
        "seq 100000; touch a; until [ -e b ]; do sleep 0.02; done; seq 100001 110000; sleep 0.2",
        prefix: "logs/x_"
      ) { _ in
        try await eventually { sandbox.exists("a") }
        try await eventually { ((try? sandbox.bytes("logs/x_stdout").count) ?? 0) > 100_000 }
        try valueOrErrno { mount("tmpfs", path.string, "tmpfs", UInt(MS_REMOUNT), "size=16m") }
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      #expect(result.stdout == lines(1...110_000), "the reader sees nothing of it")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      #expect(try sandbox.info("logs/x_info.json")["run_state"] == "finished")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    @Test func aFullDiskThatStaysFull() async throws {
      let disk = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let result = try await run("seq 100000; exit 5", prefix: "logs/x_", ["--finalize-timeout", "1"])
      #expect(result.code == 5)
      #expect(result.stdout == lines(1...100_000))
      #expect(result.stderr.contains("(ENOSPC)") && result.stderr.contains("con-duct recover"))
      try disk.resize(16 << 20)
      let recovered = try await TestSupport.run(Programs.conDuct, ["recover", "logs/x_"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      #expect(try sandbox.info("logs/x_info.json")["execution_summary"]?["exit_code"] == 5)
      #expect(sandbox.spooledRuns().isEmpty)
    }

    private func shell(_ script: String) async throws -> Finished {
      try await TestSupport.run("sh", ["-ec", "PATH=$PATH:/usr/sbin:/sbin; " + script], in: sandbox)
    }

    /// The kernel makes a disk that it does not trust read-only: every open file gets EROFS.
    @Test(.needs(.loopDevices))
    func aDiskThatIsMadeReadOnlyInMidRun() async throws {
      let sandbox = self.sandbox
      try sandbox.makeDirectory("logs")
      let made = try await shell(
        "truncate -s 16M disk; mkfs.ext4 -qF disk; mount -o loop,errors=remount-ro disk logs; findmnt -no SOURCE logs"
      )
      try #require(made.code == 0, "\(made.stderr)")
      defer { umount2(sandbox["logs"].string, CInt(MNT_DETACH)) }
      let device = made.stdout.dropLast().split(separator: "/").last ?? ""
      let result = try await run(
        "seq 1000; sync; touch a; until [ -e b ]; do sleep 0.02; done; seq 1001 2000; exit 4",
        prefix: "logs/x_", ["--finalize-timeout", "1"]
      ) { _ in
        try await eventually { sandbox.exists("a") }
        let failed = try await self.shell("sync; echo 1 > /sys/fs/ext4/\(device)/trigger_fs_error")
        #expect(failed.code == 0, "\(failed.stderr)")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 4 && result.stdout == lines(1...2000))
      #expect(result.stderr.contains("(EROFS)") && result.stderr.contains("con-duct recover"))
      // Repair the disk as an administrator would.
      let repaired = try await shell(
        "umount logs; fsck.ext4 -fp disk || [ $? -le 1 ]; mount -o loop disk logs")
      #expect(repaired.code == 0, "\(repaired.stderr)")
      let recovered = try await TestSupport.run(Programs.conDuct, ["recover"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      let info = try sandbox.info("logs/x_info.json")
      #expect(info["execution_summary"]?["exit_code"] == 4, "\(info) of \(sandbox.names("logs"))")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    @Test(arguments: [true, false])
    func aDirectoryThatIsRemovedInMidRun(_ comesBack: Bool) async throws {
      let sandbox = self.sandbox
      try sandbox.makeDirectory("logs")
      let result = try await run(
        "seq 1000; sleep 0.3; touch a; until [ -e b ]; do sleep 0.02; done; seq 1001 2000; sleep 0.5",
        prefix: "logs/x_", ["--finalize-timeout", "1"]
      ) { _ in
        try await eventually { sandbox.exists("a") }
        for name in sandbox.names("logs") { unlink(sandbox["logs/\(name)"].string) }
        try valueOrErrno { rmdir(sandbox["logs"].string) }
        if comesBack { try sandbox.makeDirectory("logs") }
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      #expect(result.stdout == lines(1...2000))
      if !comesBack {
        #expect(!sandbox.exists("logs"), "it is not made again behind the user's back")
        let recovered = try await TestSupport.run(Programs.conDuct, ["recover"], in: sandbox)
        #expect(recovered.code == 0, "\(recovered.stderr)")
      }
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      #expect(try sandbox.info("logs/x_info.json")["run_state"] == "finished")
      #expect(sandbox.spooledRuns().isEmpty)
    }

    /// What had been delivered to the full disk is delivered to the other directory, too.
    @Test(arguments: ["never", "always"])
    func deliveredElsewhere(_ localFirst: String) async throws {
      let disk = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let result = try await run(
        "echo err >&2; seq 100000", prefix: "logs/x_",
        ["--finalize-timeout", "1", "--local-first", localFirst])
      #expect(result.stdout == lines(1...100_000))
      #expect(try sandbox.bytes("logs/x_stdout").count > 100_000)
      let recovered = try await TestSupport.run(
        Programs.conDuct, ["recover", "logs/x_", "--to", "other"], in: sandbox)
      #expect(recovered.code == 0 && recovered.stderr == "", "\(recovered.stderr)")
      #expect(try sandbox.text("other/x_stdout") == result.stdout)
      #expect(try sandbox.text("other/x_stderr") == "err\n")
      #expect(sandbox.names("other") == ["x_info.json", "x_stderr", "x_stdout", "x_usage.jsonl"])
      _ = consume disk
    }

    /// The other directory has a file of that name already. It stays, and nothing of it is taken for the run's.
    @Test(arguments: ["never", "always"])
    func deliveredElsewhereBesideAnother(_ localFirst: String) async throws {
      let disk = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      let result = try await run(
        "seq 100000", prefix: "logs/x_", ["--finalize-timeout", "1", "--local-first", localFirst])
      let foreign = String(repeating: "another's\n", count: 100_000)
      try sandbox.makeDirectory("other")
      try sandbox.write(foreign, to: "other/x_stdout")
      let recovered = try await TestSupport.run(
        Programs.conDuct, ["recover", "logs/x_", "--to", "other"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("other/x_stdout") == foreign)
      let beside = try #require(sandbox.names("other").first { $0.hasPrefix("x_stdout.") })
      #expect(try sandbox.text("other/\(beside)") == result.stdout)
      _ = consume disk
    }

    /// If the former directory is gone, the message names it.
    @Test func deliveredElsewhereWithoutWhatWasThere() async throws {
      let disk = try SmallDisk(sandbox, "logs", bytes: 256 << 10)
      _ = try await run("seq 100000", prefix: "logs/x_", ["--finalize-timeout", "1"])
      let length = try sandbox.bytes("logs/x_stdout").count
      _ = consume disk
      let recovered = try await TestSupport.run(
        Programs.conDuct, ["recover", "logs/x_", "--to", "other"], in: sandbox)
      #expect(
        recovered.stderr.contains(
          "\(length) bytes of other/x_stdout are missing: they had been delivered to \(sandbox["logs/x_"])…, and cannot be read there"
        ), "\(recovered.stderr)")
      #expect(try sandbox.text("other/x_stdout").hasSuffix("\n99999\n100000\n"))
    }

    @Test func deliveredToADirectoryThatHasMoved() async throws {
      let sandbox = self.sandbox
      try sandbox.makeDirectory("logs")
      _ = try await run(
        "echo one; touch a; until [ -e b ]; do sleep 0.02; done; echo two; sleep 0.3", prefix: "logs/x_",
        ["--finalize-timeout", "1"]
      ) { _ in
        try await eventually { sandbox.exists("a") }
        rename(sandbox["logs"].string, sandbox["moved"].string)
        try sandbox.write("", to: "b")
      }
      #expect(sandbox.spooledRuns().count == 1)
      let recovered = try await TestSupport.run(
        Programs.conDuct, ["recover", "logs/x_", "--to", "moved"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("moved/x_stdout") == "one\ntwo\n")
      let info = try sandbox.info("moved/x_info.json")
      #expect(info["run_state"] == "finished")
      #expect(info["output_paths"]?["stdout"]?.string?.hasSuffix("moved/x_stdout") == true)
      #expect(
        try await TestSupport.run(Programs.conDuct, ["ls", "moved"], in: sandbox).stdout.contains("x_"))
    }

    @Test func aFileSizeLimit() async throws {
      let script =
        "ulimit -S -f 100; exec \"$0\" --slurm off --fail-time 0 --finalize-timeout 1 -p log_ bash -c 'seq 100000; exit 6'"
      let result = try await TestSupport.run("bash", ["-c", script, Programs.duct], in: sandbox)
      #expect(result.code == 6)
      #expect(result.stdout == lines(1...100_000))
      let recovered = try await TestSupport.run(Programs.conDuct, ["recover"], in: sandbox)
      #expect(recovered.code == 0, "\(recovered.stderr)")
      #expect(try sandbox.text("log_stdout") == result.stdout)
    }

    @Test func aSpoolThatIsFullToo() async throws {
      // Neither the log directory nor the spool has room, so the relay keeps the output in memory.
      let logs = try SmallDisk(sandbox, "logs", bytes: 64 << 10)
      let spool = try SmallDisk(sandbox, "small", bytes: 256 << 10)
      let (path, sandbox) = (logs.path, self.sandbox)
      let result = try await run(
        "seq 300000; touch a; until [ -e b ]; do sleep 0.02; done; echo end; sleep 0.2; exit 8",
        prefix: "logs/x_",
        ["--spool-dir", spool.path.string]
      ) { _ in
        try await eventually { sandbox.exists("a") }
        try valueOrErrno { mount("tmpfs", path.string, "tmpfs", UInt(MS_REMOUNT), "size=16m") }
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 8)
      #expect(result.stdout == lines(1...300_000) + "end\n")
      #expect(try sandbox.text("logs/x_stdout") == result.stdout)
      #expect(try sandbox.info("logs/x_info.json")["execution_summary"]?["exit_code"] == 8)
    }

    /// At the spool limit, the middle of the stream is dropped, and a mark with its length stands in its place.
    @Test func atTheSpoolLimitTheMiddleIsLetGoAndMarked() async throws {
      let sandbox = self.sandbox
      let fixture = try FaultFixture()
      _ = sandbox
      let result = try await fixture.run(
        "touch a; until [ -e b ]; do sleep 0.02; done; seq 1000000; exit 2",
        ["--spool-limit", "1M", "--finalize-timeout", "1"]
      ) { _ in
        try await eventually { fixture.sandbox.exists("a") }
        try fixture.remote.tell("fail any EACCES")
        try fixture.sandbox.write("", to: "b")
      }
      #expect(result.code == 2)
      try fixture.remote.tell("clear")
      #expect(try await fixture.recover().code == 0)
      let text = try fixture.logText("log_stdout")
      #expect(text.hasPrefix("1\n2\n3\n") && text.hasSuffix("\n1000000\n"))
      let marks = text.split(separator: "\n").filter { $0.hasPrefix("[duct: ") }
      #expect(marks.count == 1)
      let lost = try #require(marks.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
      #expect(text.utf8.count - (marks.first?.utf8.count ?? 0) - 2 + lost == 6_888_896)
      #expect(text.utf8.count < 3 << 20)
      #expect(try fixture.info()["execution_summary"]?["exit_code"] == 2)
    }

    @Test func aSpoolThatIsALinkIsRefused() async throws {
      try sandbox.makeDirectory("elsewhere")
      try sandbox.makeDirectory("tmp")
      symlink(sandbox["elsewhere"].string, sandbox["tmp/duct-0"].string)
      let result = try await run(
        "echo hi", prefix: "log_", ["--local-first", "always", "--spool-dir", "tmp"])
      #expect(result.code == 0 && result.stdout == "hi\n")
      #expect(result.stderr.contains("it is no directory"))
      #expect(sandbox.names("elsewhere") == [])
      #expect(try sandbox.text("log_stdout") == "hi\n")
    }

    @Test func twoRunsOnOnePrefix() async throws {
      let sandbox = self.sandbox
      async let first = run(
        "seq 100; touch a; until [ -e b ]; do sleep 0.02; done; seq 101 200; sleep 0.2; exit 1",
        prefix: "log_")
      try await eventually { sandbox.exists("a") }
      try await eventually { ((try? sandbox.info()["run_state"]) ?? nil) == "running" }
      let refused = try await run("echo no", prefix: "log_")
      #expect(refused.code == 2 && refused.stderr.contains("records exist already"))
      let second = try await run("echo second; exit 2", prefix: "log_", ["--clobber"])
      #expect(second.code == 2)
      try sandbox.write("", to: "b")
      #expect(try await first.code == 1)
      // The second run has the names. The first run's records lie beside them, complete.
      #expect(try sandbox.text("log_stdout") == "second\n")
      #expect(try sandbox.info()["execution_summary"]?["exit_code"] == 2)
      let names = sandbox.names()
      let stdout = try #require(names.first { $0.hasPrefix("log_stdout.") })
      let info = try #require(names.first { $0.hasPrefix("log_info.json.") })
      #expect(try sandbox.text(stdout) == lines(1...200))
      #expect(try sandbox.info(info)["execution_summary"]?["exit_code"] == 1)
    }
  }
}
