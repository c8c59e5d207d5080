import Glibc
import RecordText
import TestSupport
import Testing

/// The command lines that duct records for sampled processes.
@Suite struct CommandLineTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  @Test func execInPlaceAndAnotherName() async throws {
    let script = """
      import ctypes, os, time
      def lines():
          return open("log_usage.jsonl").readlines() if os.path.exists("log_usage.jsonl") else []
      def wait(count):
          while len(lines()) < count: time.sleep(0.01)
      wait(2)
      ctypes.CDLL(None).prctl(15, b"renamed", 0, 0, 0)
      wait(len(lines()) + 2)
      # The pattern does not match this text, but the last argument.
      os.execvp("sh", ["sh", "-c", "until grep -q 'other[n]ame' log_usage.jsonl; do sleep 0.02; done", "other" + "name"])
      """
    _ = try await python(script)
    let commands = try sandbox.usage().flatMap { line in
      members(line["processes"]).compactMap { $0.value["cmd"]?.string }
    }
    // At the first sample the process may be in the middle of its first execve(2).
    #expect(commands.contains { $0.contains("python3 -c") }, "\(commands)")
    let last = try members(#require(sandbox.usage().last)["processes"]).compactMap { $0.value["cmd"]?.string }
    #expect(last.contains { $0.hasPrefix("sh -c until") && $0.hasSuffix(" othername") }, "\(last)")
    #expect(!last.contains { $0.contains("python3") }, "\(last)")
  }

  @Test func argumentsOfAnyBytesAndOfAnyLength() async throws {
    let sandbox = self.sandbox
    let script =
      #"exec "$0" -q -p log_ --s-i 0.05 --r-i 0.2 sh -c 'until [ -e seen ]; do sleep 0.02; done' $'a\xff\nb' "$(printf %09999d 1)""#
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox) { _ in
      try await eventually { (try? sandbox.text("log_usage.jsonl").contains("until")) == true }
      try sandbox.write("", to: "seen")
    }
    #expect(result.code == 0)
    let commands = try processes().compactMap { $0.value["cmd"]?.string }
    let command = try #require(commands.first { $0.contains("until") }, "\(commands)")
    #expect(command.originalBytes.count == 4096 + "…".utf8.count && command.hasSuffix("…"), "\(command)")
    let lines = try sandbox.text("log_usage.jsonl")
    #expect(lines.contains(#"a\udcff\nb 000"#))
  }

  @Test func whatIsSecretIsNotRecorded() async throws {
    let script = "sleep 0.3 # token=abc123 pass:xyz"
    let result = try await duct(
      ["--redact", "token=([^ ]*)", "--redact", "pass:[a-z]+", "sh", "-c", script], in: sandbox,
      environment: ["SLURM_FAKE": "token=abc123", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "token=abc123"])
    #expect(result.code == 0)
    for name in ["log_info.json", "log_usage.jsonl"] {
      let text = try sandbox.text(name)
      #expect(!text.contains("abc123") && !text.contains("xyz"), "\(name)")
      #expect(text.contains("token=[redacted] [redacted]"))
    }
    #expect(try sandbox.info()["env"]?["SLURM_FAKE"]?.string == "token=[redacted]")
    #expect(!result.stderr.contains("abc123"))
    for wrong in ["(", "x*"] {
      let refused = try await duct(["--redact", wrong, "--clobber", "touch", "ran"], in: sandbox)
      #expect(refused.code == 2 && refused.stderr.split(separator: "\n").count == 1)
    }
    #expect(!sandbox.exists("ran"))
  }
}
