import Glibc
import RecordText
import TestSupport
import Testing

/// The records that a run leaves behind.
@Suite struct RecordTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  @Test func fourRecordsAndTheOutputAsItWas() async throws {
    let result = try await duct(
      ["-m", "a note", "--campaign", "c1", "bash", "-c", "echo out; echo err >&2; sleep 0.2; exit 3"],
      in: sandbox,
      environment: ["DUCT_FAIL_TIME": "0", "SLURM_FOO": "x", "PBS_Y": "z", "OTHER": "o"])
    #expect(result.code == 3)
    #expect(result.stdout == "out\n")
    #expect(result.stderr.contains("err\n"))
    #expect(sandbox.names() == ["log_info.json", "log_stderr", "log_stdout", "log_usage.jsonl"])
    #expect(try sandbox.text("log_stdout") == "out\n")
    #expect(try sandbox.text("log_stderr") == "err\n")
    let info = try sandbox.info()
    #expect(info["command"] == "bash -c echo out; echo err >&2; sleep 0.2; exit 3")
    #expect(info["message"] == "a note")
    #expect(info["campaign"] == "c1")
    #expect(info["run_state"] == "finished")
    #expect(info["schema_version"] == "0.2.3")
    #expect(info["env"]?["SLURM_FOO"] == "x")
    #expect(info["env"]?["PBS_Y"] == "z")
    #expect(info["env"]?["OTHER"] == nil)
    #expect(info["io_events"] == [])
    #expect(info["working_directory"]?.string == sandbox.path.string)
    let summary = try #require(info["execution_summary"])
    #expect(summary["exit_code"] == 3)
    #expect(summary["logs_prefix"] == "log_")
    let start = try #require(summary["start_time"]?.double)
    let end = try #require(summary["end_time"]?.double)
    #expect(abs((summary["wall_clock_time"]?.double ?? 0) - (end - start)) < 0.001)
    #expect(try summary["num_reports"]?.double == Double(sandbox.usage().count))
  }

  @Test func samplesTellOfTheProcesses() async throws {
    let result = try await duct(
      ["--s-i", "0.05", "--r-i", "0.2", "-q", "bash", "-c", "setsid sleep 1 & sleep 1"], in: sandbox)
    #expect(result.code == 0)
    let lines = try sandbox.usage()
    #expect(lines.count >= 3)
    #expect(lines[0]["num_samples"] == 1, "the first sample is a report of its own")
    let commands = lines.flatMap { line -> [String] in
      guard case .object(let processes)? = line["processes"] else { return [] }
      return processes.values.compactMap { $0["cmd"]?.string }
    }
    #expect(commands.contains("bash -c setsid sleep 1 & sleep 1"))
    #expect(commands.filter { $0 == "sleep 1" }.count > lines.count, "also the one that left the session")
    #expect(!commands.contains { $0.contains("duct-relay") || $0.hasPrefix("duct ") })
    let summary = try #require(try sandbox.info()["execution_summary"])
    #expect((summary["peak_rss"]?.double ?? 0) > 1e6)
    let samples = lines.compactMap { $0["num_samples"]?.double }.reduce(0, +)
    #expect(summary["num_samples"]?.double == samples)
    #expect(samples > 10)
  }

  @Test func cpuTimeIsWhatWait4Says() async throws {
    let script = "for i in $(seq 400000); do :; done"
    _ = try await duct(["-q", "--s-i", "0.1", "bash", "-c", script], in: sandbox)
    let summary = try #require(try sandbox.info()["execution_summary"])
    let seconds = try #require(summary["cpu_seconds"]?.double)
    let wall = try #require(summary["wall_clock_time"]?.double)
    #expect(seconds > 0.1 && seconds <= wall * 1.1)
    let peak = try #require(summary["peak_pcpu"]?.double)
    #expect(peak > 20 && peak <= 200)
  }

  @Test func emptyRecordsAreNotWritten() async throws {
    let result = try await duct(
      ["-q", "-t", "system-summary", "-c", "stdout", "sh", "-c", "echo a; echo b >&2"], in: sandbox)
    #expect(result.stdout == "a\n")
    #expect(result.stderr == "b\n")
    #expect(sandbox.names() == ["log_info.json", "log_stdout"])
    #expect(try sandbox.info()["execution_summary"]?["num_samples"] == 0)
  }

  @Test func samplesAlone() async throws {
    _ = try await duct(["-q", "-t", "processes-samples", "-c", "none", "sleep", "0.2"], in: sandbox)
    #expect(sandbox.names() == ["log_usage.jsonl"])
  }

  /// duct removes the records of a command that fails within --fail-time.
  @Test func aFailureAtOnceLeavesNothing() async throws {
    let result = try await duct(["false"], in: sandbox)
    #expect(result.code == 1)
    #expect(sandbox.names() == [])
    #expect(result.stderr.contains("Removing log files since command failed in less than 3.0 seconds."))
    #expect(!result.stderr.contains("Summary:"))
    _ = try await duct(["--fail-time", "-1", "sh", "-c", "sleep 0.1; exit 1"], in: sandbox)
    #expect(sandbox.names() == [])
    _ = try await duct(["--fail-time", "0", "sh", "-c", "sleep 0.2; exit 1"], in: sandbox)
    #expect(sandbox.names().count == 4)
  }

  @Test func recordsAreNotWrittenOver() async throws {
    _ = try await duct(["-q", "echo", "first"], in: sandbox)
    let again = try await duct(["-q", "touch", "ran"], in: sandbox)
    #expect(again.code == 2)
    #expect(again.stderr.split(separator: "\n").count == 1)
    #expect(again.stderr.contains("log_stdout") && again.stderr.contains("--clobber"))
    #expect(!sandbox.exists("ran"))
    #expect(try sandbox.text("log_stdout") == "first\n")
    _ = try await duct(["-q", "--clobber", "sh", "-c", "echo 2; sleep 0.2"], in: sandbox)
    #expect(try sandbox.text("log_stdout") == "2\n")
    #expect(try sandbox.usage().count == 2, "the first sample and the last")
  }

  /// --fail-time removes only files that this run has written.
  @Test func aFailureTakesOnlyRecordsOfThisRun() async throws {
    try sandbox.write("kept\n", to: "log_stdout")
    _ = try await duct(["-q", "--clobber", "-c", "stderr", "false"], in: sandbox)
    _ = try await duct(["-q", "--clobber", "-c", "none", "nosuchprogram"], in: sandbox)
    #expect(sandbox.names() == ["log_stdout"])
    #expect(try sandbox.text("log_stdout") == "kept\n")
  }

  /// A prefix may lead through a directory that duct must first create.
  @Test func aDirectoryBesideANewOneIsNoTrouble() async throws {
    let result = try await duct(["-p", "new/../x_", "sleep", "0.2"], in: sandbox)
    #expect(!result.stderr.contains("WARNING"))
    #expect(sandbox.names().count == 5)
  }

  @Test func directoriesOfThePrefixAreMade() async throws {
    _ = try await duct(["-q", "-p", "a b/ü/{pid}_", "sleep", "0.2"], in: sandbox)
    #expect(sandbox.names("a b/ü").count == 4)
    _ = try await duct(["-q", "-p", "dir/", "sleep", "0.2"], in: sandbox)
    #expect(sandbox.names("dir") == ["info.json", "stderr", "stdout", "usage.jsonl"])
  }

  @Test func aPrefixAndArgumentsOfAnyBytes() async throws {
    let script = "exec \"$0\" -q -p $'odd\\xff_' printf '%s' $'\\xfe\\x80'"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.code == 0)
    #expect(result.stdoutBytes == [0xFE, 0x80])
    let name = String(escaping: Array("odd".utf8) + [0xFF] + Array("_info.json".utf8))
    #expect(sandbox.names().contains(name))
    let text = try sandbox.text(name)
    #expect(text.contains(#""command": "printf %s \udcfe\udc80""#))
  }

  @Test func messagesAndHelpersOfAnyBytes() async throws {
    let helpers = #"mkdir $'d\xff'; ln -s "$1" $'d\xff/duct-relay'; export DUCT_LIBEXEC_DIR=$PWD/$'d\xff'"#
    let first = try await run(
      "bash", ["-c", helpers + #"; "$0" -p $'p\xff' true 2>&1"#, Programs.duct, Programs.relay], in: sandbox)
    #expect(first.code == 0)
    #expect(!first.stdout.contains("WARNING"), "its relay was found")
    let second = try await run("bash", ["-c", #""$0" -p $'p\xff' true 2>&1"#, Programs.duct], in: sandbox)
    #expect(second.code == 2)
    #expect(second.stdout.split(separator: "p\u{FFFD}").count == 5, "four paths, as text that can be shown")
    #expect(!second.stdoutBytes.contains(0xFF))
  }

  @Test func theSummaryIsConDucts() async throws {
    let result = try await duct(["bash", "-c", "sleep 0.2; exit 0"], in: sandbox)
    let lines = result.stderr.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let stamp = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[INFO    \] con-duct: /#
    #expect(try stamp.prefixMatch(in: lines[0]) != nil)
    #expect(lines[0].hasSuffix("is executing 'bash -c sleep 0.2; exit 0'..."))
    #expect(lines[1].hasSuffix("Log files will be written to log_"))
    #expect(lines[2].hasSuffix("con-duct: Summary:"))
    #expect(
      lines[3...5] == ["Exit Code: 0", "Command: bash -c sleep 0.2; exit 0", "Log files location: log_"])
    #expect(try #/Wall Clock Time: \d+\.\d{3} sec/#.wholeMatch(in: lines[6]) != nil)
    #expect(try #/Memory Peak Usage \(RSS\): \d+\.\d [kM]B/#.wholeMatch(in: lines[7]) != nil)
  }

  /// A run inside of a run has the same campaign, and names the outer run.
  @Test func campaignAndRunAreHandedDown() async throws {
    let script = "cd sub && exec \"$0\" -q --slurm off -p ../inner_ true"
    try sandbox.makeDirectory("sub")
    let result = try await duct(
      ["-q", "--slurm", "off", "--campaign", "night 1", "-p", "outer_", "sh", "-c", script, Programs.duct],
      in: sandbox)
    #expect(result.code == 0, "\(result.stderr)")
    let (outer, inner) = (try sandbox.info("outer_info.json"), try sandbox.info("inner_info.json"))
    #expect(outer["campaign"] == "night 1" && outer["parent_run_id"] == .some(.null))
    #expect(inner["campaign"] == "night 1" && inner["parent_run_id"] == outer["run_id"])
  }

  @Test func summaryFormatsAndLevels() async throws {
    let template = "{exit_code!E}|{command!r}|{wall_clock_time:.1f}|{peak_rss!S}|{{}}"
    let result = try await duct(["--colors", "--summary-format", template, "true"], in: sandbox)
    let elapsed = try #require(try sandbox.info()["execution_summary"]?["wall_clock_time"]?.double)
    let tenths = Int((elapsed * 10).rounded())
    #expect(result.stderr.contains("\u{1B}[1;32m0\u{1B}[0m|'true'|\(tenths / 10).\(tenths % 10)|"))
    #expect(result.stderr.hasSuffix("|{}\n"))
    for level in [["-q"], ["-l", "none"], ["-lERROR"], ["--log-level=critical"]] {
      let quiet = try await duct(level + ["--clobber", "true"], in: sandbox)
      #expect(quiet.stderr == "", "\(level)")
    }
    let loud = try await duct(["--clobber", "-l", "DEBUG", "true"], in: sandbox)
    #expect(loud.stderr.contains("[DEBUG   ]"))
  }

  @Test func aDeprecatedNameIsToldOf() async throws {
    let result = try await duct(["-p", "x{datetime_filesafe}", "true"], in: sandbox)
    #expect(result.stderr.contains("[WARNING ] con-duct: {datetime_filesafe}"))
  }

  @Test func infoIsWholeAtEveryMoment() async throws {
    let result = try await duct(
      ["-q", "--s-i", "0.01", "--r-i", "0.01", "sleep", "2"], in: sandbox
    ) { [sandbox] pid in
      try await eventually { sandbox.exists("log_info.json") }
      var states: Set<String> = []
      while Proc.isAlive(pid) {
        let info = try sandbox.info()
        states.insert(info["run_state"]?.string ?? "none")
        #expect(info["execution_summary"]?["start_time"]?.double != nil)
      }
      #expect(states.contains("running"))
    }
    #expect(result.code == 0)
    #expect(try sandbox.info()["run_state"] == "finished")
    #expect(sandbox.names().count == 4, "no temporary file is left")
  }

  @Test func aDirectoryThatCannotBeWrittenDoesNotStopTheCommand() async throws {
    try sandbox.write("", to: "file")
    let result = try await duct(
      ["-p", "file/sub/x_", "sh", "-c", "echo ran; exit 5"], in: sandbox, limit: 60)
    #expect(result.code == 5)
    #expect(result.stdout == "ran\n")
    #expect(result.stderr.contains("[WARNING ]"))
    #expect(result.stderr.contains("ENOTDIR"))
  }
}
