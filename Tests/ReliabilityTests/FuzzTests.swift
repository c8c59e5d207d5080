import Glibc
import RecordText
import ResilientIO
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// `recover`, `ls` and `report` with files that are damaged in any way: they must not crash, hang or use much
/// memory, and they must deliver what is intact. `make fuzz RUNS=20000 SEED=1` chooses the number of runs.
@Suite(.serialized, .needs(.root))
struct FuzzTests {
  private static let batch = 50
  private static let mostMemory = 300 << 10  // KiB
  /// Seconds that a batch, or a single run, may take.
  private static let limit = 60.0

  private let user: UserFixture
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    user = try UserFixture(61_341, in: sandbox)
  }

  private static func setting(_ name: String) -> UInt64? {
    getenv(name).flatMap { UInt64(String(cString: $0)) }
  }

  private struct Template {
    var folder: [String: [UInt8]] = [:]
    var records: [String: [UInt8]] = [:]
    static let names = ["manifest.json", "status", "info.json", "usage.jsonl", "stdout", "stderr"]
    static let recordNames = ["info.json", "usage.jsonl", "stdout", "stderr"]
  }

  /// The files of a run that has content in all of them, before and after delivery.
  private func template() async throws -> Template {
    let folder = try await user.leaveARunWaiting(in: "t")
    var template = Template()
    for name in Template.names { template.folder[name] = try readAll(folder.appending(name)) }
    #expect(try await user.sh("con-duct recover").code == 0)
    // Adds jobs and the end of their output, which `report` shows.
    for path in [folder.appending("info.json"), sandbox["t/x_info.json"]] {
      var value = try JSONParser.parse(
        path == sandbox["t/x_info.json"] ? readAll(path) : template.folder["info.json"] ?? [])
      guard case .object(var members) = value else { throw UserFixture.Trouble(description: "no record") }
      members["slurm"] = try JSONParser.parse(Array(Self.slurm.utf8))
      value = .object(members)
      let bytes = JSONWriter.bytes(of: value) + [10]
      if path == sandbox["t/x_info.json"] {
        try sandbox.write(bytes, to: "t/x_info.json")
      } else {
        template.folder["info.json"] = bytes
      }
    }
    for name in Template.recordNames { template.records[name] = try sandbox.bytes("t/x_\(name)") }
    return template
  }

  private static let slurm = """
    {"cluster_name": "c", "controller_version": "22.05.8", "tag": null, "tag_reason": "off", "detection": ["tag"], "own_job": null,
     "problem": null, "submitted_jobs": [{"cluster": "c", "job_id": 7, "array_job_id": 7, "array_task_id": 3, "het_job_id": null,
     "name": "n", "user": "u", "account": "a", "partition": "p", "qos": "q", "state": "FAILED", "state_flags": ["X"],
     "state_reason": "NonZeroExitCode", "exit_code": 1, "signal": 9, "derived_exit_code": 1, "restarts": 0, "submit_time": 1795845057,
     "eligible_time": 1795845058, "start_time": 1795845059, "end_time": 1795845069, "elapsed_seconds": 10, "time_limit_seconds": 60,
     "node_count": 1, "node_list": "node[1-3]", "cpus": 4, "tres_requested": {"cpu": 4, "mem": 1048576}, "tres_allocated": {"cpu": 4},
     "memory_requested_bytes": 1048576, "max_rss_bytes": 4096, "cpu_seconds": 3.5, "working_dir": "/tmp", "stdout_path": "/etc/hostname",
     "stderr_path": "/etc/hostname", "submit_line": "sbatch x", "dependency": "afterok:1", "detected_by": ["tag"],
     "source": "slurmctld", "last_seen": 1795845069.5, "stale": false}],
     "mentioned_jobs": [{"job_id": 8, "reason": "of another"}],
     "queries": [{"query": "jobs", "asked": 2, "answered": 1, "failed": 1, "last_time": 1.5, "last_answer_time": 1.5,
     "last_failure_time": 2.5, "last_failure": null}]}
    """

  @Test func noDamageEndsOrHangsAnyone() async throws {
    let seed = Self.setting("FUZZ_SEED") ?? UInt64.random(in: 0..<1 << 32)
    let runs = Int(Self.setting("FUZZ_RUNS") ?? 300)
    let first = Int(Self.setting("FUZZ_FIRST") ?? 0)
    complain("fuzz: \(runs) runs of seed \(seed), from number \(first)")
    let template = try await template()
    var number = first
    while number < first + runs {
      let numbers = number..<min(number + Self.batch, first + runs)
      if let problem = try await play(template, seed, numbers) {
        complain("fuzz: numbers \(numbers): \(problem)")
        try await blame(template, seed, numbers, problem)
      }
      number = numbers.upperBound
    }
    // Damaged paths may also point outside the sandbox.
    _ = try await run(
      "find",
      ["/tmp", "/var/tmp", "-maxdepth", "1", "-user", "\(user.uid)", "-exec", "rm", "-rf", "{}", "+"],
      in: sandbox)
  }

  /// Finds the run of a batch that caused the problem.
  private func blame(_ template: Template, _ seed: UInt64, _ numbers: Range<Int>, _ problem: String)
    async throws
  {
    for number in numbers {
      if let own = try await play(template, seed, number..<(number + 1)) {
        Issue.record("FUZZ_SEED=\(seed) FUZZ_FIRST=\(number) FUZZ_RUNS=1: \(own)")
        return
      }
    }
    Issue.record("FUZZ_SEED=\(seed) FUZZ_FIRST=\(numbers.lowerBound) FUZZ_RUNS=\(numbers.count): \(problem)")
  }

  /// Damages copies of the template and runs con-duct on them. Returns the problem, or nil if all went well.
  private func play(_ template: Template, _ seed: UInt64, _ numbers: Range<Int>) async throws -> String? {
    _ = try await run(
      "rm", ["-rf", sandbox["logs"].string, sandbox["records"].string, "\(sandbox.spool)/duct-\(user.uid)"],
      in: sandbox)
    for name in ["logs", "records"] {
      try sandbox.makeDirectory(name)
      lchown(sandbox[name].string, user.uid, user.uid)
    }
    let base = FilePath("\(sandbox.spool)/duct-\(user.uid)")
    mkdir(base.string, 0o700)
    lchown(base.string, user.uid, user.uid)
    let intact = try numbers.map { try damage(template, seed, $0, in: base) }
    // Its name sorts after all others.
    try place(template.folder, for: "whole", at: base.appending("z"), damage: { .bytes($1) })

    if let problem = try await conduct("recover --timeout 2 --slurm-timeout 1", seed, numbers.lowerBound) {
      return problem
    }
    if !Self.streams.allSatisfy({ isThere($0, in: sandbox["logs/whole"]) }) {
      return "the run that is whole is not delivered"
    }
    for (number, names) in zip(numbers, intact) {
      for name in names
      where !isThere(name, in: sandbox["logs/\(number)"]) && !isThere(name, in: base.appending("r\(number)"))
      {
        return "\(name) of number \(number) was in order, and is gone"
      }
    }
    var choice = Fuzz.generator(seed, numbers.lowerBound)
    let format = choice.one(of: ["auto", "summaries", "json", "json_pp"])
    if let problem = try await conduct("ls -f \(format) records", seed, numbers.lowerBound) { return problem }
    let report = choice.one(of: ["text", "markdown", "json"])
    return try await conduct("report --no-refresh -f \(report) records", seed, numbers.lowerBound)
  }

  private static let streams = ["stdout", "stderr"]

  /// Whether a folder holds all bytes of a stream: under the stream's own name, or beside it.
  private func isThere(_ stream: String, in folder: FilePath) -> Bool {
    let text = Array((stream == "stdout" ? UserFixture.out : UserFixture.err).utf8)
    let places = [stream, "x_\(stream)"] + sandbox.names(of: folder).filter { $0.hasPrefix("x_\(stream).") }
    return places.contains { name in
      guard let file = try? openRegularFile(folder.appending(name)) else { return false }
      defer { file.closeQuietly() }
      var bytes = [UInt8](repeating: 0, count: text.count + 1)
      return read(file.rawValue, &bytes, bytes.count) == text.count && bytes.starts(with: text)
    }
  }

  /// Damages one run. Returns the streams that `recover` can still deliver completely.
  private func damage(
    _ template: Template, _ seed: UInt64, _ number: Int, in base: FilePath
  ) throws -> [String] {
    var fuzz = Fuzz(seed, number)
    let chosen = Set((0...fuzz.numbers.below(3)).map { _ in fuzz.numbers.one(of: Template.names) })
    try place(template.folder, for: "\(number)", at: base.appending("r\(number)")) { name, bytes in
      var bytes = bytes
      // As if the run had been killed.
      if name == "status", fuzz.numbers.isOne(in: 2) { bytes.replaceSubrange(32..<36, with: [0, 0, 0, 0]) }
      return chosen.contains(name) ? fuzz.damaged(bytes, isPage: name == "status") : .bytes(bytes)
    }
    // The log directory may already contain a file.
    if fuzz.numbers.isOne(in: 3) {
      let name = fuzz.numbers.one(of: Template.recordNames)
      let file = fuzz.damaged(template.records[name] ?? [], isPage: false)
      try file.write(to: sandbox["logs/\(number)/x_\(name)"], uid: user.uid)
    }
    for name in Template.recordNames {
      let bytes = template.records[name] ?? []
      let isChosen = name == "info.json" || fuzz.numbers.isOne(in: 4)
      let file = isChosen ? fuzz.damaged(bytes, isPage: false) : .bytes(bytes)
      try file.write(to: sandbox["records/r\(number)_\(name)"], uid: user.uid)
    }
    return Self.streams.filter { chosen.isDisjoint(with: ["manifest.json", "status", $0]) }
  }

  private func place(
    _ files: [String: [UInt8]], for name: String, at folder: FilePath,
    damage: (String, [UInt8]) -> FuzzedFile
  ) throws {
    for path in [folder, sandbox["logs/\(name)"]] {
      mkdir(path.string, 0o700)
      lchown(path.string, user.uid, user.uid)
    }
    for file in Template.names {
      var bytes = files[file] ?? []
      if file == "manifest.json" {
        let text = String(decoding: bytes, as: UTF8.self).split(separator: "/t/x_").joined(
          separator: "/logs/\(name)/x_")
        bytes = Array(text.utf8)
      }
      try damage(file, bytes).write(to: folder.appending(file), uid: user.uid)
    }
  }

  /// Runs con-duct on the damaged files. Returns the problem, or nil if it did as it should.
  private func conduct(_ words: String, _ seed: UInt64, _ number: Int) async throws -> String? {
    // A child's peak memory includes that of the process it was forked from, so a small process measures it.
    let program = """
      import resource, subprocess, sys
      try: code = subprocess.run(sys.argv[1:], timeout=\(Self.limit)).returncode
      except subprocess.TimeoutExpired: code = 'hangs'
      print('\\nresult', code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
      """
    try sandbox.write(program, to: "measure.py")
    let result = try await user.sh("python3 measure.py con-duct \(words)", limit: Self.limit + 30)
    let answer = result.stdout.split(separator: "\n").last?.split(separator: " ") ?? []
    guard answer.count == 3, answer[0] == "result" else {
      return "con-duct \(words): no result: \(result.stderr.suffix(500))"
    }
    guard let code = Int(answer[1]), (0...1).contains(code) else {
      return "con-duct \(words) ended with \(answer[1]): \(result.stderr.prefix(3000))"
    }
    guard let memory = Int(answer[2]), memory < Self.mostMemory else {
      return "con-duct \(words) took \(answer[2]) KiB"
    }
    return nil
  }
}
