import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

/// Tests on the one real Slurm. They run one at a time, since some of them stop its daemons.
@Suite(.serialized, .needs(.slurm), .daemonsStay) struct OnSlurm {}

/// After each test, all daemons and nodes of the testbed must be in service. If one is not, the test fails, and the
/// trait brings it back for the next tests. A test that fails may leave jobs: the trait lists and cancels them.
struct DaemonsStay: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  /// Applies to each test as a whole, and not again to its cases.
  func scopeProvider(for test: Test, testCase: Test.Case?) -> DaemonsStay? {
    test.isSuite || testCase != nil ? nil : self
  }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let hasFailed = Monitor(false)
    // A test that throws does not make `function` throw.
    let notesIssues: IssueHandlingTrait = .compactMapIssues { issue in
      hasFailed.update { $0 = true }
      return issue
    }
    try await notesIssues.provideScope(for: test, testCase: testCase, performing: function)
    let (testbed, sandbox) = (try Testbed(), try Sandbox())
    if hasFailed.withLock({ $0 }) { try await testbed.resumeDaemons(in: sandbox) }
    try await startWhatIsMissing(testbed, sandbox)
    let unusable = try await testbed.nodesThatStayUnusable(in: sandbox)
    guard hasFailed.withLock({ $0 }) || !unusable.isEmpty else { return }
    let state = try await testbed.state(in: sandbox)
    Issue.record("after the test, Slurm has these jobs and nodes:\n\(state)")
    try await testbed.bringBack(unusable, in: sandbox)
    try await testbed.cancelAllJobs(in: sandbox)
    try await testbed.restore(in: sandbox)
  }

  private func startWhatIsMissing(_ testbed: Testbed, _ sandbox: Sandbox) async throws {
    for daemon in try await testbed.missing(in: sandbox) {
      Issue.record("after the test, \(daemon) does not run:\n\(try testbed.endOfLog(of: daemon))")
      try await testbed.control("start", daemon, in: sandbox)
    }
  }
}

extension Trait where Self == DaemonsStay {
  static var daemonsStay: DaemonsStay { DaemonsStay() }
}

/// Both ways to ask Slurm, for tests that must pass with either.
let bothWays = ["library", "commands"]

/// A finished run of duct on the testbed, and what it recorded.
struct SlurmRun {
  var finished: Finished
  var info: JSONValue
  var jobs: [JobRecord]

  var slurm: JSONValue { info["slurm"] ?? .null }

  /// The only job with this name.
  func job(_ name: String) throws -> JobRecord {
    let found = jobs.filter { $0.name == name }
    guard found.count == 1, let job = found.first else {
      throw Testbed.Trouble(
        description: "\(found.count) jobs are named \(name) among \(jobs.map { $0.name ?? "?" })")
    }
    return job
  }

  func query(_ name: String) -> JSONValue? {
    slurm["queries"]?.array?.first { $0["query"]?.string == name }
  }
}

/// What every test of the suite needs: a folder and the testbed.
struct SlurmFixture: Sendable {
  let sandbox: Sandbox
  let testbed: Testbed

  init() throws {
    sandbox = try Sandbox()
    testbed = try Testbed()
  }

  /// Wraps a bash script with duct and reads the records back.
  func run(
    _ script: String, _ options: [String] = ["--wait-jobs"], environment: [String: String?] = [:],
    limit: Double = 120, shell: String = "bash",
    while body: @escaping @Sendable (Int32) async throws -> Void = { _ in }
  ) async throws -> SlurmRun {
    let finished = try await duct(
      ["--fail-time", "0"] + options + [shell, "-c", script], in: sandbox,
      environment: testbed.environment.merging(environment) { $1 }, limit: limit, while: body)
    let info = try sandbox.info()
    #expect(try Documentation.unexplained(in: info) == [])
    if let mark = options.firstIndex(of: "--slurm-by"), !info.isNull,
      let told = info["slurm"]?["asked_by"]?.string
    {
      #expect(told == options[mark + 1])
    }
    return SlurmRun(finished: finished, info: info, jobs: try Self.jobs(info))
  }

  /// Makes a folder `libexec`, for DUCT_LIBEXEC_DIR, that has all helper programs except duct-slurm.
  func makeLibexecWithoutHelper() throws {
    try sandbox.makeDirectory("libexec")
    try sandbox.write(sandbox.bytes("../../" + Programs.relay), to: "libexec/duct-relay")
    _ = sandbox["libexec/duct-relay"].withPlatformString { chmod($0, 0o755) }
  }

  static func jobs(_ info: JSONValue) throws -> [JobRecord] {
    try (info["slurm"]?["submitted_jobs"]?.array ?? []).map {
      try JobRecord($0)
    }
  }

  /// The jobs that info.json has at the moment. Empty while the file does not exist.
  func recordedJobs() -> [JobRecord] { (try? Self.jobs(sandbox.info())) ?? [] }

  /// Runs a client command of Slurm, or any other program, and returns its standard output.
  func tool(_ program: String, _ arguments: String..., environment: [String: String?] = [:]) async throws
    -> String
  {
    let result = try await TestSupport.run(
      program, arguments, in: sandbox, environment: testbed.environment.merging(environment) { $1 })
    if result.code != 0 { throw Testbed.Trouble(description: "\(program) \(arguments): \(result.stderr)") }
    return result.stdout
  }
}
