import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// A run with --clobber takes its file names when it begins. If another run has a name later, that run began later
/// and keeps the name.
@Suite(.serialized) struct ClobberTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func run(
    _ script: String, _ options: [String],
    while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
  ) async throws -> Finished {
    try await TestSupport.run(
      Programs.duct, FaultFixture.quick + ["--clobber", "-p", "log_"] + options + ["bash", "-c", script],
      in: sandbox, while: body)
  }

  /// Checks the records of the second run, which has the names, and of the first run, which lie beside them.
  private func expect(second: String, first: String, _ label: Comment) throws {
    let names = sandbox.names()
    #expect(try sandbox.text("log_stdout") == second, label)
    #expect(try sandbox.text("log_stderr") == "", label)
    #expect(try sandbox.info()["execution_summary"]?["exit_code"] == 2, label)
    #expect(try sandbox.usage().isEmpty == false, label)
    for (name, text) in [("log_stdout.", first), ("log_stderr.", "late\n")] {
      let beside = try #require(names.first { $0.hasPrefix(name) }, label)
      #expect(try sandbox.text(beside) == text, label)
    }
    let info = try #require(names.first { $0.hasPrefix("log_info.json.") }, label)
    #expect(try sandbox.info(info)["execution_summary"]?["exit_code"] == 1, label)
    #expect(!names.contains { $0.hasPrefix(".") }, "\(names)")
  }

  @Test(arguments: ["never", "always"])
  func theNamesOfALaterRunAreLeftToIt(_ localFirst: String) async throws {
    let sandbox = self.sandbox
    // With this report interval the first run writes its first line of usage.jsonl only after the second run has the
    // name.
    async let first = run(
      "echo first; touch a; until [ -e b ]; do sleep 0.02; done; echo more; echo late >&2; exit 1",
      ["--local-first", localFirst, "--r-i", "600"])
    try await eventually { sandbox.exists("a") }
    try await eventually { try sandbox.info()["run_state"] == "running" }
    let second = try await run("echo second; exit 2", ["--local-first", localFirst])
    #expect(second.code == 2)
    try sandbox.write("", to: "b")
    #expect(try await first.code == 1)
    try expect(second: "second\n", first: "first\nmore\n", "\(localFirst)")
  }

  /// Only the relay of the first run is left, and it has its log file open.
  @Test(arguments: ["never", "always"])
  func whatAKilledDuctHadPrintedGoesBesideTheRecordsOfALaterRun(_ localFirst: String) async throws {
    let sandbox = self.sandbox
    let first = try await run(
      "echo first; touch a; until [ -e b ]; do sleep 0.02; done; echo more", ["--local-first", localFirst]
    ) { duct in
      try await eventually { try sandbox.exists("a") && sandbox.text("log_stdout") == "first\n" }
      kill(duct, SIGKILL)
    }
    #expect(first.signal == SIGKILL)
    #expect(try await run("echo second; exit 2", ["--local-first", localFirst]).code == 2)
    try sandbox.write("", to: "b")
    try await eventually(60) { sandbox.spooledRuns().isEmpty }
    #expect(try sandbox.text("log_stdout") == "second\n")
    let names = sandbox.names()
    let beside = try #require(names.first { $0.hasPrefix("log_stdout.") }, "\(names)")
    #expect(try sandbox.text(beside) == "first\nmore\n")
    #expect(!names.contains { $0.hasPrefix(".") }, "\(names)")
  }
}

extension OnFaults {
  /// The same if the log directory fails or hangs while the first run begins.
  @Suite struct LateClobberTests {
    private let fixture: FaultFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try FaultFixture() }

    private static let names = ["stdout", "stderr", "usage.jsonl", "info.json"]

    /// Writes all log files as a run on another host would.
    private func writeAll(_ text: String) throws {
      for name in Self.names { try sandbox.write(text + name, to: "remote-backing/log_\(name)") }
    }

    /// Also with a carrier that starts slowly. The time at which duct stops waiting and starts the command decides
    /// which files are older than the run.
    @Test(arguments: [("fail any EACCES", false), ("hang any", false), ("hang any", true)])
    func aDirectoryThatAnswersLate(_ fault: String, carrierIsLate: Bool) async throws {
      let (fixture, sandbox) = (self.fixture, self.sandbox)
      try writeAll("old ")
      for name in Self.names {
        let touched = try await TestSupport.run(
          "touch", ["-d", "1 hour ago", "remote-backing/log_\(name)"], in: sandbox)
        #expect(touched.code == 0)
      }
      try fixture.remote.tell(fault)
      let libraries = carrierIsLate ? try FaultFileSystem(in: sandbox, name: "libraries") : nil
      // The dynamic loader of every program searches this directory first, so programs start slowly until the
      // command starts.
      try libraries?.tell("slow lookup 100 for 4")
      let result = try await fixture.run(
        "echo first; touch a; until [ -e b ]; do sleep 0.02; done; echo err >&2", ["--clobber"],
        environment: libraries.map { ["LD_LIBRARY_PATH": $0.mount.string] } ?? [:]
      ) { _ in
        try await eventually(60) { sandbox.exists("a") }
        // Wait until the run has tried to take its names.
        if fault.hasPrefix("fail") {
          try await eventually {
            let failed = try fixture.spooledEvents().compactMap { $0["path"]?.string }
            return Self.names.allSatisfy { name in failed.contains { $0.hasSuffix(name) } }
          }
        }
        // Meanwhile a later run has written stdout and info.json. The other files are older than this run.
        for name in ["stdout", "info.json"] {
          try sandbox.write("later " + name, to: "remote-backing/log_\(name)")
        }
        try fixture.remote.tell("clear")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0, "\(result)")
      #expect(try fixture.logText("log_stdout") == "later stdout")
      #expect(try fixture.logText("log_info.json") == "later info.json")
      let names = sandbox.names("remote-backing")
      let beside = try #require(names.first { $0.hasPrefix("log_stdout.") })
      #expect(try fixture.logText(beside) == "first\n")
      // The run replaces a file that is older than itself, if it can read the file's time.
      if fault.hasPrefix("hang") { #expect(try fixture.logText("log_stderr") == "err\n") }
      #expect(!names.contains { $0.hasPrefix(".") }, "\(names)")
    }
  }
}
