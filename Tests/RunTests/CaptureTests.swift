import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Every byte that the command prints reaches its log file and the reader of duct's own stdout or stderr.
@Suite struct CaptureTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  @Test func anyBytesExactly() async throws {
    let result = try await duct(
      ["-q", "bash", "-c", "head -c 3000000 /dev/urandom | tee copy; printf end"], in: sandbox)
    let expected = try sandbox.bytes("copy") + Array("end".utf8)
    #expect(result.stdoutBytes == expected)
    #expect(try sandbox.bytes("log_stdout") == expected)
  }

  /// The command may open /dev/stdout, /dev/stderr and /proc/self/fd/2 and write to them.
  @Test func nothingIsLostByWritingToTheDevices() async throws {
    let script =
      "for i in 1 2 3; do echo out$i; echo err$i > /dev/stderr; echo x$i > /dev/stdout; echo y$i > /proc/self/fd/2; done"
    let result = try await duct(["-q", "bash", "-c", script], in: sandbox)
    #expect(result.stdout == "out1\nx1\nout2\nx2\nout3\nx3\n")
    #expect(try sandbox.text("log_stdout") == result.stdout)
    #expect(try sandbox.text("log_stderr") == "err1\ny1\nerr2\ny2\nerr3\ny3\n")
  }

  @Test(
    "Which streams are kept and shown",
    arguments: [
      (["-c", "none"], "o", "e", nil, nil), (["-o", "none"], "", "", "o", "e"),
      (["-c", "stdout"], "o", "e", "o", nil),
      (["-c", "stderr", "-o", "stdout"], "o", "", nil, "e"),
      (["-c", "none", "-o", "none"], "", "", nil, nil),
      (["-oall", "-call"], "o", "e", "o", "e"),
    ] as [([String], String, String, String?, String?)])
  func selections(
    _ options: [String], _ shownOut: String, _ shownErr: String, _ keptOut: String?, _ keptErr: String?
  ) async throws {
    let result = try await duct(["-q"] + options + ["sh", "-c", "printf o; printf e >&2"], in: sandbox)
    #expect(result.stdout == shownOut)
    #expect(result.stderr == shownErr)
    #expect((try? sandbox.text("log_stdout")) == keptOut)
    #expect((try? sandbox.text("log_stderr")) == keptErr)
  }

  @Test func aPromptIsThereAtOnce() async throws {
    // The reader answers only after it has read the prompt. If duct held the prompt back, both would wait forever.
    let script = """
      coproc D { exec "$0" -q -p log_ bash -c 'printf "name? "; read -r n; echo "hello $n"'; }
      IFS= read -r -N 6 -t 20 prompt <&"${D[0]}"
      echo "world" >&"${D[1]}"
      IFS= read -r -t 20 answer <&"${D[0]}"
      echo "[$prompt][$answer]"
      """
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.stdout == "[name? ][hello world]\n")
  }

  @Test func aReaderThatStopsDoesNotBlockTheCommand() async throws {
    // The command writes ten megabytes into a pipe that no process reads, and still ends.
    let script = """
      mkfifo out
      exec 5<>out
      "$0" -q -p log_ bash -c 'head -c 10000000 /dev/zero; touch ended' >out &
      for i in $(seq 400); do [ -e ended ] && break; sleep 0.05; done
      [ -e ended ] && echo ended
      grep -o '"run_state": "[a-z]*"' log_info.json
      kill -0 $! && echo waits
      timeout 20 head -c 10000000 <out | wc -c
      wait $!
      echo code $?
      """
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    let lines = result.stdout.split(separator: "\n").map(String.init)
    #expect(lines.first == "ended")
    #expect(lines.suffix(3) == ["waits", "10000000", "code 0"])
    #expect(try sandbox.bytes("log_stdout").count == 10_000_000)
  }

  /// duct finishes the records even if the reader of its stdout hangs, and SIGTERM then ends the wait.
  @Test func recordsAreFinishedWhileAReaderIsWaitedFor() async throws {
    let script = """
      mkfifo out; exec 5<>out
      "$0" -q -p log_ head -c 5000000 /dev/zero >out &
      for i in $(seq 400); do grep -q '"run_state": "finished"' log_info.json 2>/dev/null && break; sleep 0.05; done
      grep -o '"run_state": "[a-z]*"' log_info.json
      kill -TERM $!; wait $!; echo code $?
      """
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.stdout == "\"run_state\": \"finished\"\ncode 0\n")
  }

  /// If the reader of duct's stdout exits, the command runs on.
  @Test func aReaderThatLeavesDoesNotEndTheCommand() async throws {
    let script = "\"$0\" -q -p log_ bash -c 'seq 300000; touch ended' | head -n 1; echo ${PIPESTATUS[0]}"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.stdout == "1\n0\n")
    #expect(sandbox.exists("ended"))
    #expect(try sandbox.text("log_stdout").hasSuffix("\n300000\n"))
  }

  @Test func aStandardErrorThatNobodyReadsBlocksNeitherCommandNorRecords() async throws {
    let script = """
      mkfifo err; exec 5<>err
      "$0" -p log_ bash -c 'head -c 5000000 /dev/zero >&2; touch ended' 2>err &
      for i in $(seq 400); do grep -q '"run_state": "finished"' log_info.json 2>/dev/null && break; sleep 0.05; done
      [ -e ended ] && grep -o '"run_state": "[a-z]*"' log_info.json
      kill -KILL $!
      """
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.stdout == "\"run_state\": \"finished\"\n")
  }

  /// duct does not wait for a daemon that the command leaves behind, and the relay keeps writing the daemon's
  /// output.
  @Test func daemonsAreNotWaitedForAndStayLogged() async throws {
    let script =
      "(setsid bash -c 'for i in 1 2 3 4 5 6; do echo daemon $i; sleep 0.3; done; echo last' &) ; echo main"
    let start = MonotonicInstant.now
    let result = try await duct(["-q", "bash", "-c", script], in: sandbox)
    #expect(MonotonicInstant.now.seconds(since: start) < 1.6)
    #expect(result.code == 0)
    #expect(result.stdout.contains("main\n"))
    try await eventually { try sandbox.text("log_stdout").hasSuffix("last\n") }
    let text = try sandbox.text("log_stdout")
    for number in 1...6 { #expect(text.contains("daemon \(number)\n")) }
    // The relay exits after the daemon.
    try await eventually { sandbox.processes().isEmpty }
  }

  @Test func aDuctThatIsKilledLeavesTheCommandAndItsOutput() async throws {
    let script = "for i in $(seq 40); do echo line $i; echo error $i >&2; sleep 0.05; done; touch ended"
    let result = try await duct(["-q", "--s-i", "0.1", "--r-i", "0.2", "bash", "-c", script], in: sandbox) {
      [sandbox] pid in
      try await eventually { ((try? sandbox.text("log_stdout")) ?? "").contains("line 5\n") }
      // On a busy host the first record comes later than the first lines.
      try await eventually { sandbox.exists("log_info.json") }
      kill(pid, SIGKILL)
    }
    #expect(result.signal == SIGKILL)
    try await eventually { sandbox.exists("ended") }
    try await eventually { try sandbox.text("log_stdout").hasSuffix("line 40\n") }
    #expect(try sandbox.text("log_stdout") == (1...40).map { "line \($0)\n" }.joined())
    #expect(try sandbox.text("log_stderr") == (1...40).map { "error \($0)\n" }.joined())
    let info = try sandbox.info()
    #expect(info["run_state"] == "running")
    #expect(info["execution_summary"]?["exit_code"] == JSONValue.null)
    try await eventually { sandbox.processes().isEmpty }
  }

  @Test func aRelayThatIsKilledIsReplaced() async throws {
    let script =
      "for i in $(seq 3000); do echo line $i; done; until [ -e go ]; do sleep 0.02; done; for i in $(seq 3001 6000); do echo line $i; done"
    let result = try await duct(["bash", "-c", script], in: sandbox) { [sandbox] pid in
      var killed: Set<Int32> = []
      let relays = { Proc.children(of: pid).filter { Proc.name($0) == "duct-relay" && !killed.contains($0) } }
      for _ in 0..<3 {
        try await eventually { !relays().isEmpty }
        for relay in relays() {
          killed.insert(relay)
          kill(relay, SIGKILL)
        }
      }
      try sandbox.write("", to: "go")
    }
    let expected = (1...6000).map { "line \($0)\n" }.joined()
    #expect(result.stdout == expected)
    #expect(try sandbox.text("log_stdout") == expected)
    #expect(result.stderr.contains("relay"))
  }

  @Test func withoutARelayProgramDuctReadsItself() async throws {
    try sandbox.makeDirectory("empty")
    let result = try await duct(
      ["sh", "-c", "seq 100000; echo e >&2"], in: sandbox,
      environment: ["DUCT_LIBEXEC_DIR": sandbox["empty"].string])
    #expect(result.code == 0)
    #expect(result.stderr.contains("[WARNING ] con-duct: Cannot start"))
    #expect(try sandbox.text("log_stdout") == (1...100_000).map { "\($0)\n" }.joined())
    #expect(result.stdout == (try sandbox.text("log_stdout")))
  }

  /// If duct cannot write to its own stdout, it warns and keeps the log file.
  @Test func outputThatCannotBeShownIsToldOfAndKept() async throws {
    let script = "\"$0\" -p log_ sh -c 'head -c 3000 /dev/zero; exit 4' >/dev/full"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.code == 4)
    #expect(
      result.stderr.contains(
        "[ERROR   ] con-duct: 3000 bytes of the command's stdout could not be shown: No space left on device (ENOSPC); they are in log_stdout"
      ))
    #expect(try sandbox.bytes("log_stdout").count == 3000, "also of a command that failed at once")
  }

  @Test func outputIsShownOnceThereIsRoomForIt() async throws {
    // A tmpfs of two pages: the echo must wait until the test removes the other file.
    let script = """
      mkdir disk; mount -t tmpfs -o size=8k none disk || { echo skipped; exit; }
      head -c 8192 /dev/zero >disk/other; : >disk/shown
      "$0" -p log_ bash -c 'echo hello; for i in $(seq 400); do [ -e log_stdout -a -s disk/shown ] && break; sleep 0.05; done' >>disk/shown &
      for i in $(seq 400); do grep -q "trying again" err && break; sleep 0.05; done
      rm disk/other; wait $!; cat disk/shown; umount disk
      """
    let result = try await run(
      "unshare", ["--mount", "--map-root-user", "bash", "-c", "exec 2>err; " + script, Programs.duct],
      in: sandbox)
    #expect(["hello\n", "skipped\n"].contains(result.stdout), "\(result.stderr)")
    #expect(!(try sandbox.text("err").contains("could not be shown")))
  }

  @Test func theFileSizeLimitOfTheUserDoesNotKillTheRelay() async throws {
    let script =
      "ulimit -f 100; exec \"$0\" -q -p log_ bash -c 'ulimit -f; head -c 1000000 /dev/zero; touch ended'"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox, limit: 120)
    #expect(sandbox.exists("ended"))
    #expect(result.code == 0)
  }
}
