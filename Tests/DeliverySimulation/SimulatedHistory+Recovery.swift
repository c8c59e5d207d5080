#if DEBUG || DUCT_SIMULATION
  import Glibc
  import SystemCalls
  import SystemPackage

  @testable import OutputRelay

  /// The end of a history: the file system works again, rivals are quiet, and `recover` delivers what is left.
  extension SimulatedHistory {
    /// Ends all processes and runs `recover`, which may be killed too, while the file system works again; then
    /// verifies.
    func settle() throws {
      if keepers != nil || relayIsAlive { finishRelay() }
      if carrier != nil { killCarrier() }
      ductIsAlive = false
      note("settling; spool gone \(spoolIsGone)")
      var final: SimulatedDeliverer?
      if !spoolIsGone {
        if status.ending == .removed { try recoverRemoval() } else { final = try recover() }
      }
      try verify(final)
    }

    /// Performs one step of a removal.
    func step(_ removal: SimulatedRemoval) {
      // Files in a directory that is away cannot be found.
      if fileSystem.isAway { known.wasAwayAtRemoval = true }
      let done = removal.step(&chance)
      note(done)
    }

    private func endFaults() {
      fileSystem.outage = nil
      fileSystem.refusal = .nothing
      fileSystem.isAway = false
      fileSystem.failures = 0
    }

    private func recoverRemoval() throws {
      for kill in (0..<(known.wasKilled ? 1 + chance.below(3) : 1)).reversed() {
        if kill == 0 { endFaults() }
        note("recover removes, final \(kill == 0)")
        let removal = SimulatedRemoval(fileSystem, status)
        for _ in 0..<(kill == 0 ? 200 : chance.below(20)) where !removal.isDone {
          steps += 1
          if kill > 0, chance.happens(30), isDue { disturb() }
          step(removal)
          try check()
        }
        if kill == 0, !removal.isDone || removal.hasFailed {
          throw Violation(description: "something is not removed, though the directory works")
        }
      }
    }

    func recover() throws -> SimulatedDeliverer {
      // What was only in memory is gone with the processes.
      for index in 0..<Self.streamCount where stores[index].stores[2]?.data.isEmpty == false {
        known.storesLost = true
        stores[index].stores[2] = nil
      }
      closeLogFiles()
      var kills = known.wasKilled ? chance.below(3) : 0
      while true {
        let isFinal = kills <= 0
        kills -= 1
        if isFinal { endFaults() }
        let left = try RelayStatus(left: FileDescriptor(rawValue: valueOrErrno { dup(copy.rawValue) }))
        let isInLog = (0..<Self.streamCount).map { kind == .direct && !left.hasLeftLog(stream: $0) }
        for index in 0..<Self.streamCount where !isInLog[index] {
          if kind == .direct { stores[index].log = beginning(index, left) }
          left.noteAbandoned(stream: index, sizes: [nil, stores[index].length(1), nil])
        }
        for index in 0..<Self.streamCount where !isInLog[index] && !left.isInOrder(stream: index) {
          throw Violation(description: "the page says of stream \(index) what cannot be true")
        }
        let outputs = (0..<Self.streamCount).map { index in
          RenderedOutput(stream: index, stores: stores[index], status: left, kept: kept, wake: {})
        }
        let deliverer = SimulatedDeliverer(fileSystem, left, outputs, isSuccessor: true)
        if kind == .direct {
          for index in 0..<Self.streamCount {
            let known = max(left.proven(stream: index), left.deliveryStart(stream: index) ?? 0)
            deliverer.adopt(index, proven: outputs[index].position(of: known))
            deliverer.jobs[index].isDelivered = !isInLog[index]
          }
        }
        if keepsTrace { deliverer.log = { [unowned self] in note($0) } }
        deliverer.info = infoNumber > 0 ? info(infoNumber) : nil
        deliverer.isFinishing = true
        note("recover, final \(isFinal)")
        for _ in 0..<(isFinal ? 6000 : 1 + chance.below(60)) where !deliverer.isDone {
          steps += 1
          if !isFinal, chance.happens(30), isDue { disturb() }
          deliverer.step(&chance)
          try check()
          known.collect(from: left)
        }
        if isFinal {
          if !deliverer.isDone { throw Violation(description: "recover does not come to an end") }
          if deliverer.leftovers {
            throw Violation(description: "something waits, though the directory works")
          }
          for index in 0..<Self.streamCount {
            let moved = isInLog[index] ? stores[index].logPosition : left[index].written
            printed[index] = min(printed[index], moved)
          }
          return deliverer
        }
        deliverer.die()
      }
    }
  }
#endif
