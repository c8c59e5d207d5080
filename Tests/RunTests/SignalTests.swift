import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// Signals that duct receives, and which of them the command receives.
@Suite struct SignalTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// A bash script that appends each signal it receives to `seen`, and creates `ready` when it listens.
  private func listener(_ signals: String, then end: String = "") -> String {
    """
    for s in \(signals); do trap "echo $s >> seen; \(end)" $s; done
    echo $$ > main
    touch ready
    while :; do sleep 0.02; done
    """
  }

  private func ready() async throws { try await eventually { sandbox.exists("ready") } }
  private func seen() -> [String] {
    ((try? sandbox.text("seen")) ?? "").split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    ("TERM", SIGTERM), ("QUIT", SIGQUIT), ("USR1", SIGUSR1), ("USR2", SIGUSR2), ("WINCH", SIGWINCH),
    ("ALRM", SIGALRM), ("VTALRM", SIGVTALRM), ("PROF", SIGPROF), ("XCPU", SIGXCPU), ("IO", SIGIO),
    ("PWR", SIGPWR), ("RTMIN+3", 37),
  ])
  func passedOn(_ name: String, _ signal: Int32) async throws {
    let result = try await duct(
      ["-q", "--fail-time", "0", "bash", "-c", listener(name, then: "exit 7")], in: sandbox
    ) { pid in
      try await ready()
      kill(pid, signal)
    }
    #expect(seen() == [name])
    #expect(result.code == 7)
    #expect(try sandbox.info()["run_state"] == "finished")
    #expect(try sandbox.info()["execution_summary"]?["exit_code"] == 7)
  }

  @Test func theWholeGroupGetsIt() async throws {
    let script =
      "bash -c 'trap \"echo child >> seen; exit\" TERM; touch ready; while :; do sleep 0.02; done' & trap 'echo parent >> seen' TERM; wait; wait"
    _ = try await duct(["-q", "bash", "-c", script], in: sandbox) { pid in
      try await ready()
      kill(pid, SIGTERM)
    }
    #expect(seen().sorted() == ["child", "parent"])
  }

  @Test func aCommandThatDiesOfItGivesTheCode() async throws {
    let result = try await duct(["-q", "sh", "-c", "touch ready; exec sleep 60"], in: sandbox) { pid in
      try await ready()
      kill(pid, SIGTERM)
    }
    #expect(result.code == 143)
  }

  @Test func interruptsAreCounted() async throws {
    let result = try await duct(["--fail-time", "0", "bash", "-c", listener("INT")], in: sandbox) {
      [self] pid in
      try await ready()
      kill(pid, SIGINT)
      try await eventually { seen().count == 1 }
      kill(pid, SIGINT)
      try await eventually { seen().count == 2 }
      kill(pid, SIGINT)
    }
    #expect(result.code == 137)
    #expect(seen() == ["INT", "INT"])
    for text in [
      "[INFO    ] con-duct: Received SIGINT, passing to command",
      "Received second SIGINT, again passing to command",
      "[WARNING ] con-duct: Received third SIGINT, forcefully killing command process",
    ] {
      #expect(result.stderr.contains(text))
    }
    #expect(try sandbox.info()["execution_summary"]?["exit_code"] == 137)
  }

  @Test func aHangUpIsSurvived() async throws {
    let result = try await duct(
      [
        "--r-i", "0.1", "--s-i", "0.1", "bash", "-c",
        "trap 'echo HUP >> seen' HUP; touch ready; sleep 1; echo done",
      ], in: sandbox
    ) { pid in
      try await ready()
      kill(pid, SIGHUP)
    }
    #expect(result.code == 0)
    #expect(result.stdout == "done\n")
    #expect(seen() == [])
    #expect(try sandbox.info()["run_state"] == "finished")
  }

  @Test func anIgnoredInterruptStaysIgnored() async throws {
    let command = "touch ready; until [ -e go ]; do sleep 0.02; done; echo survived"
    let script = "trap '' INT; exec \"$0\" -q -p log_ sh -c '\(command)'"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox) { pid in
      try await ready()
      for _ in 0..<5 {
        kill(pid, SIGINT)
        // One at a time: the kernel merges signals that are pending together.
        try await eventually { !Proc.isPending(SIGINT, pid) }
      }
      try sandbox.write("", to: "go")
    }
    #expect(result.code == 0)
    #expect(result.stdout == "survived\n")
  }

  @Test func stoppedAndContinuedTogether() async throws {
    let script = "sleep 60 & echo $! > child; echo $$ > main; touch ready; wait"
    // By a shell with job control, whoever has started the tests: what nobody could continue is not stopped.
    let shell = #"set -m; "$0" -q -p log_ bash -c "$1" & echo $! > own; touch begun; wait -f $!"#
    let result = try await run("bash", ["-c", shell, Programs.duct, script], in: sandbox) { [self] _ in
      try await ready()
      try await eventually { sandbox.exists("begun") }
      let processes = try ["main", "child"].map { try #require(Int32(sandbox.text($0).trimmedLine)) }
      let pid = try #require(Int32(sandbox.text("own").trimmedLine))
      kill(pid, SIGTSTP)
      try await eventually { processes.allSatisfy { Proc.state($0) == "T" } }
      try await eventually { Proc.state(pid) == "T" }
      kill(pid, SIGCONT)
      try await eventually { (processes + [pid]).allSatisfy { Proc.state($0) == "S" } }
      kill(pid, SIGTERM)
    }
    #expect(result.code == 143)
  }

  /// A timer that was set before duct started belongs to the command.
  @Test func anAlarmSetBeforeIsTheCommands() async throws {
    // Timers survive exec. Without duct this timer would end the sleep.
    for mode in ["new-session", "current-session"] {
      let result = try await run(
        "python3",
        [
          "-c",
          "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 0.3); os.execv(sys.argv[1], sys.argv[1:])",
          Programs.duct, "-q", "--clobber", "--mode", mode, "--fail-time", "0", "-p", "log_", "sleep", "60",
        ], in: sandbox)
      #expect(result.code == 128 + SIGALRM, "\(mode)")
      #expect(try sandbox.info()["run_state"] == "finished")
    }
  }

  @Test func anIgnoredSIGCHLDDoesNotHideTheEnd() async throws {
    let start =
      "import os, signal, sys; signal.signal(17, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    let result = try await run(
      "python3", ["-c", start, Programs.duct, "-q", "--fail-time", "0", "-p", "log_", "sh", "-c", "exit 3"],
      in: sandbox)
    #expect(result.code == 3)
    #expect(try sandbox.info()["execution_summary"]?["exit_code"] == 3)
  }

  @Test(arguments: ["new-session", "current-session"])
  func withoutAShellNothingIsStopped(_ mode: String) async throws {
    // This is `ssh -t host duct …`: duct leads the session of its terminal, and no shell could continue it.
    let terminal = """
      import os, pty, sys
      pid, terminal = pty.fork()
      if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
      while b"ready" not in os.read(terminal, 1000): pass
      os.write(terminal, b"\\x1a")
      try:
          while os.read(terminal, 1000): pass
      except OSError: pass
      print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
      """
    let command = "trap 'echo TSTP >> seen' TSTP; echo ready; bash -c 'sleep 0.5; exec sleep 0.5'; exit 6"
    let result = try await run(
      "python3",
      [
        "-c", terminal, Programs.duct, "-q", "--mode", mode, "-p", "log_", "--fail-time", "0", "bash", "-c",
        command,
      ],
      in: sandbox)
    #expect(result.stdout == "6\n")
    #expect(seen() == ["TSTP"], "who wants to know is told")
  }

  @Test func aCommandThatHandlesTheStopItself() async throws {
    let result = try await duct(["-q", "bash", "-c", listener("TSTP", then: "exit 9")], in: sandbox) { pid in
      try await ready()
      let command = try #require(Int32(sandbox.text("main").trimmedLine))
      kill(pid, SIGTSTP)
      // Bash runs the trap after the sleep of its loop, which may be after SIGCONT. But SIGCONT also discards a stop
      // signal that is still pending, so wait until the command has received SIGTSTP.
      try await eventually {
        seen() == ["TSTP"] || Proc.state(pid) == "T" && !Proc.isPending(SIGTSTP, command)
      }
      kill(pid, SIGCONT)
    }
    #expect(result.code == 9)
    #expect(seen() == ["TSTP"])
  }

  /// In --mode current-session, duct signals only the command's process.
  @Test func inTheCurrentSessionOnlyTheCommandIsMeant() async throws {
    let result = try await duct(
      ["-q", "--mode", "current-session", "bash", "-c", listener("TERM", then: "exit 5")], in: sandbox
    ) { pid in
      try await ready()
      kill(pid, SIGTERM)
    }
    #expect(result.code == 5)
    #expect(seen() == ["TERM"])
  }

  @Test func onATerminal() async throws {
    // script(1) provides a terminal and sends the keys. Its shell might die of the interrupt itself, so duct takes
    // the shell's place.
    let inner =
      "exec \(Programs.duct) -p log_ bash -c 'trap \"echo got \\$((6 * 7)); exit 6\" INT; touch ready; while :; do sleep 0.05; done'"
    let shell =
      "(for i in $(seq 400); do [ -e ready ] && break; sleep 0.05; done; printf '\\003'; sleep 1) | script -qec \"$0\" /dev/null"
    let result = try await run("bash", ["-c", shell, inner], in: sandbox)
    #expect(result.stdout.contains("got 42"))
    #expect(result.stdout.contains("Received SIGINT, passing to command"))
    #expect(result.code == 6)
  }

  @Test func aTerminalThatGoesAwayTakesNothingWithIt() async throws {
    let inner =
      "exec \(Programs.duct) -p log_ bash -c 'touch ready; for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.2; done; touch ended'"
    _ = try await run("script", ["-qec", inner, "/dev/null"], in: sandbox) { [self] pid in
      try await ready()
      kill(pid, SIGKILL)
    }
    try await eventually { sandbox.exists("ended") }
    try await eventually { ((try? sandbox.info()["run_state"]) ?? nil) == "finished" }
    #expect(try sandbox.text("log_stdout").hasSuffix("line 8\n"))
  }
}

extension String {
  fileprivate var trimmedLine: String { filter { !$0.isWhitespace } }
}
