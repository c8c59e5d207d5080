import OrderedCollections
import RecordText
import TestSupport
import Testing

/// duct reads the records of con-duct 0.23.0 from PyPI, and con-duct reads duct's.
@Suite(.needs(.yardstick)) struct CompatibilityTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Runs the same command with duct (prefix `ours_`) and con-duct (prefix `theirs_`).
  private func runBoth() async throws {
    let arguments = [
      "--s-i", "0.1", "--r-i", "0.3", "-m", "note", "bash", "-c", "echo out; echo err >&2; sleep 1",
    ]
    let ours = try await run(Programs.duct, ["-q", "-p", "ours_"] + arguments, in: sandbox)
    #expect(ours.code == 0)
    let theirs = try await run(Programs.yardstick, ["run", "-q", "-p", "theirs_"] + arguments, in: sandbox)
    #expect(theirs.code == 0, "\(theirs.stderr)")
  }

  /// The JSON types of all members, by their path. con-duct also writes a whole number without a decimal point.
  private func shape(_ value: JSONValue, _ path: String = "", _ shapes: inout [String: String]) {
    switch value {
    case .object(let members):
      shapes[path] = "object"
      for (name, member) in members {
        // These member names are data: pids, states, variables.
        let isData = path.hasSuffix("/processes") || path.hasSuffix("/stat") || path == "/env"
        shape(member, path + "/" + (isData ? "*" : name), &shapes)
      }
    case .array: shapes[path] = "array"
    case .string: shapes[path] = "string"
    case .bool: shapes[path] = "bool"
    case .integer: shapes[path] = "integer"
    case .number: shapes[path] = "float"
    case .null: shapes[path] = "null"
    }
  }

  private func shapes(_ value: JSONValue) -> [String: String] {
    var result: [String: String] = [:]
    shape(value, "", &result)
    return result
  }

  @Test func everyMemberIsAtItsPlaceWithItsType() async throws {
    try await runBoth()
    let ours = shapes(try sandbox.info("ours_info.json"))
    for (path, type) in shapes(try sandbox.info("theirs_info.json")) {
      // con-duct writes null if $USER is not set. duct looks the user up.
      if path == "/system/user" { continue }
      #expect(ours[path] == type, "\(path)")
    }
    let line = shapes(try #require(try sandbox.usage("ours_usage.jsonl").last))
    for (path, type) in shapes(try #require(try sandbox.usage("theirs_usage.jsonl").last)) {
      // From the second sample on, the mean of whole numbers is a float.
      if path.hasPrefix("/averages/"), type == "integer", line[path] == "float" { continue }
      #expect(line[path] == type, "\(path)")
    }
  }

  @Test func theHostIsDescribedAlike() async throws {
    try await runBoth()
    let (ours, theirs) = (try sandbox.info("ours_info.json"), try sandbox.info("theirs_info.json"))
    guard case .object(let members)? = theirs["system"] else {
      Issue.record("no system")
      return
    }
    for (name, value) in members where name != "user" { #expect(ours["system"]?[name] == value, "\(name)") }
    for name in ["command", "message", "gpu", "schema_version", "working_directory"] {
      #expect(ours[name] == theirs[name], "\(name)")
    }
    #expect(ours["execution_summary"]?["exit_code"] == theirs["execution_summary"]?["exit_code"])
  }

  @Test func memoryAgreesWithWhatPsTells() async throws {
    try await runBoth()
    let ours = try #require(try sandbox.info("ours_info.json")["execution_summary"]?["peak_rss"]?.double)
    let theirs = try #require(try sandbox.info("theirs_info.json")["execution_summary"]?["peak_rss"]?.double)
    #expect(abs(ours - theirs) < 0.3 * theirs)
  }

  /// duct adds no member with a name of con-duct's.
  @Test func nothingThatDuctAddsHidesAMemberFromTheirListing() throws {
    // con-duct's `ls` flattens nested objects and names each value by its last key, so a second use of a name would
    // hide the first.
    let names = [
      "command", "system", "env", "gpu", "duct_version", "schema_version", "execution_summary",
      "output_paths",
      "working_directory", "message", "exit_code", "logs_prefix", "hostname", "user", "uid", "stdout",
      "stderr", "usage", "info",
      "prefix", "start_time", "end_time", "wall_clock_time",
    ]
    let added: JSONValue = [
      "run_state": "running", "run_id": "x", "campaign": nil, "parent_run_id": nil, "io_events": [],
      "last_update_time": 1,
      "duct_process": [
        "duct_pid": 1, "duct_start_ticks": 1, "duct_boot_id": "b", "duct_pid_namespace": "pid:[1]",
      ],
      "slurm": [
        "cluster_name": nil, "controller_version": nil, "library_version": nil, "tag": nil, "tag_reason": nil,
        "detection": [],
        "own_job": ["own_job_id": "1"], "problem": nil, "submitted_jobs": [], "mentioned_jobs": [],
        "queries": [],
      ],
    ]
    func keys(_ value: JSONValue) -> [String] {
      guard case .object(let members) = value else { return [] }
      return members.flatMap { [$0.key] + keys($0.value) }
    }
    #expect(Set(keys(added)).isDisjoint(with: names))
  }

  @Test func theirListingReadsOurs() async throws {
    try await runBoth()
    let fields = [
      "command", "exit_code", "peak_rss", "average_rss", "peak_pcpu", "wall_clock_time", "hostname",
      "message", "num_samples",
      "schema_version", "stdout", "working_directory", "memory_total", "start_time",
    ]
    let theirs = try await run(
      Programs.yardstick, ["ls", "ours_info.json", "-f", "json", "-F"] + fields, in: sandbox)
    #expect(theirs.code == 0, "\(theirs.stderr)")
    let ours = try await run(
      Programs.conDuct, ["ls", "ours_info.json", "-f", "json", "-F"] + fields, in: sandbox)
    #expect(try JSONParser.parse(theirs.stdoutBytes) == JSONParser.parse(ours.stdoutBytes))
    let row = try #require(try JSONParser.parse(theirs.stdoutBytes).array?.first)
    let summary = try #require(try sandbox.info("ours_info.json")["execution_summary"])
    #expect(row["peak_rss"]?.string == humanSize(summary["peak_rss"]?.double ?? -1))
    #expect(row["num_samples"] == summary["num_samples"])
  }

  @Test func ourListingReadsTheirs() async throws {
    try await runBoth()
    for arguments in [
      ["-f", "json"], ["-f", "summaries"], ["-f", "json_pp", "-F", "peak_vsz", "user", "gpu"],
    ] {
      let ours = try await run(Programs.conDuct, ["ls", "theirs_info.json"] + arguments, in: sandbox)
      let theirs = try await run(Programs.yardstick, ["ls", "theirs_info.json"] + arguments, in: sandbox)
      #expect(ours.stdout == theirs.stdout)
      #expect(!ours.stdout.isEmpty)
    }
  }

  @Test func theirPrettyPrinterReadsOurs() async throws {
    try await runBoth()
    for (file, expected) in [
      ("ours_info.json", "'run_state': 'finished'"), ("ours_usage.jsonl", "'num_samples': "),
    ] {
      for options in [[], ["-H"]] {
        let result = try await run(Programs.yardstick, ["pp", file] + options, in: sandbox)
        #expect(result.code == 0, "\(result.stderr)")
        #expect(result.stdout.contains(expected))
      }
    }
  }

  @Test func theirPlotReadsOurs() async throws {
    try await runBoth()
    for (file, mode) in [("ours_usage.jsonl", "ps-pcpu"), ("ours_info.json", "ps-cpu-timepoint")] {
      let result = try await run(
        Programs.yardstick, ["plot", file, "--cpu", mode, "-o", "\(mode).png"], in: sandbox,
        environment: ["MPLCONFIGDIR": sandbox.path.string])
      #expect(result.code == 0, "\(result.stderr)")
      #expect(try sandbox.bytes("\(mode).png").prefix(4) == [0x89, 0x50, 0x4E, 0x47])
    }
  }

  /// duct and con-duct print the same summary for the same template and values.
  @Test(arguments: [
    "{exit_code!E} {command!r} {logs_prefix}", "{num_samples:05d}|",
    "{exit_code!X}{exit_code!N}{exit_code:3d}",
    "{{literal}} {working_directory:>60}|", "{num_samples!s:>4}|{command:.3}",
  ])
  func summariesAreRenderedAlike(_ template: String) async throws {
    var texts: [String] = []
    for (program, arguments) in [(Programs.duct, []), (Programs.yardstick, ["run"])] {
      let result = try await run(
        program,
        arguments + [
          "--clobber", "-t", "system-summary", "-p", "same_", "--summary-format", template + "END", "true",
        ], in: sandbox)
      #expect(result.code == 0, "\(result.stderr)")
      let line = try #require(result.stderr.split(separator: "\n").first { $0.hasSuffix("END") })
      texts.append(String(line.drop { $0 != "]" }))
    }
    #expect(texts[0] == texts[1])
  }
}
