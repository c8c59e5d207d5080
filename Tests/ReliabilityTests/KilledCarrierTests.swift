import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// What happens to the files that the carrier has open when duct is killed.
  @Suite struct KilledDuctTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    /// The server reports lost data only at close. The carrier detects that even if duct is killed.
    @Test(arguments: ["stdout", "usage.jsonl"])
    func whatAServerTellsOnlyAtCloseIsHeardWhenDuctIsKilled(_ name: String) async throws {
      let (fixture, sandbox) = (self.fixture, self.fixture.sandbox)
      try fixture.remote.tell("drop at flush EIO path log_\(name)")
      let result = try await fixture.run(
        "seq 5000; touch a; until [ -e b ]; do sleep 0.02; done; seq 5001 6000"
      ) {
        duct in
        try await eventually { sandbox.exists("a") }
        // The server has accepted all of it, and an fsync has succeeded.
        try await eventually {
          try fixture.log("log_stdout").count == 23_893 && !fixture.log("log_usage.jsonl").isEmpty
        }
        try fixture.remote.tell("clear")
        kill(duct, SIGKILL)
        try sandbox.write("", to: "b")
      }
      #expect(result.signal == SIGKILL)
      try await eventually(60) { sandbox.spooledRuns().isEmpty }
      #expect(try fixture.logText("log_stdout") == (1...6000).map { "\($0)\n" }.joined())
      #expect(try !fixture.log("log_usage.jsonl").contains(0))
      #expect(try fixture.info()["run_state"] == "interrupted")
      #expect(sandbox.names("remote-backing").filter { $0.hasPrefix(".") } == [])
    }

    /// On a file system without another file identity, a growing file has a second name: see docs/reliability.md.
    @Test func theSecondNameOfARemovedFileGoesToo() async throws {
      let (fixture, sandbox) = (self.fixture, self.fixture.sandbox)
      _ = try await fixture.run("seq 100; touch a; sleep 60") { _ in
        try await eventually { try sandbox.exists("a") && fixture.log("log_stdout").count == 292 }
        try await eventually { try fixture.info()["run_state"] == "running" }
        unlink(sandbox["remote-backing/log_stdout"].string)
        sandbox.killProcesses()
      }
      let folder = try #require(sandbox.spooledRuns().first)
      try await eventually { sandbox.isOver(folder) }
      let recovered = try await fixture.recover("\(folder)")
      #expect(recovered.code == 0, "\(recovered)")
      #expect(try fixture.logText("log_stdout") == (1...100).map { "\($0)\n" }.joined())
      #expect(sandbox.names("remote-backing").filter { $0.hasPrefix(".") } == [])
    }

    /// Somebody removes a log file again and again, perhaps to free its space. Its second name goes, too, while the run
    /// goes on.
    @Test func aRemovedFileTakesNoSpace() async throws {
      let (fixture, sandbox) = (self.fixture, self.fixture.sandbox)
      @Sendable func secondNames() -> [String] {
        sandbox.names("remote-backing").filter { $0.hasPrefix(".log_stdout.") }
      }
      let result = try await fixture.run(
        "for i in {1..10}; do echo line $i; until [ -e go$i ]; do sleep 0.02; done; done"
      ) { _ in
        for number in 1...10 {
          let text = (1...number).map { "line \($0)\n" }.joined()
          try await eventually { try fixture.logText("log_stdout") == text }
          try await eventually { secondNames().count == 1 }
          unlink(sandbox["remote-backing/log_stdout"].string)
          try sandbox.write("", to: "go\(number)")
        }
      }
      #expect(result.code == 0)
      #expect(try fixture.logText("log_stdout") == (1...10).map { "line \($0)\n" }.joined())
      #expect(secondNames() == [])
    }

    /// The ticket has ended, and the user has the rest delivered elsewhere. The message says what is not taken along.
    @Test func deliveredElsewhereAfterTheTicketHasEnded() async throws {
      let (fixture, sandbox) = (self.fixture, self.fixture.sandbox)
      // More than the 64 MiB that the spool keeps of what is delivered.
      let length = 70_000_000
      @Sendable func delivered() -> Int? {
        (try? FileIdentity.asked(at: sandbox["remote-backing/log_stdout"], followingLinks: false))?.size
      }
      let result = try await fixture.run(
        "head -c \(length) /dev/zero | tr '\\0' x; touch a; until [ -e b ]; do sleep 0.02; done; echo more",
        ["-o", "none", "--finalize-timeout", "1"]
      ) { _ in
        try await eventually { sandbox.exists("a") && delivered() == length }
        try fixture.remote.tell("fail any EACCES")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      let recovered = try await fixture.recover("remote/log_", "--to", "other")
      #expect(
        recovered.stderr.contains(
          "bytes of other/log_stdout are missing: they had been delivered to \(sandbox["remote/log_"])…, and cannot be read there: Permission denied (EACCES)"
        ), "\(recovered)")
      #expect(try sandbox.bytes("other/log_stdout").suffix(6) == Array("xmore\n".utf8))
      #expect(delivered() == length)
    }

    /// A run with --clobber creates usage.jsonl when it begins. Here all its processes are killed before that file has
    /// its name, and before there is a line for it.
    @Test func aFileThatWasOnlyBegunIsRemoved() async throws {
      let (fixture, sandbox) = (self.fixture, self.fixture.sandbox)
      func begun() -> [String] {
        sandbox.names("remote-backing").filter { $0.hasPrefix(".log_usage.jsonl.") }
      }
      try fixture.remote.tell("hang rename,link killable path log_usage.jsonl")
      _ = try await fixture.run("sleep 60", ["--clobber", "--r-i", "600"]) { _ in
        try await eventually { try fixture.remote.tell("count").contains("hung=1") }
        sandbox.killProcesses()
      }
      #expect(begun().count == 1)
      try fixture.remote.tell("clear")
      let folder = try #require(sandbox.spooledRuns().first)
      try await eventually { sandbox.isOver(folder) }
      let recovered = try await fixture.recover("\(folder)")
      #expect(recovered.code == 0, "\(recovered)")
      #expect(begun() == [])
      #expect(try fixture.info()["run_state"] == "interrupted")
    }
  }
}
