#if DEBUG || DUCT_SIMULATION
  import Glibc
  import SystemCalls

  /// Runs thousands of histories.
  package enum Simulation {
    /// A history that violated a check.
    package struct Failure: Sendable, Equatable {
      package var seed: UInt64
      package var kind: String
      package var reason: String
      /// What happened, with as few disturbances and steps as the search found to be enough.
      package var history: String
    }

    /// The first failure among a seed's histories, one of each kind.
    package static func failure(of seed: UInt64) -> Failure? {
      for kind in SimulatedHistory.Kind.allCases {
        if let failure = failure(of: seed, kind) { return failure }
      }
      return nil
    }

    private static func failure(of seed: UInt64, _ kind: SimulatedHistory.Kind) -> Failure? {
      guard let reason = violation(seed, kind, .init()) else { return nil }
      let plan = shortest(seed, kind)
      var history: [String] = []
      if let again = try? SimulatedHistory(seed: seed, kind: kind, plan: plan, keepsTrace: true) {
        try? again.run()
        history = again.trace
      }
      return Failure(
        seed: seed, kind: kind.rawValue, reason: violation(seed, kind, plan) ?? reason,
        history: history.joined(separator: "\n"))
    }

    private static func violation(
      _ seed: UInt64, _ kind: SimulatedHistory.Kind, _ plan: SimulatedHistory.Plan
    ) -> String? {
      do {
        try SimulatedHistory(seed: seed, kind: kind, plan: plan).run()
        return nil
      } catch { return "\(error)" }
    }

    /// Leaves out one disturbance after the other, and then steps from the end, as long as the history still fails.
    private static func shortest(
      _ seed: UInt64, _ kind: SimulatedHistory.Kind
    ) -> SimulatedHistory.Plan {
      var plan = SimulatedHistory.Plan()
      guard let whole = try? SimulatedHistory(seed: seed, kind: kind, plan: plan) else { return plan }
      try? whole.run()
      for number in 0..<min(whole.disturbances, 200) {
        var shorter = plan
        shorter.leftOut.insert(number)
        if violation(seed, kind, shorter) != nil { plan = shorter }
      }
      var (low, high) = (0, whole.steps)
      while low < high {
        let middle = (low + high) / 2
        var shorter = plan
        shorter.most = middle
        if violation(seed, kind, shorter) != nil { high = middle } else { low = middle + 1 }
      }
      var last = plan
      last.most = high
      return violation(seed, kind, last) == nil ? plan : last
    }

    /// The failures of many seeds, on all cores. Stops after `most` failures.
    ///
    /// - Parameters:
    ///   - oneKind: for each seed, run only one history, alternating the kinds.
    ///   - tell: called with each failure immediately, on any thread.
    package static func failures(
      in seeds: Range<UInt64>, atMost most: Int, oneKind: Bool = false,
      tell: @escaping @Sendable (Failure) -> Void = { _ in }
    ) -> [Failure] {
      let kinds = SimulatedHistory.Kind.allCases
      let state = Monitor((next: seeds.lowerBound, failures: [Failure]()))
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
              let found =
                oneKind ? failure(of: seed, kinds[Int(seed % UInt64(kinds.count))]) : failure(of: seed)
              guard let failure = found else { continue }
              state.update { $0.failures.append(failure) }
              tell(failure)
            }
          }
        }
      }
      for thread in threads { thread.join(until: nil) }
      return state.withLock { $0.failures }.sorted { $0.seed < $1.seed }
    }
  }
#endif
