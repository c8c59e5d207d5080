import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Runs whose log directory fails. The tests run one at a time, since some of them measure back-off times.
@Suite(.serialized, .needs(.faultFileSystem)) struct OnFaults {}

/// A sandbox with a fault file system, and duct with its log directory on it.
struct FaultFixture: Sendable {
  let sandbox: Sandbox
  let remote: FaultFileSystem

  init() throws {
    sandbox = try Sandbox()
    remote = try FaultFileSystem(in: sandbox)
  }

  /// Options for runs that end quickly and keep their records.
  static let quick = ["--slurm", "off", "--fail-time", "0", "--s-i", "0.05", "--r-i", "0.1"]

  /// Wraps a bash script with duct. Its log files are `remote/NAME_…`.
  func run(
    _ script: String, name: String = "log", _ options: [String] = [], program: String = Programs.duct,
    environment: [String: String?] = [:], limit: Double = 60,
    while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
  ) async throws -> Finished {
    try await TestSupport.run(
      program, Self.quick + ["-p", "remote/\(name)_"] + options + ["bash", "-c", script], in: sandbox,
      environment: environment, limit: limit, while: body)
  }

  func recover(_ arguments: String...) async throws -> Finished {
    try await TestSupport.run(Programs.conDuct, ["recover"] + arguments, in: sandbox)
  }

  /// The bytes of a file in the log directory's backing directory, without the fault file system.
  func log(_ name: String) throws -> [UInt8] { try sandbox.bytes("remote-backing/\(name)") }
  func logText(_ name: String) throws -> String { String(decoding: try log(name), as: UTF8.self) }
  func info(_ name: String = "log") throws -> JSONValue {
    try sandbox.info("remote-backing/\(name)_info.json")
  }

  /// The failures (`io_events`) that info.json in the run folder records.
  func spooledEvents() throws -> [JSONValue] {
    guard let run = sandbox.spooledRuns().first else { return [] }
    return try JSONParser.parse(readAll(run.appending("info.json"), limit: 1 << 28))["io_events"]?.array ?? []
  }

  /// Checks that every line is a complete JSON document, and that their numbers of samples add up to that of
  /// info.json.
  func expectWholeUsage(_ name: String = "log") throws {
    let lines = try sandbox.usage("remote-backing/\(name)_usage.jsonl")
    #expect(!lines.isEmpty)
    let samples = lines.compactMap { $0["num_samples"]?.double }.reduce(0, +)
    #expect(samples == (try info(name)["execution_summary"]?["num_samples"]?.double))
    #expect(Double(lines.count) == (try info(name)["execution_summary"]?["num_reports"]?.double))
  }
}
