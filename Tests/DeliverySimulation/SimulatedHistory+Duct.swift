#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import DuctCore
  @testable import OutputRelay
  @testable import ResilientIO

  /// duct, which ends the run, and the carrier that delivers for it.
  extension SimulatedHistory {
    func duct() {
      guard ductIsAlive else {
        // Without duct the carrier hears of nothing more, and ends.
        if carrier != nil, kind == .direct || chance.happens(100) { killCarrier() }
        return
      }
      if !relayIsAlive, !streamsHaveEnded, keepers == nil {
        note("another relay")
        return startRelay()
      }
      if carrier == nil, carrierStarts < 5, !isDelivered {
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
        guard carrier?.isDone == true || carrier == nil && carrierStarts >= 5 else { return }
        endActions.removeFirst()
        isDelivered = true
        wasDiscarded = true
        removeOurs()
        endActions += end.step(.discarded(streamsHaveEnded: streamsHaveEnded))
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
        // A process that hangs stays, and goes on once the server answers.
        if carrier != nil, !isHanging { killCarrier() }
        ductIsAlive = false
        note("duct ends")
      }
    }

    func removeOurs() {
      let (failures, outage, away) = (fileSystem.failures, fileSystem.outage, fileSystem.isAway)
      (fileSystem.failures, fileSystem.outage, fileSystem.isAway) = (0, nil, false)
      defer { (fileSystem.failures, fileSystem.outage, fileSystem.isAway) = (failures, outage, away) }
      for (name, target) in [("stdout", RelayStatus.Target.stdout), ("stderr", .stderr), ("info", .info)] {
        for note in status.notes(of: target) {
          let names = TargetNames(path: FilePath("/\(name)"), label: SimulatedDeliverer.label)
          func spelled(_ name: TargetName) -> String {
            String(decoding: names.path(name).nameBytes, as: UTF8.self)
          }
          // As RecordFile.remove does it.
          let linked = note.link.flatMap { fileSystem.inode(spelled(.temporary($0))) }.map(
            fileSystem.identity)
          let place = spelled(.place(note.name))
          if let found = fileSystem.inode(place).map(fileSystem.identity),
            found.isFile(noted: note.identity)
              || found.isSameFile(as: note.identity)
                && linked.map({ $0.isSameFile(as: found) && $0.links > 1 }) == true
          {
            try? fileSystem.remove(place, &chance)
          }
          if let link = note.link, let linked, linked.isSameFile(as: note.identity) {
            try? fileSystem.remove(spelled(.temporary(link)), &chance)
          }
        }
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
      if kind == .direct { for job in carrier?.jobs ?? [] where job.isGrowth { job.isCarried = false } }
      if isEnding { carrier?.isFinishing = true }
    }

    func info(_ number: Int) -> [UInt8] { Array("{info \(number) of the run}".utf8) }

    func notePlaces() {
      for job in carrier?.jobs ?? [] where job.wasMade { known.lastPlaces[job.name] = carrier?.place(job) }
    }

    func killCarrier() {
      notePlaces()
      carrier?.die()
      carrier = nil
      carrierPause = 10
      hangsUntil = 0
    }
  }
#endif
