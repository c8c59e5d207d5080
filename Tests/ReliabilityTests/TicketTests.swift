import Glibc
import RecordText
import ResilientIO
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// The reason why duct exists: the log directory is on NFS with Kerberos, and the ticket expires.
  @Suite struct TicketTests {
    private let fixture: FaultFixture
    init() throws { fixture = try FaultFixture() }

    /// Prints some megabytes to both streams before, during and after the outage. The files `copy` and `copy-err`
    /// hold what it printed.
    private let script = """
      say() { for i in $(seq $2); do echo "$1 line $i of stdout, and some more"; done | tee -a copy; }
      cry() { for i in $(seq $2); do echo "$1 line $i of stderr"; done | tee -a copy-err >&2; }
      say before 30000; cry before 1000; touch before
      until [ -e expired ]; do sleep 0.02; done
      for k in 1 2 3 4; do say during$k 20000; cry during$k 1000; sleep 0.1; done; touch during
      until [ -e renewed ]; do sleep 0.02; done
      say after 30000; cry after 1000
      exit 3
      """

    private func expectEverything(_ result: Finished) throws {
      let (out, err) = (try fixture.sandbox.bytes("copy"), try fixture.sandbox.bytes("copy-err"))
      #expect(result.code == 3)
      #expect(result.stdoutBytes == out)
      #expect(try fixture.log("log_stdout") == out)
      #expect(try fixture.log("log_stderr") == err)
      let info = try fixture.info()
      #expect(info["run_state"] == "finished")
      #expect(info["execution_summary"]?["exit_code"] == 3)
      try fixture.expectWholeUsage()
      #expect(fixture.sandbox.spooledRuns().isEmpty)
      #expect(try Documentation.unexplained(in: info) == [])
    }

    @Test(arguments: ["EKEYEXPIRED", "EACCES"])
    func renewedBeforeTheEnd(_ errno: String) async throws {
      let fixture = self.fixture
      try fixture.sandbox.write("old", to: "cache")
      // With these intervals there is always a new report to write as well.
      let result = try await fixture.run(
        script, ["--sample-interval", "0.3", "--report-interval", "0.3"],
        environment: ["KRB5CCNAME": "FILE:\(fixture.sandbox["cache"])"]
      ) { _ in
        try await eventually { fixture.sandbox.exists("before") }
        try fixture.remote.tell("fail any \(errno)")
        try fixture.sandbox.write("", to: "expired")
        try await eventually { fixture.sandbox.exists("during") }
        // Three rounds have failed, and the next is due in 4 s. Delivery before that is due to the new ticket.
        try await eventually { try fixture.spooledEvents().contains { ($0["tries"]?.double ?? 0) >= 9 } }
        try fixture.remote.tell("clear")
        try fixture.sandbox.write("new ticket", to: "cache")
        // The data is delivered within two seconds, while the run continues.
        let renewed = MonotonicInstant.now
        let during = try fixture.sandbox.bytes("copy").count
        try await eventually(5) { try fixture.log("log_stdout").count == during }
        #expect(MonotonicInstant.now.seconds(since: renewed) < 2.5)
        try fixture.sandbox.write("", to: "renewed")
      }
      try expectEverything(result)
      let warnings = result.stderr.split(separator: "\n").filter { $0.contains("[WARNING ]") }
      #expect(warnings.count == 2, "\(warnings)")
      #expect(warnings.first?.contains("(\(errno))") == true && warnings.first?.contains("kinit") == true)
      #expect(warnings.last?.contains("can be written again") == true)
      let events = try #require(try fixture.info()["io_events"]?.array)
      #expect(!events.isEmpty)
      for event in events {
        #expect(
          event["errno"]?.string == errno && event["outcome"] == "delivered" && event["bytes_waiting"] == 0)
      }
    }

    @Test func neverRenewed() async throws {
      let fixture = self.fixture
      let result = try await fixture.run(script, ["--finalize-timeout", "5"]) { _ in
        try await eventually { fixture.sandbox.exists("before") }
        try fixture.remote.tell("fail any EKEYEXPIRED")
        try fixture.sandbox.write("", to: "expired")
        try await eventually { fixture.sandbox.exists("during") }
        try fixture.sandbox.write("", to: "renewed")
      }
      #expect(result.code == 3)
      #expect(result.stdoutBytes == (try fixture.sandbox.bytes("copy")))
      #expect(result.stderr.contains("Exit Code: 3"), "the summary is there in any case")
      let spool = try #require(fixture.sandbox.spooledRuns().first)
      #expect(result.stderr.contains("waits in \(spool)"))
      #expect(result.stderr.contains("con-duct recover \(spool)"))
      #expect(result.stderr.contains("Key has expired (EKEYEXPIRED)"))

      // The info.json in the log directory is old but complete.
      #expect(try fixture.info()["run_state"] == "running")
      let listed = try await fixture.recover("--list")
      #expect(listed.stdout.contains("waiting") && listed.stdout.contains("remote/log_"))
      let early = try await fixture.recover("remote/log_")
      #expect(early.code == 1 && early.stderr.contains("EKEYEXPIRED"))

      try fixture.remote.tell("clear")
      let recovered = try await fixture.recover()
      #expect(recovered.code == 0 && recovered.stdout == "Delivered: \(fixture.remote.mount)/log_\n")
      try expectEverything(result)
      #expect(try await fixture.recover().stdout == "Nothing waits on this host\n")
    }

    /// `recover` is killed at any moment, and two of them run at the same time: every byte is delivered once.
    @Test func recoverMayBeKilledAndRunTwiceAtOnce() async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      _ = try await fixture.run("touch a; until [ -e b ]; do sleep 0.02; done; seq 1000000; exit 4") { _ in
        try await eventually { sandbox.exists("a") }
        try remote.tell("fail any EACCES")
        try sandbox.write("", to: "b")
      }
      try remote.tell("clear")
      try remote.tell("slow write 20")
      let fixture = self.fixture
      let delivered: @Sendable () -> Int = { (try? fixture.log("log_stdout").count) ?? 0 }
      for _ in 0..<3 {
        let before = delivered()
        let killed = try await run(Programs.conDuct, ["recover"], in: sandbox) { recover in
          try await eventually { delivered() > before }
          kill(recover, SIGKILL)
        }
        #expect(killed.signal == SIGKILL)
      }
      async let one = fixture.recover()
      async let other = fixture.recover()
      #expect(try await [one.code, other.code] == [0, 0])
      try await eventually { try await fixture.recover().code == 0 && sandbox.spooledRuns().isEmpty }
      #expect(try fixture.logText("log_stdout") == (1...1_000_000).map { "\($0)\n" }.joined())
      #expect(try fixture.info()["execution_summary"]?["exit_code"] == 4)
      try fixture.expectWholeUsage()
    }

    /// Leaves a run waiting: its ticket expires before its command ends, and nobody renews it in time.
    private func leaveARunWaiting(name: String = "log") async throws {
      let (sandbox, remote) = (fixture.sandbox, fixture.remote)
      _ = try await fixture.run(
        "touch began; until [ -e expired ]; do sleep 0.02; done; echo one", name: name,
        ["--finalize-timeout", "1"]
      ) { _ in
        try await eventually { sandbox.exists("began") }
        try remote.tell("fail any EACCES")
        try sandbox.write("", to: "expired")
      }
    }

    /// Another process delivers the run while `recover` waits for its lock: `recover` reports that and succeeds.
    @Test func whatAnotherDeliversMeanwhileIsDelivered() async throws {
      let fixture = self.fixture
      try await leaveARunWaiting()
      let folder = try #require(fixture.sandbox.spooledRuns().first)
      let lock = try FileDescriptor.opening(folder, .readOnly)
      // The run's relay may still be exiting.
      try await eventually { flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 }
      let recovered = try await run(
        Programs.conDuct, ["recover", "\(folder)"], in: fixture.sandbox
      ) { recover in
        // `recover` waits for the process that has the lock. That process then removes all files.
        try await eventually { Proc.isSleeping(recover) }
        try SpoolFolder(folder, inheriting: lock).remove { _ in true }
      }
      #expect(recovered.code == 0 && recovered.stderr == "")
      #expect(recovered.stdout == "Delivered by another: \(folder)\n")
    }

    /// A new run reports that older runs wait for delivery.
    @Test func aNewRunTellsOfOlderOnes() async throws {
      try await leaveARunWaiting(name: "first")
      #expect(fixture.sandbox.spooledRuns().count == 1)
      try fixture.remote.tell("clear")
      let second = try await fixture.run("echo two; sleep 0.2", name: "second")
      let notes = second.stderr.split(separator: "\n").filter { $0.contains("con-duct recover") }
      #expect(notes.count == 1, "\(second.stderr)")
      #expect(try await fixture.recover("remote/first_").code == 0)
    }
  }
}
