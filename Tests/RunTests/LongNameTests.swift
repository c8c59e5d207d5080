import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Prefixes whose file names are as long as a file system allows, or longer.
@Suite struct LongNameTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func name(_ length: Int) -> String { String(repeating: "a", count: length) }

  private func duct(
    _ prefix: String, _ script: String, _ options: [String] = []
  ) async throws -> Finished {
    try await run(
      Programs.duct,
      ["-q", "--slurm", "off", "--fail-time", "0", "-p", prefix] + options + ["bash", "-c", script],
      in: sandbox)
  }

  @Test(arguments: ["never", "always"]) func theLongestNames(_ mode: String) async throws {
    let result = try await duct("logs/" + name(244), "echo out", ["--local-first", mode])
    #expect(result.code == 0 && result.stderr == "", "\(result)")
    let files = ["info.json", "stderr", "stdout", "usage.jsonl"].map { name(244) + $0 }
    #expect(sandbox.names("logs") == files && sandbox.spooledRuns().isEmpty)
    #expect(try sandbox.text("logs/" + files[2]) == "out\n")
  }

  /// duct refuses names that no file system allows before it starts the command.
  @Test func whatNoFileSystemTakesIsRefusedBeforeTheCommand() async throws {
    let folder = (0..<21).map { _ in name(200) }.joined(separator: "/")
    for prefix in ["logs/" + name(245), name(300), "logs/" + name(256) + "/x_", folder + "/x_"] {
      let result = try await duct(prefix, "touch ran")
      #expect(result.code == 2 && result.stderr.hasPrefix("duct: error: --output-prefix: "), "\(result)")
      #expect(result.stderr.split(separator: "\n").count == 1)
      #expect(sandbox.names() == [] && sandbox.spooledRuns().isEmpty)
    }
  }

  /// duct shortens the names of records that it writes beside existing ones. The short names of one run's files
  /// differ.
  @Test(arguments: ["never", "always"]) func shortenedNamesAreFound(_ mode: String) async throws {
    let (sandbox, prefix) = (self.sandbox, "logs/" + name(244))
    async let first = duct(
      prefix, "echo first; touch a; until [ -e b ]; do sleep 0.02; done; echo more", ["--local-first", mode])
    try await eventually { sandbox.exists("a") && sandbox.exists(prefix + "info.json") }
    #expect(try await duct(prefix, "echo second", ["--local-first", mode, "--clobber"]).code == 0)
    try sandbox.write("", to: "b")
    #expect(try await first.code == 0)
    let names = sandbox.names("logs")
    #expect(names.count == 8 && !names.contains { $0.hasPrefix(".") || $0.utf8.count > 255 }, "\(names)")
    #expect(try sandbox.text(prefix + "stdout") == "second\n")
    let beside = try #require(names.first { $0.contains("stdout.") })
    #expect(try sandbox.text("logs/" + beside) == "first\nmore\n")
    for word in ["logs", prefix] {
      let shown = try await run(Programs.conDuct, ["ls", word], in: sandbox)
      #expect(shown.stdout.split(separator: "\n").count == 3, "\(shown)")
    }
    #expect(sandbox.spooledRuns().isEmpty)
  }

  @Test func anyBytes() async throws {
    for prefix in ["logs/new\nline_", "logs/a b_", "logs/%s%n_", "logs/é_", "-x_"] {
      let result = try await run(
        Programs.duct,
        ["-q", "--slurm", "off", "--fail-time", "0", "--output-prefix=\(prefix)", "echo", "out"],
        in: sandbox)
      #expect(result.code == 0, "\(result)")
      #expect(try sandbox.text(prefix + "stdout") == "out\n")
    }
    let script = "\"$0\" -q --slurm off --fail-time 0 -p \"$(printf 'logs/\\377_')\" echo out"
    #expect(try await run("bash", ["-c", script, Programs.duct], in: sandbox).code == 0)
    // The test helpers write this character for a byte that is not UTF-8.
    #expect(try sandbox.text("logs/\u{10FFFF}_stdout") == "out\n")
    #expect(sandbox.spooledRuns().isEmpty)
  }
}
