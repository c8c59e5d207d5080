import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// con-duct's subcommands that read records, when files or readers misbehave.
@Suite struct ListingTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func conDuct(_ arguments: String...) async throws -> Finished {
    try await run(Programs.conDuct, arguments, in: sandbox, limit: 30)
  }

  private func write(_ name: String, _ members: String = "") throws {
    try sandbox.write(
      "{\"schema_version\": \"0.2.3\", \"command\": \"c\", \"execution_summary\": {}\(members)}", to: name)
  }

  /// con-duct skips a FIFO with the name of a record instead of waiting for a writer.
  @Test(arguments: ["ls", "jobs", "report"])
  func aFIFOAmongTheRecordsIsPassedOver(_ subcommand: String) async throws {
    try valueOrErrno { sandbox["x_info.json"].withPlatformString { mkfifo($0, 0o644) } }
    try write("y_info.json")
    let result = try await conDuct(subcommand, ".")
    #expect(result.code == 0)
    #expect(result.stdout.contains("y_"))
    #expect(result.stderr == "con-duct: cannot read ./x_info.json: it is no regular file\n")
  }

  /// con-duct does not print control characters of file names.
  @Test(arguments: ["ls", "jobs", "report"])
  func namesOfFilesDoNotReachTheTerminalAsTheyAre(_ subcommand: String) async throws {
    try sandbox.write("{", to: "\u{1B}[31m\n\u{07}_info.json")
    let result = try await conDuct(subcommand, ".")
    #expect(result.code == 1)
    #expect(result.stderr.hasPrefix("con-duct: ./ [31m  _info.json is no JSON: "))
    #expect(result.stderr.split(separator: "\n").count == 1)
  }

  /// `ls` reads the jobs only if it shows them.
  @Test func jobsThatCannotBeReadAreTold() async throws {
    try write(
      "y_info.json",
      ", \"slurm\": {\"submitted_jobs\": [{\"job_id\": 1}, {\"job_id\": 2, \"state\": \"FAILED\"}]}")
    for arguments in [
      ["ls", "-F", "jobs", "--", "."], ["jobs", "--no-refresh", "."], ["report", "--no-refresh", "."],
    ] {
      let result = try await run(Programs.conDuct, arguments, in: sandbox)
      #expect(result.code == 0)
      #expect(
        result.stderr == "con-duct: ./y_info.json: a Slurm job in it cannot be read: there is no state\n")
    }
  }

  /// `con-duct ls | head -1`, also if SIGPIPE is ignored.
  @Test(arguments: ["", "trap '' PIPE; "])
  func aReaderThatLeavesIsNoError(_ trap: String) async throws {
    for number in 0..<300 { try write("\(String(repeating: "long", count: 60))\(number)_info.json") }
    let script = trap + "\"$0\" ls . | head -1; echo ${PIPESTATUS[0]}"
    let result = try await run("bash", ["-c", script, Programs.conDuct], in: sandbox)
    #expect(result.stdout.split(separator: "\n").map(String.init).last == "141")
    #expect(result.stderr == "")
  }

  @Test func aFullDiskIsAnError() async throws {
    try write("y_info.json")
    let result = try await run("bash", ["-c", "\"$0\" ls . > /dev/full", Programs.conDuct], in: sandbox)
    #expect(result.code == 1)
    #expect(result.stderr == "con-duct: cannot write to standard output: No space left on device (ENOSPC)\n")
  }

  @Test(arguments: ["ls", "jobs", "report"])
  func whereThereAreNoRecordsThatIsSaid(_ subcommand: String) async throws {
    let result = try await conDuct(subcommand)
    #expect(result.code == (subcommand == "ls" ? 0 : 1))
    #expect(result.stdout == "")
    #expect(result.stderr.hasPrefix("con-duct: there are no records "))
  }

  /// The file would not fit into the memory of con-duct if it were read.
  @Test(arguments: ["ls", "jobs", "report"])
  func aRecordThatIsTooLargeIsPassedOver(_ subcommand: String) async throws {
    try sandbox.write("{", to: "x_info.json")
    try valueOrErrno { sandbox["x_info.json"].withPlatformString { truncate($0, 900 << 20) } }
    try write("y_info.json")
    let script = "ulimit -v 700000; exec \"$0\" \"$@\""
    let result = try await run("bash", ["-c", script, Programs.conDuct, subcommand, "."], in: sandbox)
    #expect(result.code == 0)
    #expect(result.stdout.contains("y_"))
    #expect(
      result.stderr
        == "con-duct: cannot read ./x_info.json: it has 900 MiB, and 256 MiB are the most that is read\n")
  }

  /// con-duct also finds records that a run wrote beside its usual name, with the run id appended.
  @Test(arguments: ["ls", "jobs", "report"])
  func recordsBesideTheirNameAreFound(_ subcommand: String) async throws {
    let beside = "x_info.json.20261125t032436-1cd75ed6c4"
    try sandbox.makeDirectory("d")
    try write("d/x_info.json")
    try write("d/" + beside)
    // A copy that an editor made, a record of another prefix, and a temporary file.
    for name in ["x_info.json.bak", "xx_info.json.20261125t032436-1cd75ed6c5", ".x_info.json.host.1.0.tmp"] {
      try write("d/" + name)
    }
    func shown(_ argument: String) async throws -> [Bool] {
      let result = try await conDuct(subcommand, argument)
      #expect(result.code == 0 && result.stderr == "", "\(result.stderr)")
      #expect(!result.stdout.contains("bak") && !result.stdout.contains("tmp"))
      let text = result.stdout.replacing("d/" + beside, with: "BESIDE").replacing("d/xx_info", with: "OTHER")
      return [text.contains("d/x_"), text.contains("BESIDE"), text.contains("OTHER")]
    }
    #expect(try await shown("d") == [true, true, true])
    #expect(try await shown("d/x_") == [true, true, false])
    #expect(try await shown("d/x_info.json") == [true, false, false])
    #expect(try await shown("d/" + beside) == [false, true, false])
    _ = sandbox["d/x_info.json"].withPlatformString { unlink($0) }
    #expect(try await shown("d/x_") == [false, true, false])
  }

  /// Messages about options name them as the user writes them.
  @Test func aMessageNamesOptionsAsTheyAreWritten() async throws {
    let messages = [
      (["recover", "--list", "--to", "x"], "--to delivers; it does not go with --list"),
      (["recover", "--json"], "--json goes with --list"),
      (["recover", "--timeout", "nan"], "--timeout must be above 0"),
      (["jobs", "--slurm-timeout", "inf"], "--slurm-timeout must be above 0"),
    ]
    for (arguments, message) in messages {
      let result = try await run(Programs.conDuct, arguments, in: sandbox)
      #expect(result.code == 2 && result.stderr.hasPrefix("con-duct: error: \(message)"), "\(result.stderr)")
    }
  }
}
