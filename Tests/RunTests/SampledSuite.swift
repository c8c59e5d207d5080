import Glibc
import RecordText
import TestSupport
import Testing

/// A suite that runs a known load and checks what duct records about it.
protocol SampledSuite {
  var sandbox: Sandbox { get }
}

extension SampledSuite {
  static var options: [String] { ["-q", "--sample-interval", "0.05", "--report-interval", "0.2"] }

  /// Runs a Python program under duct.
  func python(
    _ program: String, options: [String] = Self.options, limit: Double = 60,
    while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
  ) async throws -> Finished {
    let result = try await duct(options + ["python3", "-c", program], in: sandbox, limit: limit, while: body)
    #expect(result.code == 0, "\(result.stderr)")
    return result
  }

  func summary(_ name: String) throws -> Double? {
    try sandbox.info()["execution_summary"]?[name]?.double
  }

  /// The last record of each process, from all lines of usage.jsonl.
  func processes() throws -> [(pid: Int, value: JSONValue)] {
    var last: [String: JSONValue] = [:]
    for line in try sandbox.usage() {
      for (pid, value) in members(line["processes"]) { last[pid] = value }
    }
    return last.compactMap { pid, value in Int(pid).map { ($0, value) } }
  }

  var cores: Double { Double(sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

  /// A Python function that uses a CPU for the given seconds of its own CPU time.
  static var burn: String {
    """
    import os, sys, time
    def burn(seconds):
        end = time.process_time() + seconds
        while time.process_time() < end: pass

    """
  }

  /// Expects that the total agrees with the kernel's own count and with the mean over time. Holds only if every
  /// process was waited for.
  func expectTotal(_ seconds: Double) throws {
    let kernels = try #require(try summary("user_seconds")) + #require(try summary("system_seconds"))
    #expect(abs(seconds - kernels) <= kernels * 0.01 + 0.001, "\(seconds) \(kernels)")
    let mean = try #require(try summary("average_pcpu")) * #require(try summary("wall_clock_time")) / 100
    // Each of the processes that are waited for may add one tick of 10 ms.
    #expect(abs(mean - kernels) <= kernels * 0.05 + 0.05, "\(mean) \(kernels)")
  }
}

func members(_ value: JSONValue?) -> [(key: String, value: JSONValue)] {
  guard case .object(let members)? = value else { return [] }
  return members.map { ($0.key, $0.value) }
}
