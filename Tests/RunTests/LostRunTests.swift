import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// A batch system kills all processes of a run together when the job's time is over.
@Suite struct LostRunTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func elapsed() throws -> Double {
    try #require(sandbox.info()["execution_summary"]?["wall_clock_time"]?.double)
  }

  private func lose(_ options: [String], prefix: String = "log_") async throws {
    let sandbox = sandbox
    let result = try await duct(
      options + ["-q", "-p", prefix, "sh", "-c", "echo begun; exec sleep 600"], in: sandbox
    ) { duct in
      // Only the schedule can have written info.json: no report is due, and no job has changed.
      try await eventually { try elapsed() > 1 }
      Proc.killTree(duct)
    }
    #expect(result.signal == SIGKILL)
    try await eventually { sandbox.processes().isEmpty }
  }

  /// After SIGKILL of the whole run, info.json is as recent as the schedule promises.
  @Test(arguments: [
    [], ["-c", "none"], ["-t", "system-summary"], ["--report-interval", "3600"], ["--local-first", "always"],
  ])
  func theRecordIsNotOlderThanItMayBe(_ options: [String]) async throws {
    try await lose(options)
    let info = try sandbox.info()
    #expect(info["run_state"] == "running")
    let start = try #require(info["execution_summary"]?["start_time"]?.double)
    let update = try #require(info["last_update_time"]?.double)
    let elapsed = try elapsed()
    #expect(abs(update - start - elapsed) < 0.5)
    #expect(info["execution_summary"]?["end_time"] == JSONValue.null)
  }

  @Test func readersShowItAsInterrupted() async throws {
    try await lose([])
    for arguments in [
      ["ls", "log_"], ["jobs", "--no-refresh", "log_"], ["report", "--no-refresh", "log_"],
    ] {
      for format in [[], ["json"]] {
        let options =
          format.isEmpty ? [] : arguments[0] == "jobs" ? ["--json"] : ["-f", format[0]]
        let result = try await run(Programs.conDuct, arguments + options, in: sandbox)
        #expect(result.code == 0)
        #expect(result.stdout.contains("interrupted"), "\(arguments + options)")
        #expect(!result.stdout.contains("running"), "\(arguments + options)")
      }
    }
    // A process that got the same pid later is not this run's duct.
    var info = try sandbox.text("log_info.json")
    let pid = try #require(sandbox.info()["duct_process"]?["duct_pid"]?.double)
    info = info.replacing("\"duct_pid\": \(Int(pid)),", with: "\"duct_pid\": \(getpid()),")
    try sandbox.write(info, to: "log_info.json")
    let result = try await run(Programs.conDuct, ["ls", "log_"], in: sandbox)
    #expect(result.stdout.contains("interrupted"))
  }

  /// Somebody deletes or replaces the log file just before the kill. Its content is lost if no report was due in
  /// between, and `recover` must say so.
  @Test(arguments: [false, true]) func aLogFileThatIsGoneIsTold(_ isReplaced: Bool) async throws {
    let sandbox = sandbox
    _ = try await duct(["-q", "-p", "log_", "sh", "-c", "echo begun; exec sleep 600"], in: sandbox) { duct in
      try await eventually { try sandbox.text("log_stdout") == "begun\n" && elapsed() > 1 }
      try sandbox.write("another\n", to: "new")
      if isReplaced {
        rename(sandbox["new"].string, sandbox["log_stdout"].string)
      } else {
        unlink(sandbox["log_stdout"].string)
      }
      Proc.killTree(duct)
    }
    try await eventually { sandbox.processes().isEmpty }
    let recovered = try await run(Programs.conDuct, ["recover", "log_"], in: sandbox)
    #expect(recovered.code == 0)
    #expect(
      recovered.stderr
        == "con-duct: \(sandbox.path)/log_stdout was removed or replaced: what this run had printed into it, if anything, is kept nowhere else\n"
    )
    #expect(isReplaced == sandbox.exists("log_stdout"))
    if isReplaced { #expect(try sandbox.text("log_stdout") == "another\n") }
  }

  /// The run's copy of the beginning is lost with the kill. The file that has the name belongs to somebody else, and
  /// recovery must not copy its bytes.
  @Test func aBeginningIsNotTakenFromAnothersFile() async throws {
    let sandbox = sandbox
    let options = ["-q", "-p", "log_", "--sample-interval", "0.1", "--report-interval", "0.2"]
    let beside = { @Sendable in sandbox.names().first { $0.hasPrefix("log_stdout.") } }
    _ = try await duct(
      options + ["sh", "-c", "echo begun; until [ -e go ]; do sleep 0.02; done; echo more; exec sleep 600"],
      in: sandbox
    ) { duct in
      try await eventually { try sandbox.text("log_stdout") == "begun\n" }
      try sandbox.write("another\n", to: "new")
      rename(sandbox["new"].string, sandbox["log_stdout"].string)
      try await eventually { beside() != nil }
      try sandbox.write("", to: "go")
      try await eventually { try beside().map { try sandbox.text($0) } == "begun\nmore\n" }
      Proc.killTree(duct)
    }
    try await eventually { sandbox.processes().isEmpty }
    if let beside = beside() { unlink(sandbox[beside].string) }
    let folder = try #require(sandbox.spooledRuns().first)
    #expect(unlink(folder.appending("stdout.head").string) == 0)
    let recovered = try await run(Programs.conDuct, ["recover", "log_"], in: sandbox)
    #expect(recovered.code == 0 && recovered.stderr.contains("6 bytes of"), "\(recovered.stderr)")
    #expect(try sandbox.text("log_stdout") == "another\n")
    let text = try beside().map { try sandbox.text($0) } ?? ""
    #expect(text.hasSuffix("more\n") && !text.contains("anoth"), "\(text)")
  }

  /// duct copies the beginning of a removed log file into the spool, but only up to the spool limit.
  @Test(arguments: ["1M", "100M"]) func theCopyOfABeginningHasALimit(_ limit: String) async throws {
    let sandbox = sandbox
    let spooled = { @Sendable in sandbox.spooledRuns().flatMap { sandbox.names(of: $0) } }
    let result = try await duct(
      [
        "-q", "-p", "log_", "--sample-interval", "0.1", "--report-interval", "0.2", "--spool-limit", limit,
        "sh",
        "-c", "head -c 3000000 /dev/zero; until [ -e go ]; do sleep 0.02; done; echo end",
      ], in: sandbox
    ) { _ in
      try await eventually { try sandbox.bytes("log_stdout").count == 3_000_000 }
      unlink(sandbox["log_stdout"].string)
      try await eventually { try sandbox.bytes("log_stdout").count == 3_000_000 }
      if limit == "100M" { try await eventually { spooled().contains("stdout.head") } }
      #expect(limit == "100M" || !spooled().contains("stdout.head"))
      try sandbox.write("", to: "go")
    }
    #expect(result.code == 0)
    #expect(try sandbox.bytes("log_stdout") == [UInt8](repeating: 0, count: 3_000_000) + Array("end\n".utf8))
  }

  @Test func aRunThatGoesOnIsRunning() async throws {
    let sandbox = sandbox
    _ = try await duct(["-q", "sh", "-c", "until [ -e go ]; do sleep 0.02; done"], in: sandbox) { _ in
      try await eventually { sandbox.exists("log_info.json") }
      let result = try await run(Programs.conDuct, ["ls", "log_"], in: sandbox)
      #expect(result.stdout.contains("running"))
      // Another user may see less of duct in /proc.
      if OtherUser.canBe {
        let other = try await run(as: OtherUser.first, "con-duct", ["ls", "log_"], in: sandbox)
        #expect(other.stdout.contains("running"), "\(other.stderr)")
      }
      try sandbox.write("", to: "go")
    }
    let result = try await run(Programs.conDuct, ["ls", "log_"], in: sandbox)
    #expect(result.stdout.contains("finished"))
  }

  /// duct has removed the records because of --fail-time, and the schedule does not write info.json again.
  @Test func removedRecordsStayRemoved() async throws {
    let sandbox = sandbox
    _ = try await duct(
      ["-q", "--fail-time", "100", "sh", "-c", "sleep 1.2; head -c 4000000 /dev/zero; exit 1"], in: sandbox)
    #expect(!sandbox.exists("log_info.json"))
    #expect(sandbox.names().isEmpty)
  }
}
