import RecordText
import TestSupport
import Testing

extension OnFaults {
  /// Runs that would have the same name for their records. The default name has the second and the process id, which
  /// are those of many runs in containers that are started together.
  @Suite(.serialized) struct TakenNameTests {
    private let fixture: FaultFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try FaultFixture() }

    private static let containers = 6

    /// Each is the first process of a pid namespace, and they start at once.
    private func runContainers(in folder: String, _ options: String = "") async throws -> Finished {
      try await run(
        "bash",
        [
          "-c",
          """
          cd \(folder)
          for i in $(seq \(Self.containers)); do
            unshare --pid --fork --mount-proc "$0" -q \(options) sh -c "echo ran $i" || echo "failed $i" & done; wait
          """, Programs.duct,
        ], in: sandbox, environment: ["DUCT_SLURM": "off"])
    }

    @Test(arguments: [".", "remote"]) func containers(_ folder: String) async throws {
      for _ in 0..<5 {
        let result = try await runContainers(in: folder)
        #expect(result.code == 0 && result.stderr == "", "\(result)")
        let ran = (1...Self.containers).map { "ran \($0)" }
        #expect(result.stdout.split(separator: "\n").sorted() == ran.map { Substring($0) })
        let names = sandbox.names("\(folder)/.duct/logs")
        #expect(names.count == 4 * Self.containers, "\(names)")
        let prefixes = names.filter { $0.hasSuffix("_info.json") }.map { $0.dropLast("info.json".count) }
        #expect(prefixes.count == Self.containers, "\(names)")
        let outputs = try prefixes.map { prefix in
          let start = "\(folder)/.duct/logs/\(prefix)"
          let info = try sandbox.info(start + "info.json")
          let text = try sandbox.text(start + "stdout")
          #expect(info["command"]?.string?.hasSuffix(text.dropLast() + "") == true)
          #expect(info["output_paths"]?["prefix"]?.string?.hasSuffix(prefix) == true)
          return text
        }
        #expect(outputs.sorted() == ran.map { $0 + "\n" })
        _ = try await run("rm", ["-r", "\(folder)/.duct"], in: sandbox)
      }
    }

    /// A run on another host has the name: the process id and the second are the same.
    @Test(arguments: [".", "remote"]) func aRunOfAnotherHost(_ folder: String) async throws {
      let result = try await run(
        "bash",
        [
          "-c",
          #"""
          mkdir -p .duct/logs
          # Asked once: a clock that ticks in between would leave out a second.
          now=$(date +%s)
          for i in 0 1 2 3 4 5; do
            start=.duct/logs/$(date -d "@$((now + i))" +%Y.%m.%dT%H.%M.%S)-$$
            echo other > ${start}_info.json; echo other > $start.2_stderr
          done
          exec "$0" -c "$1" echo ran
          """#, Programs.duct, "stdout",
        ], in: sandbox, folder: folder, environment: ["DUCT_SLURM": "off"])
      #expect(result.code == 0 && result.stdout == "ran\n", "\(result)")
      let names = sandbox.names("\(folder)/.duct/logs")
      let ours = names.filter { $0.contains(".3_") }
      #expect(ours.map { $0.drop { $0 != "_" } } == ["_info.json", "_stdout", "_usage.jsonl"], "\(names)")
      for name in names where !ours.contains(name) {
        #expect(try sandbox.text("\(folder)/.duct/logs/\(name)") == "other\n")
      }
      let info = try sandbox.info("\(folder)/.duct/logs/\(try #require(ours.first))")
      let prefix = try #require(info["output_paths"]?["prefix"]?.string)
      #expect(prefix.hasSuffix(".3_") && result.stderr.contains("Log files will be written to .duct/logs/"))
      #expect(names.count == 12 + 3, "\(names)")
      #expect(sandbox.names("spool").isEmpty)
    }

    /// Under a name that the user chose, one of them runs, and the others are told why they do not.
    @Test func aNameThatTheUserChose() async throws {
      try sandbox.write("of another run", to: "log_info.json")
      let refused = try await duct(["-p", "log_", "true"])
      #expect(refused.code == 2 && refused.stderr.contains("records exist already: log_info.json"))
      #expect(try sandbox.text("log_info.json") == "of another run")
    }

    /// --clobber means the names that the user chose, not those of other containers.
    @Test func clobberReplacesNoRecordsOfOtherContainers() async throws {
      let result = try await runContainers(in: ".", "--clobber")
      #expect(result.code == 0 && sandbox.names(".duct/logs").count == 4 * Self.containers, "\(result)")
    }

    private func duct(_ arguments: [String]) async throws -> Finished {
      try await run(Programs.duct, arguments, in: sandbox, environment: ["DUCT_SLURM": "off"])
    }
  }
}
