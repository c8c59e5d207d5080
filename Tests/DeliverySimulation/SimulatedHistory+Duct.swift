#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import DuctRun
  @testable import OutputRelay
  @testable import ResilientIO

  /// duct, which ends the run, and the carrier that delivers for it.
  extension SimulatedHistory {
    func duct() {
      guard ductIsAlive else {
        // Without duct the carrier gets no more requests, and ends.
        if carrier != nil, kind == .direct || chance.happens(100) { killCarrier() }
        return
      }
      if !relayIsAlive, !streamsHaveEnded, keepers == nil {
        note("another relay")
        return startRelay()
      }
      if carrier == nil, carrierStarts < 5, !isDelivered, !(isEnding && removes) {
        carrierPause -= 1
        if carrierPause <= 0 {
          note("another carrier")
          startCarrier()
        }
        return
      }
      if !isEnding, chance.happens(150) {
        infoNumber += 1
        carrier?.info = info(infoNumber)
      }
      if kind == .direct, !isEnding {
        if chance.happens(200) { checkLogFiles() }
        if chance.happens(200) { adoptLeft() }
      }
      if commandHasEnded, !isEnding, chance.happens(200), kind == .direct ? drainLogFiles() : drained {
        isEnding = true
        infoNumber += 1
        carrier?.info = info(infoNumber)
        endActions = end.step(.jobsAreKnown(removes: removes))
        hadEnded = streamsHaveEnded
        carrier?.isFinishing = true
        note("duct ends the run, removes \(removes)")
      }
      if isEnding { goOnEnding() }
    }

    var drained: Bool { (0..<Self.streamCount).allSatisfy { status[$0].written == printed[$0] } }
    var streamsHaveEnded: Bool { (0..<Self.streamCount).allSatisfy { status[$0].hasEnded } }

    func goOnEnding() {
      guard let action = endActions.first else { return }
      switch action {
      case .deliver:
        let gaveUp =
          chance.happens(isHanging ? 50 : 5) || carrier == nil && carrierStarts >= 5
        guard carrier?.isDone == true || gaveUp else { return }
        endActions.removeFirst()
        let isAll = carrier.map { $0.isDone && !$0.leftovers } ?? false
        notePlaces()
        isDelivered = true
        endActions += end.step(.delivered(isAll: isAll, streamsHadEnded: hadEnded))
        note("delivered: all \(isAll), streams had ended \(hadEnded)")
      case .discard:
        // The carrier removes the files that it has delivered. It has no successor.
        if let carrier {
          guard carrier.isDone else { return }
          if let removal, !removal.isDone { return step(removal) }
          guard removal != nil else {
            removal = SimulatedRemoval(fileSystem, status)
            return
          }
        }
        endActions.removeFirst()
        isDelivered = true
        let isAll = removal.map { carrier != nil && !$0.hasFailed } ?? false
        wasDiscarded = isAll
        endActions += end.step(.discarded(isAll: isAll, streamsHaveEnded: streamsHaveEnded))
        note("discarded: all \(isAll), streams have ended \(streamsHaveEnded)")
      case .note(let ending):
        endActions.removeFirst()
        status.noteEnding(ending)
        wake.isWanted = true
      case .removeSpool:
        endActions.removeFirst()
        spoolIsGone = true
        note("the spool is gone")
      }
      if endActions.isEmpty {
        // A process that hangs stays, and continues once the server answers.
        if carrier != nil, !isHanging { killCarrier() }
        ductIsAlive = false
        note("duct ends")
      }
    }

    // MARK: The carrier

    func outputs(_ status: RelayStatus) -> [RenderedOutput] {
      (0..<Self.streamCount).map { index in
        RenderedOutput(stream: index, stores: stores[index], status: status, kept: kept) { [wake] in
          wake.isWanted = true
        }
      }
    }

    func startCarrier() {
      carrierStarts += 1
      carrier = SimulatedDeliverer(fileSystem, status, outputs(status), isSuccessor: carrierStarts > 1)
      if keepsTrace { carrier?.log = { [unowned self] in note($0) } }
      if infoNumber > 0 { carrier?.info = info(infoNumber) }
      if kind == .direct { for job in carrier?.jobs ?? [] where job.isGrowth { job.isDelivered = false } }
      if isEnding { carrier?.isFinishing = true }
    }

    func info(_ number: Int) -> [UInt8] { Array("{info \(number) of the run}".utf8) }

    func notePlaces() {
      for job in carrier?.jobs ?? [] where job.wasMade { known.lastPlaces[job.name] = carrier?.place(job) }
    }

    func killCarrier() {
      notePlaces()
      // The carrier is in the middle of a turn, so its last action may not be recorded in the page.
      if carrier?.isIdle == false { known.wasKilled = true }
      carrier?.die()
      carrier = nil
      carrierPause = 10
      hangsUntil = 0
    }
  }
#endif
