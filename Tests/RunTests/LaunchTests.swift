import Glibc
import RecordText
import TestSupport
import Testing

/// The command finds the same environment with duct as without, and duct ends as the command does.
@Suite struct LaunchTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  // MARK: Exit codes

  @Test(arguments: [0, 1, 2, 77, 126, 127, 255]) func theExitCodeIsTheCommands(_ code: Int) async throws {
    #expect(try await duct(["-q", "sh", "-c", "exit \(code)"], in: sandbox).code == Int32(code))
  }

  @Test(arguments: [SIGTERM, SIGKILL, SIGSEGV, SIGPIPE, SIGHUP]) func aSignalIs128AndMore(_ signal: Int32)
    async throws
  {
    let result = try await duct(["-q", "--fail-time", "0", "sh", "-c", "kill -\(signal) $$"], in: sandbox)
    #expect(result.code == 128 + signal)
    #expect(try sandbox.info()["execution_summary"]?["exit_code"]?.double == Double(128 + signal))
  }

  @Test func notFoundAndNotExecutable() async throws {
    let missing = try await duct(["nosuchprogram"], in: sandbox)
    #expect(missing.code == 127)
    #expect(missing.stderr.hasSuffix("[ERROR   ] con-duct: nosuchprogram: command not found\n"))
    #expect(try await duct(["./nowhere"], in: sandbox).code == 127)
    try sandbox.write("#!/no/interpreter\n", to: "script", executable: true)
    let interpreter = try await duct(["./script"], in: sandbox)
    #expect(interpreter.code == 127)
    #expect(interpreter.stderr.contains("interpreter"))
    try sandbox.write("echo no", to: "plain")
    let denied = try await duct(["./plain"], in: sandbox)
    #expect(denied.code == 126)
    #expect(denied.stderr.contains("./plain: Permission denied"))
    #expect(try await duct(["/"], in: sandbox).code == 126)
    #expect(sandbox.names() == ["plain", "script"], "nothing has run, so nothing is recorded")
  }

  @Test func aScriptWithoutInterpreterIsRunBySh() async throws {
    try sandbox.write("echo \"$0 $1\"\n", to: "script", executable: true)
    #expect(try await duct(["-q", "./script", "a b"], in: sandbox).stdout == "./script a b\n")
    let path = "\(sandbox.path.string):/usr/bin:/bin"
    let found = try await duct(["-q", "--clobber", "script", "x"], in: sandbox, environment: ["PATH": path])
    #expect(found.stdout == "\(sandbox["script"].string) x\n")
    try sandbox.write([0x7F, 0x45, 0x00, 0x01], to: "binary")
    _ = sandbox["binary"].withPlatformString { chmod($0, 0o755) }
    #expect(try await duct(["-q", "--clobber", "./binary"], in: sandbox).code == 126)
  }

  // MARK: Usage errors

  @Test(
    "Bad input is one line and exit code 2, and nothing starts",
    arguments: [
      ["--nope", "touch", "ran"], [], ["-q"], ["-l", "loud", "touch", "ran"],
      ["-p", "{foo}_", "touch", "ran"],
      ["--summary-format", "{foo}", "touch", "ran"], ["--sample-interval", "-1", "touch", "ran"],
      ["--sample-interval", "5", "--report-interval", "1", "touch", "ran"], ["-c", "some", "touch", "ran"],
      ["--mode", "x", "touch", "ran"], ["-p"], ["--slurm-timeout", "0", "touch", "ran"],
      ["--fail-time", "x", "touch", "ran"],
    ])
  func usage(_ arguments: [String]) async throws {
    let result = try await duct(arguments, in: sandbox)
    #expect(result.code == 2)
    #expect(result.stderr.split(separator: "\n").count == 1, "\(result.stderr)")
    #expect(result.stderr.hasPrefix("duct: error: "))
    #expect(result.stdout == "")
    #expect(sandbox.names() == [])
  }

  @Test func optionsEndAtTheCommand() async throws {
    let result = try await duct(["-q", "-c", "all", "echo", "-q", "--", "--clobber", "-h"], in: sandbox)
    #expect(result.stdout == "-q -- --clobber -h\n")
    #expect(try await duct(["-q", "--clobber", "--", "echo", "--", "x"], in: sandbox).stdout == "-- x\n")
    let run = try await run(
      Programs.conDuct, ["run", "-q", "-p", "r_", "printf", "%s.", "--help"], in: sandbox)
    #expect(run.stdout == "--help.")
  }

  @Test(arguments: [["--help"], ["-h"], ["--version"], ["-q", "--help"]])
  func helpIsNotAnError(_ arguments: [String]) async throws {
    let result = try await duct(arguments, in: sandbox)
    #expect(result.code == 0)
    #expect(result.stdout.contains("duct"))
    #expect(result.stderr == "")
    #expect(sandbox.names() == [])
  }

  // MARK: What the command finds

  /// Runs a script that describes its own process, with and without duct. duct sets no tag, since hosts with Slurm
  /// would differ then.
  private func compare(_ script: String, before: String = "") async throws -> (plain: String, ducted: String)
  {
    let body = "\(before)\nexec \"$@\" bash -c '\(script)'"
    let plain = try await run("bash", ["-c", body, "bash"], in: sandbox, input: "from stdin\n")
    let ducted = try await run(
      "bash", ["-c", body, "bash", Programs.duct, "-q", "--clobber", "--slurm-tag", "off"], in: sandbox,
      environment: ["DUCT_OUTPUT_PREFIX": "log_"], input: "from stdin\n")
    #expect(plain.code == 0 && ducted.code == 0, "\(plain.stderr) \(ducted.stderr)")
    return (plain.stdout, ducted.stdout)
  }

  @Test(
    "The same with duct as without",
    arguments: [
      ("cat", ""), ("pwd; umask; ulimit -a", "ulimit -c 0 -n 200; umask 027"),
      ("grep -E \"^Sig(Ign|Blk|Cgt)\" /proc/self/status", ""),
      ("grep -E \"^Sig(Ign|Blk)\" /proc/self/status", "trap \"\" HUP INT TERM USR1 PIPE"),
      ("env | grep -vE \"^(_|SHLVL|DUCT_OUTPUT_PREFIX)=\" | sort", "export ODD=$'a\\nb'; export EMPTY="),
      ("[ -t 0 ]; readlink /proc/self/fd/0 | sed s/[0-9].*//", ""),
      ("readlink /proc/$$/fd/0 || echo closed", "exec <&-"),
      ("cat <&7; ls /proc/self/fd", "exec 7<<<here"),
      ("nice; cat /proc/self/oom_score_adj", ""),
      ("cat /proc/self/timerslack_ns; grep -E \"^(Seccomp|NoNewPrivs)\" /proc/self/status", ""),
    ])
  func sameAsWithout(_ script: String, _ before: String) async throws {
    let (plain, ducted) = try await compare(script, before: before)
    #expect(plain == ducted)
    #expect(!plain.isEmpty)
  }

  @Test func noDescriptorOfDuctsReachesTheCommand() async throws {
    let result = try await duct(["-q", "ls", "-l", "/proc/self/fd"], in: sandbox)
    let numbers = result.stdout.split(separator: "\n").compactMap { line -> String? in
      guard let arrow = line.firstRange(of: " -> ") else { return nil }
      return line[..<arrow.lowerBound].split(separator: " ").last.map(String.init)
    }
    // ls itself opens the directory as descriptor 3.
    #expect(numbers == ["0", "1", "2", "3"])
  }

  @Test func theCommandLeadsASessionOfItsOwn() async throws {
    let script = "[ $(ps -o sid= -p $$) = $$ ] && echo leads || echo follows"
    #expect(try await duct(["-q", "bash", "-c", script], in: sandbox).stdout == "leads\n")
    let current = try await duct(
      ["-q", "--clobber", "--mode", "current-session", "bash", "-c", script], in: sandbox)
    #expect(current.stdout == "follows\n")
  }

  @Test func variablesOfEnvFilesAreForDuctAlone() async throws {
    try sandbox.write("DUCT_MESSAGE=from file\nOTHER=leaked\n", to: "x.env")
    let result = try await duct(
      ["-q", "sh", "-c", "echo \"[$OTHER$DUCT_MESSAGE]\""], in: sandbox,
      environment: ["DUCT_CONFIG_PATHS": sandbox["x.env"].string])
    #expect(result.stdout == "[]\n")
    #expect(try sandbox.info()["message"] == "from file")
  }

  @Test func closedStandardStreamsAreNoTrap() async throws {
    let result = try await run(
      "bash", ["-c", "exec \"$0\" -p log_ sh -c 'echo a; echo b >&2; exit 4' <&- >&- 2>&-", Programs.duct],
      in: sandbox)
    #expect(result.code == 4)
    // duct removes the records of a command that fails immediately, so a second command succeeds.
    let kept = try await run(
      "bash", ["-c", "exec \"$0\" -p log_ sh -c 'echo a; echo b >&2' <&- >&- 2>&-", Programs.duct],
      in: sandbox)
    #expect(kept.code == 0)
    #expect(try sandbox.text("log_stdout") == "a\n")
    #expect(try sandbox.text("log_stderr") == "b\n")
  }

  @Test func ductItselfDoesNotNeedSlurm() async throws {
    let linked = try await run("ldd", [Programs.duct], in: sandbox)
    #expect(linked.code == 0)
    #expect(!linked.stdout.contains("slurm"))
    let relay = try await run("ldd", [Programs.relay], in: sandbox)
    #expect(!relay.stdout.contains("slurm") && !relay.stdout.contains("Foundation"))
  }
}
