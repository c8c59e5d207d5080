import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// `con-duct attach` records processes that duct has not started.
@Suite struct AttachTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let quick = ["-p", "log_", "--s-i", "0.05", "--r-i", "0.2"]

  /// Starts a bash script, attaches `con-duct` to it, and runs `body` with the pid of the script and that of con-duct.
  ///
  /// - Parameter target: the arguments of attach that name the script's pid, `$1`.
  private func attach(
    to script: String, _ target: String = "$1", _ options: [String] = [],
    while body: @escaping @Sendable (_ script: pid_t, _ attach: pid_t) async throws -> Void = { _, _ in }
  ) async throws -> Finished {
    let sandbox = sandbox
    return try await run(
      "bash",
      [
        "-c",
        """
        setsid bash -c "$1" & set -- $!; echo $1 > script
        until [ "$(ps -o sid= -p $1)" -eq $1 ]; do sleep 0.01; done
        "$0" attach \((Self.quick + options).joined(separator: " ")) \(target) & echo $! > attach
        wait $!; echo "attach ended with $?"
        """, Programs.conDuct, script,
      ], in: sandbox
    ) { _ in
      try await eventually { sandbox.exists("log_info.json") }
      func pid(_ name: String) throws -> pid_t { try #require(pid_t(try sandbox.text(name).dropLast())) }
      try await body(pid("script"), pid("attach"))
    }
  }

  /// All commands in usage.jsonl.
  private func commands() throws -> [String] {
    try sandbox.usage().flatMap { members($0["processes"]).compactMap { $1["cmd"]?.string } }
  }

  private func summary(_ name: String) throws -> JSONValue? {
    try sandbox.info()["execution_summary"]?[name]
  }

  @Test func aProcessAndItsDescendants() async throws {
    let sandbox = sandbox
    let result = try await attach(
      to: "(until [ -e go ]; do sleep 0.05; done; echo $BASHPID > later; exec sleep 611) & wait; exit 7"
    ) { script, _ in
      try await eventually { try sandbox.usage().count > 1 }
      try sandbox.write("", to: "go")
      try await eventually { try self.commands().contains("sleep 611") }
      kill(try #require(pid_t(try sandbox.text("later").dropLast())), SIGTERM)
      try await eventually { !Proc.isAlive(script) }
    }
    #expect(result.stdout == "attach ended with 0\n", "\(result)")
    let info = try sandbox.info()
    #expect(info["mode"] == "attached" && info["end_reason"] == "ended" && info["run_state"] == "finished")
    #expect(info["command"]?.string?.hasPrefix("bash -c (until") == true)
    #expect(info["working_directory"]?.string == sandbox.path.string)
    #expect(info["processes_escaped"] == JSONValue.null && info["slurm"] == JSONValue.null)
    for name in ["exit_code", "root_max_rss", "user_seconds", "minor_faults"] {
      #expect(try summary(name) == JSONValue.null, "\(name)")
    }
    for name in ["peak_rss", "cpu_seconds", "end_time", "wall_clock_time"] {
      #expect(try #require(summary(name)?.double) > 0, "\(name)")
    }
    let commands = try self.commands()
    #expect(commands.contains("sleep 611") && !commands.contains { $0.contains("attach") }, "\(commands)")
    #expect(!sandbox.names(".").contains("log_stdout"))
    for arguments in [["ls", "log_"], ["report", "--no-refresh", "log_"]] {
      #expect(try await run(Programs.conDuct, arguments, in: sandbox).code == 0)
    }
  }

  /// All of a session, also what has lost its parent before duct came.
  @Test func aSession() async throws {
    let sandbox = sandbox
    let result = try await attach(
      to: "(sleep 600 & echo $! > orphan); until [ -e go ]; do sleep 0.05; done", "--session $1"
    ) { script, _ in
      try await eventually { try sandbox.usage().count > 1 }
      try sandbox.write("", to: "go")
      try await eventually { !Proc.isAlive(script) }
      // The orphan is of the session, so the watch goes on.
      let lines = try sandbox.usage().count
      try await eventually { try sandbox.usage().count > lines + 1 }
      kill(try #require(pid_t(try sandbox.text("orphan").dropLast())), SIGTERM)
    }
    #expect(result.stdout == "attach ended with 0\n", "\(result)")
    #expect(try sandbox.info()["end_reason"] == "ended")
    let last = try #require(try sandbox.usage().dropLast().last)
    #expect(members(last["processes"]).compactMap { $1["cmd"]?.string } == ["sleep 600"])
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP]) func aSignalEndsDuctAlone(_ signal: CInt) async throws {
    let sandbox = sandbox
    let result = try await attach(to: "exec sleep 600") { script, attach in
      try await eventually { try sandbox.usage().count > 1 }
      kill(attach, signal)
      try await eventually { !Proc.isAlive(attach) }
      #expect(Proc.isAlive(script))
      kill(script, SIGKILL)
    }
    #expect(result.stdout == "attach ended with 0\n", "\(result)")
    #expect(result.stderr.contains("the processes go on, and duct ends"))
    let info = try sandbox.info()
    #expect(info["end_reason"] == "detached" && info["run_state"] == "finished")
  }

  /// If duct is killed, its relay finishes the record when the process has ended.
  @Test func ductIsKilled() async throws {
    let sandbox = sandbox
    let result = try await attach(to: "exec sleep 600") { script, attach in
      try await eventually { try sandbox.usage().count > 1 }
      kill(attach, SIGKILL)
      try await eventually { !Proc.isAlive(attach) }
      kill(script, SIGKILL)
    }
    #expect(result.stdout == "attach ended with 137\n", "\(result)")
    try await eventually { try sandbox.info()["run_state"] == "interrupted" }
    let info = try sandbox.info()
    #expect(info["mode"] == "attached" && info["end_reason"] == "killed")
    try await eventually { sandbox.processes().isEmpty }
    #expect(sandbox.spooledRuns().isEmpty)
  }

  @Test(.needs(.root)) func aControlGroup() async throws {
    let sandbox = sandbox
    // Version 2, or a hierarchy of version 1.
    let folders = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer", "/sys/fs/cgroup"].map {
      $0 + "/duct-test-\(getpid())"
    }
    let made = folders.first { folder in
      if mkdir(folder, 0o755) == 0, access(folder + "/cgroup.procs", W_OK) == 0 { return true }
      rmdir(folder)
      return false
    }
    guard let group = made else { return }
    let inner = group + "/inner"
    #expect(mkdir(inner, 0o755) == 0)
    defer {
      rmdir(inner)
      rmdir(group)
    }
    let result = try await attach(
      to: "echo 0 > \(inner)/cgroup.procs; touch in; until [ -e go ]; do sleep 0.05; done",
      "--cgroup $(until [ -e in ]; do sleep 0.01; done; echo \(group))"
    ) { script, _ in
      try await eventually { try sandbox.usage().count > 1 }
      try sandbox.write("", to: "go")
      try await eventually { !Proc.isAlive(script) }
    }
    #expect(result.stdout == "attach ended with 0\n", "\(result)")
    #expect(try sandbox.info()["command"]?.string == "cgroup \(group)")
    let commands = try self.commands()
    #expect(
      commands.contains { $0.hasPrefix("bash -c echo 0") } && !commands.contains { $0.contains("attach") })
  }

  /// A user may watch another's processes. What may not be read of them is told.
  @Test(.needs(.root)) func processesOfAnotherUser() async throws {
    let sandbox = sandbox
    try sandbox.makeDirectory("own", of: OtherUser.first)
    let result = try await run(
      "bash",
      [
        "-c",
        #"""
        sleep 600 & echo $! > target
        setpriv --reuid=$1 --regid=$1 --clear-groups "$0" attach --s-i 0.05 -p own/log_ $!
        """#, try sandbox.programsForOthers().appending("con-duct").string, "\(OtherUser.first)",
      ], in: sandbox, environment: ["DUCT_SPOOL_DIR": sandbox["own"].string]
    ) { _ in
      try await eventually { sandbox.exists("own/log_usage.jsonl") }
      kill(try #require(pid_t(try sandbox.text("target").dropLast())), SIGKILL)
    }
    #expect(result.code == 0 && result.stderr.contains("may not be read by this user"), "\(result)")
    #expect(try sandbox.info("own/log_info.json")["command"]?.string == "sleep 600")
  }

  @Test(arguments: [
    ([], "what to watch is missing or not clear"), (["1", "--session", "2"], "is missing or not clear"),
    (["--step", "0", "7"], "--step needs --job"), (["0"], "the pid must be larger than 0"),
    (["99999999"], "there is no process 99999999"),
    (["--session", "99999999"], "no process of session 99999999"),
    (["--cgroup", "/no/such"], "/no/such is no control group"),
    (["--job", "4000000000"], "job 4000000000 has no slurmstepd on this host"),
    (["--wait-jobs", "1"], "--wait-jobs"), (["x"], "'x'"),
  ])
  func badTargets(_ arguments: [String], _ told: String) async throws {
    let result = try await run(Programs.conDuct, ["attach"] + arguments, in: sandbox)
    #expect(result.code == 2 && result.stdout == "" && result.stderr.contains(told), "\(result)")
    #expect(result.stderr.split(separator: "\n").count == 1 && sandbox.names(".").isEmpty)
  }
}
