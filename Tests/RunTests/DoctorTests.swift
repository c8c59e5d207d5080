import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// `con-duct doctor` on real directories.
@Suite struct DoctorTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func doctor(_ arguments: [String], environment: [String: String?] = [:]) async throws -> Finished {
    try await run(
      Programs.conDuct, ["doctor"] + arguments, in: sandbox,
      environment: ["DUCT_SLURM": "off", "SLURM_JOB_ID": nil].merging(environment) { $1 }, limit: 30)
  }

  /// The findings of an area by check.
  private func findings(
    _ arguments: [String], environment: [String: String?] = [:], area: String = "log_directory"
  ) async throws -> (code: Int32?, checks: [String: JSONValue]) {
    let result = try await doctor(["--format", "json"] + arguments, environment: environment)
    #expect(result.stderr == "")
    let found = try JSONParser.parse(result.stdoutBytes)
    #expect(found["exit_code"]?.double == result.code.map(Double.init))
    for finding in found["findings"]?.array ?? [] {
      #expect((finding["level"] == "ok") == (finding["advice"]?.isNull == true), "\(finding)")
    }
    let pairs = (found["findings"]?.array ?? []).filter { $0["area"]?.string == area }.map {
      ($0["check"]?.string ?? "", $0)
    }
    return (result.code, Dictionary(pairs) { first, _ in first })
  }

  @Test func whereARunWorks() async throws {
    let result = try await doctor(["log_"])
    #expect(result.code == 0 && result.stderr == "", "\(result.stdout)")
    let lines = result.stdout.split(separator: "\n")
    #expect(lines.last == "A run works here.")
    for line in lines.dropLast() { #expect(line.hasPrefix("ok ") || line.hasPrefix("note "), "\(line)") }
    #expect(result.stdout.contains("a file can be written"))
    #expect(sandbox.names() == [], "nothing is left")
    // The directory of the default prefix is not made.
    let standard = try await findings([])
    #expect(standard.code == 0)
    #expect(standard.checks["writable"]?["text"]?.string?.contains("makes it in \(sandbox.path)") == true)
    #expect(sandbox.names() == [])
  }

  @Test func whatTheRunWouldRefuse() async throws {
    try sandbox.write("", to: "log_info.json")
    #expect(try await findings(["log_"]).checks["records"]?["level"] == "failure")
    let replaced = try await findings(["log_", "--clobber"])
    #expect(replaced.checks["records"]?["level"] == "note")
    let none = try await findings(["log_info.json/x_"])
    #expect(none.code == 2 && none.checks["writable"]?["text"]?.string?.contains("is no directory") == true)
  }

  @Test func aDirectoryOfAnother() async throws {
    guard OtherUser.canBe else { return }
    try sandbox.makeDirectory("theirs", of: OtherUser.second)
    let result = try await run(
      as: OtherUser.first, "con-duct", ["doctor", "theirs/log_"], in: sandbox,
      environment: ["DUCT_SLURM": "off"])
    #expect(result.code == 2)
    #expect(result.stdout.contains("fails with Permission denied (EACCES)"))
    #expect(sandbox.names("theirs") == [])
  }

  @Test(.needs(.root)) func aFullDirectory() async throws {
    let script = """
      mkdir full && mount -t tmpfs -o size=16k none full && head -c 100000 /dev/zero > full/file 2>/dev/null
      "$0" doctor full/log_; echo "code $?"; ls -A full
      """
    let result = try await run(
      "unshare", ["-m", "bash", "-c", script, Programs.conDuct], in: sandbox,
      environment: ["DUCT_SLURM": "off"])
    #expect(result.stdout.contains("fails with No space left on device (ENOSPC)"), "\(result.stdout)")
    #expect(result.stdout.hasSuffix("code 2\nfile\n"))
  }

  /// A file size limit does not kill it.
  @Test func aLimitOfFiles() async throws {
    let result = try await run(
      "bash", ["-c", #"ulimit -f 0; exec "$0" doctor log_"#, Programs.conDuct], in: sandbox,
      environment: ["DUCT_SLURM": "off"])
    #expect(result.code == 2 && result.stdout.contains("EFBIG"), "\(result)")
  }

  @Test(arguments: [
    (["--hours", "0"], "--hours must be above 0"), (["--hours", "x"], "'x' is invalid"),
    (["--format", "xml"], "xml"), (["a_", "b_"], "b_"), (["{nope}_"], "nope"),
    (["--slurm-timeout", "0"], "above 0"),
    (["--formatt", "json"], "--format"),
  ])
  func badArguments(_ arguments: [String], _ message: String) async throws {
    let result = try await doctor(arguments)
    #expect(result.code == 2 && result.stdout == "")
    #expect(
      result.stderr.contains(message) && result.stderr.split(separator: "\n").count == 1, "\(result.stderr)")
  }

  @Test func intoAPipe() async throws {
    let script =
      #""$0" doctor log_ | head -n 1; echo "${PIPESTATUS[1]}"; "$0" doctor log_ --format json | python3 -m json.tool | tail -n 1"#
    let result = try await run(
      "bash", ["-c", script, Programs.conDuct], in: sandbox, environment: ["DUCT_SLURM": "off"])
    let lines = result.stdout.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("ok ") && lines.last == "}" && result.stderr == "")
  }

  /// A run that waits in the spool, and what `--spool-dir` chooses.
  @Test func theSpool() async throws {
    let refused = try await findings(["--spool-dir", "/proc", "log_"], area: "spool")
    #expect(refused.code == 1 && refused.checks["chosen"]?["level"] == "warning")
    let usual = try await findings(["log_"], area: "spool")
    #expect(usual.checks["place"]?["text"]?.string?.contains(sandbox.spool.string) == true)
    #expect(usual.checks["waiting"]?["level"] == "ok")
    #expect(usual.code == 0)
  }
}
