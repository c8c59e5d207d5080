import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnSlurm {
  /// `con-duct jobs --watch` and `--resubmit-failed`.
  @Suite struct WatchTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func jobs(_ arguments: String..., limit: Double = 90) async throws -> Finished {
      try await run(
        Programs.conDuct, ["jobs"] + arguments, in: fixture.sandbox, environment: fixture.testbed.environment,
        limit: limit)
    }

    /// Starts a watch that writes into the file `shown`.
    private func watch(_ arguments: String...) -> Task<Finished, any Error> {
      Task { [fixture] in
        try await run(
          "bash", ["-c", "exec \"$0\" jobs --watch \"$@\" >shown", Programs.conDuct] + arguments,
          in: fixture.sandbox, environment: fixture.testbed.environment, limit: 180)
      }
    }

    @Test(arguments: bothWays) func withoutATerminalEachChangeIsALine(_ way: String) async throws {
      _ = try await fixture.run(
        "sbatch -J fine --wrap 'until [ -e go ]; do sleep 0.1; done'; sbatch -J broken -d afterany:$(sbatch --parsable -J first --wrap 'until [ -e go ]; do sleep 0.1; done') --wrap 'exit 3'; sbatch -J held -H --wrap true",
        [])
      let watching = watch("--slurm-by", way, "log_")
      try await eventually(60) { try fixture.sandbox.text("shown").contains("0 of 4 ended: ") }
      try fixture.sandbox.write("", to: "go")
      let result = try await watching.value
      #expect(result.code == 1 && result.stderr == "", "\(result.stderr)")
      let shown = try fixture.sandbox.text("shown")
      let lines = shown.split(separator: "\n")
      #expect(!shown.contains("\u{1B}"))
      #expect(lines.contains { $0.contains("(held): does not start by itself") })
      #expect(lines.contains { $0.contains("(broken): FAILED, exit code 3") })
      #expect(lines.contains { $0.contains("3 of 4 ended: ") })
      #expect(lines.last?.contains("4 submitted: 2 COMPLETED, 1 PENDING") == true)
      _ = try await fixture.tool("scancel", "-n", "held")
      // All is over: it ends at once.
      #expect(try await jobs("--watch", "--slurm-by", way, "log_").code == 1)
      _ = try await fixture.run("sbatch -W -J well --wrap true", ["--clobber"])
      let well = try await jobs("--watch", "--slurm-by", way, "log_")
      #expect(well.code == 0 && well.stdout.contains("1 submitted: 1 COMPLETED"))
    }

    /// A run that goes on may submit more.
    @Test func aRunThatGoesOnIsWatchedToItsEnd() async throws {
      let fixture = self.fixture
      _ = try await duct(
        [
          "-q", "--report-interval", "1", "bash", "-c",
          "sbatch -W -J one --wrap true; touch first; until [ -e seen ]; do sleep 0.1; done; sbatch -W -J two --wrap 'exit 4'",
        ], in: fixture.sandbox, environment: fixture.testbed.environment, limit: 120
      ) { _ in
        try await eventually(60) { fixture.sandbox.exists("first") }
        let watching = watch("log_")
        try await eventually(60) { try fixture.sandbox.text("shown").contains("1 of 1 ended") }
        try fixture.sandbox.write("", to: "seen")
        let result = try await watching.value
        let shown = try fixture.sandbox.text("shown")
        #expect(result.code == 1 && shown.contains("(two): FAILED, exit code 4"), "\(shown)")
      }
    }

    /// Whether a process handles SIGTERM by reading it from a file.
    private static func blocksTermination(_ pid: pid_t) throws -> Bool {
      let status = try String(decoding: readAll(FilePath("/proc/\(pid)/status")), as: UTF8.self)
      let line = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
      let digits = line?.split(separator: "\t").last
      let mask = try #require(digits.flatMap { UInt64($0, radix: 16) })
      return mask & 1 << UInt64(SIGTERM - 1) != 0
    }

    /// slurmctld hangs: what the watch begins with has not come yet.
    @Test(arguments: [["log_"], ["--run", "none"]]) func aSignalEndsItAtOnce(_ choice: [String]) async throws
    {
      _ = try await fixture.run("sbatch -J held -H --wrap true", [])
      try await fixture.testbed.control("hang", "slurmctld", in: fixture.sandbox)
      let result = try await run(
        Programs.conDuct, ["jobs", "--watch", "--slurm-timeout", "50"] + choice, in: fixture.sandbox,
        environment: fixture.testbed.environment
      ) { pid in
        try await eventually { try Self.blocksTermination(pid) }
        kill(pid, SIGTERM)
      }
      try await fixture.testbed.control("resume", "slurmctld", in: fixture.sandbox)
      #expect(result.code == 128 + SIGTERM && result.stdout == "" && result.stderr == "", "\(result)")
      _ = try await fixture.tool("scancel", "-n", "held")
    }

    /// Sizes the terminal, waits for what is shown there, narrows it, and presses Ctrl-C.
    private static let terminal = """
      import fcntl, os, pty, signal, struct, sys, termios, time
      pid, terminal = pty.fork()
      if pid == 0:
          os.execv(sys.argv[1], sys.argv[1:])
      def resize(columns):
          fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
      resize(60)
      seen = b""
      def until(*marks):
          global seen
          while not all(mark in seen for mark in marks):
              seen += os.read(terminal, 4096)
      until(b"1 of 2 ended, 1 failed", b"Ctrl-C")
      resize(40)
      mark = len(seen)
      while seen[mark:].count(b"\\x1b[?7h") < 2:
          seen += os.read(terminal, 4096)
      os.write(terminal, b"\\x03")
      try:
          while True:
              part = os.read(terminal, 4096)
              if not part: break
              seen += part
      except OSError: pass
      sys.stdout.buffer.write(seen)
      sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
      """

    /// A terminal of 60 columns that becomes one of 40, then Ctrl-C.
    @Test(.needs(.programs("python3"))) func onATerminal() async throws {
      _ = try await fixture.run("sbatch -J long --wrap 'sleep 300'; sbatch -W -J broken --wrap 'exit 3'", [])
      let result = try await run(
        "python3", ["-c", Self.terminal, Programs.conDuct, "jobs", "--watch", "log_"], in: fixture.sandbox,
        environment: fixture.testbed.environment.merging(["TERM": "xterm"]) { $1 }, limit: 60)
      #expect(result.code == 130, "\(result.stderr)")
      #expect(result.stdout.contains("(broken): FAILED, exit code 3"))
      let lastHidden = result.stdout.ranges(of: "\u{1B}[?25l").last
      let lastShown = result.stdout.ranges(of: "\u{1B}[?25h").last
      #expect(
        try #require(lastHidden).upperBound <= (try #require(lastShown)).lowerBound, "the cursor is there")
      // No live line is wider than the terminal.
      let frames = result.stdout.split(separator: "\u{1B}[?7l").dropFirst().compactMap {
        $0.split(separator: "\u{1B}[?7h").first
      }
      let widths = frames.map { frame in frame.split(whereSeparator: \.isNewline).map(\.count).max() ?? 0 }
      #expect(widths.allSatisfy { $0 < 60 } && (widths.last ?? 99) < 40, "\(widths)")
      _ = try await fixture.tool("scancel", "-n", "long")
    }

    @Test func aUsageErrorIsToldAtOnce() async throws {
      for arguments in [
        ["--watch", "--ids"], ["--watch", "--state", "FAILED"], ["--yes"], ["--resubmit-failed", "--json"],
      ] {
        let result = try await run(Programs.conDuct, ["jobs"] + arguments, in: fixture.sandbox)
        #expect(result.code == 2 && result.stderr.split(separator: "\n").count == 1)
      }
    }

    /// A job of each kind that fails; those of files end well once there is a file `fixed`.
    private func failingCampaign() async throws {
      try fixture.sandbox.makeDirectory("sub dir")
      try fixture.sandbox.write(
        """
        #!/bin/bash
        #SBATCH --array=1-6%2
        #SBATCH -J tasks
        [ -e fixed ] || exit $((SLURM_ARRAY_TASK_ID % 2))
        echo "$DUCT_CAMPAIGN $SLURM_ARRAY_TASK_ID" >> done
        """, to: "sub dir/tasks.sh")
      try fixture.sandbox.write("#!/bin/bash\n[ \"$2\" = b ] && [ -e fixed ]\n", to: "sub dir/one.sh")
      _ = try await fixture.run(
        "cd 'sub dir'; sbatch tasks.sh; sbatch -J one -W one.sh a b; sbatch -J wrapped --wrap 'exit 2'; sbatch -J spaced --comment='a b' one.sh; sbatch -J input < one.sh; srun -J ran false",
        ["--wait-jobs", "--campaign", "c 1"])
    }

    /// Only the failed tasks, with the limit of the script, from the directory of the submission.
    @Test(arguments: bothWays) func failedJobsAreSubmittedAgain(_ way: String) async throws {
      try await failingCampaign()
      let shown = try await jobs("--resubmit-failed", "--slurm-by", way, "log_")
      let folder = fixture.sandbox["sub dir"].string
      #expect(shown.code == 1)
      let lines = shown.stdout.split(separator: "\n").map(String.init)
      #expect(
        lines == [
          "cd '\(folder)' && DUCT_CAMPAIGN='c 1' sbatch '--array=1,3,5%2' tasks.sh",
          "cd '\(folder)' && DUCT_CAMPAIGN='c 1' sbatch -J one one.sh a b",
        ], "\(shown.stdout)\(shown.stderr)")
      for part in [
        "(wrapped) is not submitted again: Slurm has not kept the quotes around the command of --wrap",
        "(spaced) is not submitted again: there is no script b in ",
        "(input) is not submitted again: its script came from standard input",
        "(ran) is not submitted again: srun submitted it, not sbatch", "nothing was submitted; --yes does so",
      ] {
        #expect(shown.stderr.contains(part), "\(part)\n\(shown.stderr)")
      }
      try fixture.sandbox.write("", to: "sub dir/fixed")
      let submitted = try await jobs(
        "--resubmit-failed", "--yes", "--state", "FAILED", "--slurm-by", way, "log_")
      #expect(
        submitted.stdout.split(separator: "\n").count(where: { $0.hasPrefix("Submitted batch job ") }) == 2)
      try await eventually(60) {
        try fixture.sandbox.text("sub dir/done").split(separator: "\n").suffix(3).sorted() == [
          "c 1 1", "c 1 3", "c 1 5",
        ]
      }
      let none = try await jobs("--resubmit-failed", "--state", "TIMEOUT", "log_")
      #expect(
        none.code == 0 && none.stdout == "" && none.stderr == "con-duct: no job is to be submitted again\n")
    }
  }
}
