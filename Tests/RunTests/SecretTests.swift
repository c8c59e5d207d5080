import Glibc
import RecordText
import TestSupport
import Testing

/// Which secrets of command lines and of the environment a run records, logs and shows.
@Suite struct SecretTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let secrets = ["jot-1", "tok-2", "pass-3", "key-4"]
  private static let environment: [String: String?] = [
    "SLURM_JWT": "jot-1", "OSG_TOKEN": "tok-2", "PBS_PASSWORD": "pass-3", "SLURM_API_KEY": "key-4",
    "SLURM_OTHER": "plain",
  ]
  /// The command starts a child with this command line, which /proc shows.
  private static let command = [
    "bash", "-c",
    "bash -c 'until [ -e seen ]; do sleep 0.05; done' x OSG_TOKEN=tok-2 --password pass-3; :",
    "SLURM_JWT=jot-1 key-4",
  ]

  @Test func areLeftOutByTheirNames() async throws {
    let result = try await duct(
      ["-l", "DEBUG", "--sample-interval", "0.05", "--report-interval", "0.2"] + Self.command, in: sandbox,
      environment: Self.environment
    ) { [sandbox] _ in
      try await eventually { try sandbox.text("log_usage.jsonl").contains("--password") }
      try sandbox.write("", to: "seen")
    }
    #expect(result.code == 0, "\(result)")
    let texts = try ["log_info.json", "log_usage.jsonl"].map(sandbox.text) + [result.stderr]
    for secret in Self.secrets where secret != "key-4" {
      for text in texts { #expect(!text.contains(secret), "\(secret): \(text)") }
    }
    // usage.jsonl may contain key-4: in the command line of a sampled process, duct ends a redacted value at white
    // space.
    #expect(!texts[0].contains("key-4") && !texts[2].contains("key-4"))
    let info = try sandbox.info()
    for name in ["SLURM_JWT", "OSG_TOKEN", "PBS_PASSWORD", "SLURM_API_KEY"] {
      #expect(info["env"]?[name]?.string == "[redacted]", "\(name)")
    }
    #expect(info["env"]?["SLURM_OTHER"]?.string == "plain")
    #expect(info["command"]?.string?.hasSuffix(" SLURM_JWT=[redacted]") == true)
    #expect(try processes().contains { $0.value["cmd"]?.string?.hasSuffix("--password [redacted]") ?? false })
  }

  @Test func areRecordedWhereThatIsAskedFor() async throws {
    try sandbox.write("", to: "seen")
    _ = try await duct(
      ["-q", "--redact-secrets", "off"] + Self.command, in: sandbox, environment: Self.environment)
    #expect(try sandbox.info()["env"]?["SLURM_JWT"]?.string == "jot-1")
    #expect(try sandbox.info()["command"]?.string?.contains("pass-3") == true)
    _ = try await duct(
      ["-q", "--clobber"] + Self.command, in: sandbox,
      environment: Self.environment.merging(["DUCT_REDACT_SECRETS": "off"]) { $1 })
    #expect(try sandbox.info()["env"]?["SLURM_JWT"]?.string == "jot-1")
    let wrong = try await duct(["--redact-secrets", "maybe", "true"], in: sandbox)
    #expect(wrong.code == 2)
  }

  /// The kernel accepts two megabytes of arguments.
  @Test(arguments: ["always", "never"])
  func aVeryLongCommandLineIsShownInPart(_ localFirst: String) async throws {
    let arguments =
      ["first\u{1B}[31m\u{7}\n"] + (0..<15).map { String(repeating: "\($0 % 10)", count: 120_000) }
    let result = try await duct(
      ["--local-first", localFirst, "sh", "-c", ":"] + arguments, in: sandbox, limit: 200)
    #expect(result.code == 0, "\(result.stderr.prefix(1000))")
    #expect(result.stderr.utf8.count < 3 * 4096)
    for line in result.stderr.split(separator: "\n") where line.contains("first") {
      #expect(line.contains(#"first\x1b[31m\x07\n"#) && line.contains("more)"), "\(line.prefix(200))")
    }
    #expect(result.stderr.split(separator: "first").count == 3, "in the log and in the summary")
    let whole = (["sh", "-c", ":"] + arguments).joined(separator: " ")
    #expect(try sandbox.info()["command"]?.string == whole)
    #expect(sandbox.spooledRuns().isEmpty)
    for options in [["ls"], ["ls", "-f", "summaries"], ["report", "--no-refresh"]] {
      let shown = try await run(Programs.conDuct, options + ["."], in: sandbox)
      #expect(shown.code == 0 && shown.stdout.utf8.count < 20_000, "\(options)")
    }
    let missing = try await duct(["--clobber", String(repeating: "x", count: 100_000)], in: sandbox)
    #expect(
      [126, 127].contains(missing.code) && missing.stderr.utf8.count < 5000, "\(missing.stderr.prefix(500))")
  }
}
