import Glibc
import SystemCalls
import Testing

/// Thousands of histories, each from a seed.
@Suite struct SimulationTests {
  /// Seeds that failed once.
  static let known: [UInt64] = []

  @Test func manyHistories() throws {
    let count = getenv("DUCT_SIMULATION_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 2000
    let first = getenv("DUCT_SIMULATION_FIRST").flatMap { UInt64(String(cString: $0)) } ?? 0
    let start = MonotonicInstant.now
    let failures = Simulation.failures(in: first..<first + count, atMost: 5)
    let seconds = MonotonicInstant.now.seconds(since: start)
    print(
      "simulated \(count) histories from seed \(first), \(Int(Double(count) / max(seconds, 0.001))) a second")
    for failure in failures { Issue.record("seed \(failure.seed): \(failure.reason)\n\(failure.trace)") }
  }

  @Test(arguments: known) func aSeedThatFailedOnce(_ seed: UInt64) throws {
    let failure = Simulation.failure(of: seed)
    #expect(failure == nil)
  }
}

enum Simulation {
  struct Failure: Sendable, Equatable {
    var seed: UInt64
    var reason: String
    var trace: String
  }

  static func failure(of seed: UInt64) -> Failure? {
    do {
      try SimulatedHistory(seed: seed).run()
      return nil
    } catch {
      var trace: [String] = []
      if let again = try? SimulatedHistory(seed: seed, keepsTrace: true) {
        try? again.run()
        trace = again.trace
      }
      return Failure(seed: seed, reason: "\(error)", trace: trace.joined(separator: "\n"))
    }
  }

  /// On all cores. Stops after some failures.
  static func failures(in seeds: Range<UInt64>, atMost most: Int) -> [Failure] {
    let state = Monitor((next: seeds.lowerBound, failures: [Failure](), running: 0))
    let cores = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)
    let threads = (0..<cores).compactMap { _ in
      try? OwnThread("simulation", stackSize: 8 << 20) {
        while true {
          let batch = state.update { state -> Range<UInt64>? in
            guard state.next < seeds.upperBound, state.failures.count < most else { return nil }
            let end = min(state.next + 64, seeds.upperBound)
            defer { state.next = end }
            return state.next..<end
          }
          guard let batch else { return }
          for seed in batch {
            if let failure = failure(of: seed) { state.update { $0.failures.append(failure) } }
          }
        }
      }
    }
    for thread in threads { thread.join(until: nil) }
    return state.withLock { $0.failures }.sorted { $0.seed < $1.seed }
  }
}
