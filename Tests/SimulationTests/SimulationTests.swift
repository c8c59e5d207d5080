import DeliverySimulation
import Glibc
import SystemCalls
import Testing

/// Histories of runs, each determined by a seed: see docs/testing.md.
@Suite struct SimulationTests {
  /// Seeds that failed once, each by a fault that has been fixed.
  static let known: [UInt64] = [
    72, 77, 138, 192, 333, 426, 517, 737, 576, 716, 836, 916, 940, 972, 1041, 1091, 1516, 1828, 1969, 2296,
    2446, 2751, 2982,
    3312, 3408, 3486, 3602, 4386, 4683, 4807, 4895, 5347, 5910, 6018, 8737, 9190, 9734, 12603, 13429, 15493,
    18223,
    20564, 23007, 23635, 29972, 31166, 32967, 38994, 39607, 48401, 68198, 70360, 71121, 74341, 75104, 78024,
    80466,
    91105, 100590, 103957, 123092, 126248, 157421, 174380, 180126, 182219, 211601, 252559,
    18737, 20487, 34499, 38093, 65568, 67282, 90451, 100131, 100357, 100959, 104017, 108323, 120609, 206866,
    234675, 273286, 312716, 326069, 347081, 347848, 362567,
    542271, 75880, 698508, 778729, 822877, 80424, 841469, 882797, 952441,
    334, 1467, 1626, 3476, 3969, 5049, 5185, 6782,
  ]

  /// Runs one history of each seed. `make simulate` runs all three kinds.
  @Test func manyHistories() {
    let count = getenv("SIMULATED_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 200
    let start = MonotonicInstant.now
    let failures = Simulation.failures(in: 0..<count, atMost: 5, oneKind: true)
    let seconds = MonotonicInstant.now.seconds(since: start)
    print("simulated \(count) histories, \(Int(Double(count) / max(seconds, 0.001))) a second")
    for failure in failures {
      Issue.record("seed \(failure.seed), \(failure.kind): \(failure.reason)\n\(failure.history)")
    }
  }

  @Test(arguments: known) func aSeedThatFailedOnce(_ seed: UInt64) {
    let failure = Simulation.failure(of: seed)
    #expect(failure == nil, "\(failure?.reason ?? "")\n\(failure?.history ?? "")")
  }
}
