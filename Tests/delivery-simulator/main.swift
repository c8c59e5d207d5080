// delivery-simulator SEEDS [FIRST [MOST]]: runs the histories of that many seeds. See docs/testing.md.
//
// Stops after MOST failures (default 3). Exit code 1 if a history failed. `make simulate` builds it.

#if DEBUG || DUCT_SIMULATION
  import DeliverySimulation
  import Glibc
  import SystemCalls

  let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
  guard let count = numbers.first, numbers.count == CommandLine.arguments.count - 1, numbers.count <= 3 else {
    print("delivery-simulator: usage: delivery-simulator SEEDS [FIRST [MOST]]")
    exit(2)
  }
  let first = numbers.count > 1 ? numbers[1] : 0
  let most = numbers.count > 2 ? Int(clamping: numbers[2]) : 3
  let start = MonotonicInstant.now
  let failures = Simulation.failures(in: first..<first + count, atMost: most) { failure in
    print("seed \(failure.seed), \(failure.kind): \(failure.reason)\n\(failure.history)\n")
    fflush(nil)
  }
  let rate = Double(count) / max(MonotonicInstant.now.seconds(since: start), 0.001)
  if failures.isEmpty {
    print("\(count) seeds from \(first), three histories each, \(Int(rate)) seeds a second: none went wrong")
  } else {
    print("the first that went wrong: seed \(failures[0].seed), after \(failures[0].seed - first + 1) seeds")
    exit(1)
  }
#else
  print("delivery-simulator: built without the simulator; see `make simulate`")
#endif
