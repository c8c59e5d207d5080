import Glibc
import RecordText
import TestSupport
import Testing

extension OnFaults {
  /// If somebody else has taken a log file's name, info.json reports the path of the run's own file.
  @Suite(.serialized) struct DisplacedRecords {
    private let fixture: FaultFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try FaultFixture() }

    private static let lines = (1...4000).map { "\($0)\n" }.joined()
    private static let script =
      "seq 2000; seq 2000 >&2; touch a; until [ -e b ]; do sleep 0.02; done; seq 2001 4000; seq 2001 4000 >&2"

    /// Puts somebody else's files in place of ours.
    private func replace(_ names: [String], in folder: String) throws {
      for name in names {
        try sandbox.write("another's", to: "new")
        _ = rename(sandbox["new"].string, sandbox["\(folder)/\(name)"].string)
      }
    }

    /// Checks that the run's info.json in `folder` reports where its files are.
    private func expectPlaces(of names: [String], in folder: String, path: String) throws {
      let isDisplaced = names.contains("log_info.json")
      let beside = sandbox.names(folder).filter { $0.hasPrefix("log_info.json.") }
      #expect(beside.count == (isDisplaced ? 1 : 0), "\(sandbox.names(folder))")
      let info = try sandbox.info("\(folder)/\(beside.first ?? "log_info.json")")
      let run = try #require(info["run_id"]?.string)
      for (key, name) in [
        ("stdout", "log_stdout"), ("stderr", "log_stderr"), ("usage", "log_usage.jsonl"),
        ("info", "log_info.json"),
      ] {
        let expected = names.contains(name) ? "\(name).\(run)" : name
        #expect(info["output_paths"]?[key]?.string == path + expected, "\(name)")
        #expect(sandbox.exists("\(folder)/\(expected)"))
        if names.contains(name) { #expect(try sandbox.text("\(folder)/\(name)") == "another's") }
        let events = (info["io_events"]?.array ?? []).filter {
          $0["path"]?.string?.hasSuffix("/\(name)") ?? false
        }
        let places = events.compactMap { $0["place"]?.string }
        #expect(
          places.allSatisfy { $0.hasSuffix("/\(expected)") } && places.isEmpty != names.contains(name),
          "\(events)")
      }
      for name in ["log_stdout", "log_stderr"] {
        let place = names.contains(name) ? "\(name).\(run)" : name
        #expect(try sandbox.text("\(folder)/\(place)") == Self.lines, "\(place)")
      }
      #expect(info["output_paths"]?["prefix"]?.string == path + "log_")
    }

    private static let all = ["log_stdout", "log_stderr", "log_usage.jsonl", "log_info.json"]

    @Test(arguments: ["always", "never"], [["log_stdout"], ["log_info.json"], all])
    func inALocalDirectory(_ localFirst: String, _ names: [String]) async throws {
      try sandbox.makeDirectory("d")
      let result = try await duct(
        FaultFixture.quick + ["-p", "d/log_", "--local-first", localFirst, "bash", "-c", Self.script],
        in: sandbox
      ) { [self] _ in
        try await eventually { sandbox.exists("a") && sandbox.exists("d/log_info.json") }
        try await eventually { try sandbox.text("d/log_stderr").hasSuffix("\n2000\n") }
        try await eventually { try !sandbox.usage("d/log_usage.jsonl").isEmpty }
        try replace(names, in: "d")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      try expectPlaces(of: names, in: "d", path: "d/")
      let found = try await run(
        Programs.conDuct, ["ls", "-f", "json", "-F", "stdout", "--", "d"], in: sandbox)
      #expect(found.code == 0, "\(found)")
    }

    @Test(arguments: [["log_stdout"], all])
    func inARemoteDirectory(_ names: [String]) async throws {
      let result = try await fixture.run(Self.script) { [self] _ in
        try await eventually { sandbox.exists("a") && sandbox.exists("remote-backing/log_info.json") }
        try await eventually { try fixture.logText("log_stderr").hasSuffix("\n2000\n") }
        try await eventually { try !sandbox.usage("remote-backing/log_usage.jsonl").isEmpty }
        try replace(names, in: "remote-backing")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      try expectPlaces(of: names, in: "remote-backing", path: "remote/")
    }

    /// Somebody else has the names by the time `recover` delivers the run.
    @Test(arguments: [["log_stdout"], all])
    func afterRecovery(_ names: [String]) async throws {
      let result = try await fixture.run(Self.script, ["--finalize-timeout", "1"]) { [self] _ in
        try await eventually { try fixture.logText("log_stderr").hasSuffix("\n2000\n") }
        try await eventually { try !sandbox.usage("remote-backing/log_usage.jsonl").isEmpty }
        try fixture.remote.tell("fail any EACCES")
        try sandbox.write("", to: "b")
      }
      #expect(result.code == 0)
      try replace(names, in: "remote-backing")
      try fixture.remote.tell("clear")
      let recovered = try await fixture.recover()
      #expect(recovered.code == 0, "\(recovered)")
      try expectPlaces(of: names, in: "remote-backing", path: "remote/")
    }
  }
}
