#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay
  @testable import ResilientIO

  /// Checks that must hold after each step.
  extension SimulatedHistory {
    func check() throws {
      if let damage = fileSystem.damage { throw Violation(description: damage) }
      if let fault = known.fault { throw Violation(description: fault) }
      known.collect(from: status)
      try checkInfo()
      try checkTemporaryNames()
    }

    /// A successor looks for temporary files under the first numbers only.
    func checkTemporaryNames() throws {
      for name in Self.unseenNames where fileSystem.names[name] != nil {
        throw Violation(description: "\(name) has a number under which no successor looks")
      }
    }

    private static let unseenNames: [String] = names.flatMap { name in
      (8..<20).map { SimulatedDeliverer.spelled(name, .temporary($0)) }
    }

    /// At any moment, the file under info.json's name is a whole document.
    func checkInfo() throws {
      guard let inode = fileSystem.inode("info"), inode.owner == .run else { return }
      let text = String(decoding: inode.data, as: UTF8.self)
      if !(text.hasPrefix("{info ") && text.hasSuffix(" of the run}")) {
        throw Violation(description: "info.json is torn: \(text.debugDescription)")
      }
    }

    // MARK: The relay's moves

    /// Checks that the relay drops bytes only if more wait than the limits allow.
    func checkDrops(since before: Int, waiting: (spool: Int, memory: Int)) {
      guard droppedBytes > before else { return }
      if waiting.memory > memoryLimit || waiting.spool > spoolLimit ?? .max { return }
      known.fault("dropped \(droppedBytes - before) bytes while \(waiting) waited")
    }

    /// Checks that the stores of all streams hold no more than their limits.
    func checkLimits() {
      let slack = StreamLimits.slack + 3 * StreamAccount.block
      for (kind, limit) in [(OutputStores.Kind.memory, memoryLimit as Int?), (.spool, spoolLimit)] {
        guard let limit else { continue }
        let held = (0..<Self.streamCount).reduce(0) { $0 + (stores[$1].stores[kind.rawValue]?.held ?? 0) }
        // The relay does not drop what delivery has claimed. Per stream, that is at most a part of the limit.
        let claimed = (0..<Self.streamCount).reduce(0) { sum, index in
          let delivered = max(status.proven(stream: index), status.released(stream: index))
          return sum + max(status.claimed(stream: index) - delivered, 0)
        }
        if held > limit + slack + claimed {
          known.fault(
            "\(kind) holds \(held) bytes, \(claimed) claimed, with a limit of \(limit); \(keepers?.map(\.account) ?? [])"
          )
        }
      }
    }

    var droppedBytes: Int {
      (0..<Self.streamCount).reduce(0) { sum, index in
        sum + status.dropped(stream: index).items.map(\.range.count).reduce(0, +)
      }
    }

    /// The unproven bytes that a store holds, counted in another way than the limits count them.
    func waiting(_ keepers: [StreamKeeper], in kind: OutputStores.Kind) -> Int {
      keepers.reduce(0) { sum, keeper in
        guard let start = status.start(of: kind.rawValue, stream: keeper.index) else { return sum }
        let end =
          kind == .spool ? status.start(of: 2, stream: keeper.index) ?? keeper.written : keeper.written
        let first = max(start, status.proven(stream: keeper.index))
        guard first < end else { return sum }
        let dropped = status.dropped(stream: keeper.index).items
        return sum + end - first - dropped.reduce(0) { $0 + $1.range.clamped(to: first..<end).count }
      }
    }
  }
#endif
