import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnFaults {
  /// Every operation fails with every errno, at the start, in the middle, and at the end of a run.
  @Suite struct SweepTests {
    private static let operations = [
      "lookup", "stat", "open", "create", "write", "fsync", "flush", "rename", "unlink", "mkdir", "any",
    ]
    private static let errnos = [
      "EKEYEXPIRED", "EACCES", "EPERM", "EKEYREVOKED", "EKEYREJECTED", "ENOKEY", "ESTALE", "EBADF", "ENOENT",
      "EIO", "ETIMEDOUT", "EHOSTDOWN", "ENETUNREACH", "ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EINVAL",
      "ENAMETOOLONG", "ENOTDIR",
    ]

    enum Moment: String, CaseIterable { case start, middle, end }

    @Test(arguments: Moment.allCases)
    func everyFailure(_ moment: Moment) async throws {
      let fixture = try FaultFixture()
      let cases = Self.operations.flatMap { operation in Self.errnos.map { (operation, $0) } }
      try await withThrowingTaskGroup(of: Void.self) { group in
        var next = cases.makeIterator()
        var number = 0
        func add() {
          guard let (operation, errno) = next.next() else { return }
          number += 1
          let name = "r\(number)x"
          group.addTask {
            await #expect(throws: Never.self, "\(operation) \(errno) \(moment.rawValue)") {
              try await Self.one(operation, errno, moment, name, fixture)
            }
          }
        }
        for _ in 0..<4 { add() }
        while try await group.next() != nil { add() }
      }
      #expect(fixture.sandbox.spooledRuns().isEmpty)
    }

    /// A script that runs for some report intervals, and waits at the place that $GATE names.
    private static let script = """
      gate() { [ "$GATE" != "$1" ] || { : > "$RUN-at"; until [ -e "$RUN-on" ]; do sleep 0.01; done; }; }
      echo start; echo oops >&2; sleep 0.12; gate middle; echo middle; sleep 0.12; gate end; printf end; exit 7
      """

    private static func one(
      _ operation: String, _ errno: String, _ moment: Moment, _ name: String, _ fixture: FaultFixture
    ) async throws {
      let what = "\(operation) \(errno) \(moment.rawValue)"
      // Each run has a log directory of its own, which duct makes.
      let rule = "fail \(operation) \(errno)"
      let scope = "path \(name)"
      let id = Monitor<String?>(nil)
      if moment == .start { try fixture.remote.tell("\(rule) for 0.15 \(scope)") }
      let result = try await fixture.run(
        script, name: "\(name)/log", ["--finalize-timeout", "5"],
        environment: ["RUN": name, "GATE": moment.rawValue]
      ) { _ in
        if moment == .start { return }
        try await eventually { fixture.sandbox.exists("\(name)-at") }
        let duration = moment == .middle ? "for 0.1 " : ""
        let answer = try fixture.remote.tell("\(rule) \(duration)\(scope)")
        if moment == .end { id.update { $0 = answer } }
        try fixture.sandbox.write("", to: "\(name)-on")
      }
      #expect(result.code == 7, "\(what): \(result.stderr)")
      #expect(result.stdout == "start\nmiddle\nend", "\(what)")
      #expect(result.stderr.contains("oops\n") && result.stderr.contains("Exit Code: 7"), "\(what)")
      // An info.json that exists is a complete document at any moment.
      if fixture.sandbox.exists("remote-backing/\(name)/log_info.json") {
        #expect(throws: Never.self, "\(what)") { try fixture.info("\(name)/log") }
      }
      if let id = id.withLock({ $0 }) { try fixture.remote.tell("clear \(id)") }
      try await settle(name, what, fixture)
      let folder = "remote-backing/\(name)"
      func whole(_ file: String) throws -> [UInt8] { try fixture.sandbox.bytes("\(folder)/log_\(file)") }
      #expect(String(decoding: try whole("stdout"), as: UTF8.self) == result.stdout, "\(what)")
      #expect(String(decoding: try whole("stderr"), as: UTF8.self) == "oops\n", "\(what)")
      let info = try JSONParser.parse(try whole("info.json"))
      #expect(info["run_state"] == "finished" && info["execution_summary"]?["exit_code"] == 7, "\(what)")
      let lines = try whole("usage.jsonl").split(separator: UInt8(ascii: "\n"))
      #expect(
        Double(lines.count) == info["execution_summary"]?["num_reports"]?.double, "\(what)")
      // There are no other files beside the records.
      #expect(
        fixture.sandbox.names(folder) == ["log_info.json", "log_stderr", "log_stdout", "log_usage.jsonl"],
        "\(what)")
    }

    /// Delivers what a run has left in the spool.
    private static func settle(_ name: String, _ what: String, _ fixture: FaultFixture) async throws {
      let waiting = try await TestSupport.run(
        Programs.conDuct, ["recover", "--list", "--json"], in: fixture.sandbox)
      let runs = try JSONParser.parse(Array(waiting.stdout.utf8)).array ?? []
      for run in runs where run["prefix"]?.string?.hasSuffix("/\(name)/log_") == true {
        let folder = FilePath(try #require(run["spool"]?.string))
        // The run's relay may still be delivering it. Then nothing is left to recover.
        try await eventually { fixture.sandbox.isOver(folder) }
        if !fixture.sandbox.spooledRuns().contains(folder) { continue }
        let recovered = try await fixture.recover(run["run_id"]?.string ?? "")
        #expect(recovered.code == 0, "\(what): \(recovered.stderr)")
      }
    }
  }
}
