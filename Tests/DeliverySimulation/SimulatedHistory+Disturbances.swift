#if DEBUG || DUCT_SIMULATION
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  /// Disturbances of a run: faults of the directory and of the disk, killed processes, rivals.
  extension SimulatedHistory {
    func disturb() {
      known.hadFaults = true
      switch chance.below(9) {
      case 0:
        fileSystem.outage =
          fileSystem.outage == nil
          ? chance.one(of: [.permissionDenied, Errno(rawValue: 127), .ioError]) : nil
        note("outage \(fileSystem.outage.map { "\($0)" } ?? "ends")")
      case 1 where steps >= awayUntil:
        fileSystem.isAway.toggle()
        if fileSystem.isAway { awayUntil = steps + 30 }
        note("directory away \(fileSystem.isAway)")
      case 2, 3:
        if fileSystem.traits.losesWrites, fileSystem.loseWrites() {
          if fileSystem.traits.tellsAtCloseOnly { known.wasTamperedWith = true }
          note("writes are lost")
        }
      case 4:
        for store in stores where store.stores[1] != nil {
          let held = store.stores[1]?.held ?? 0
          store.stores[1]?.capacity = chance.happens(500) ? held : .max
        }
        note("the spool's disk is full, or has space")
      case 5:
        if chance.happens(300), let store = stores.first, let length = store.length(1), length > 10 {
          // After what is proven. Earlier bytes are read again only for repairs.
          let first = max(status.proven(stream: 0) - (status.start(of: 1, stream: 0) ?? 0), 0)
          if first < length {
            let from = first + chance.below(length - first)
            store.stores[1]?.unreadable = from..<min(from + 1 + chance.below(6000), length)
            // Only if the relay writes nothing into it later.
            store.stores[1]?.takesNothing = true
            known.storesLost = true
            note("the spool cannot read \(from) and on")
          }
        }
      case 6:
        refuse()
      default:
        fileSystem.outage = nil
        fileSystem.refusal = .nothing
        if steps >= awayUntil { fileSystem.isAway = false }
      }
    }

    /// The spool takes nothing more, or the directory refuses some calls.
    private func refuse() {
      if chance.happens(100) {
        for store in stores { store.stores[1]?.takesNothing = true }
        return
      }
      fileSystem.refusal =
        fileSystem.refusal == .nothing ? chance.one(of: [.renames, .renamesAndRemovals]) : .nothing
      note("the directory refuses \(fileSystem.refusal)")
    }

    func kill() {
      known.wasKilled = true
      switch chance.below(4) {
      case 0 where ductIsAlive:
        ductIsAlive = false
        if kind == .direct, carrier != nil { killCarrier() }
        note("duct killed")
      case 1 where relayIsAlive:
        relayIsAlive = false
        keepers = nil
        note("relay killed")
      case 2 where carrier != nil && kind == .delivered:
        killCarrier()
        note("carrier killed")
      case 3 where chance.happens(200):
        if carrier != nil { killCarrier() }
        (ductIsAlive, relayIsAlive) = (false, false)
        keepers = nil
        note("everything killed")
      default: break
      }
    }

    /// A call hangs, or the hanging carrier is killed. A process cannot leave a call that hangs; only a kill ends
    /// it, and the server may still perform the call.
    func hang() {
      guard let carrier else { return }
      if !isHanging, chance.happens(4), isDue {
        hangsUntil = steps + chance.one(of: [20, 300, 5000])
        note("a call hangs until step \(hangsUntil)")
      } else if isHanging, chance.happens(3), isDue {
        known.wasKilled = true
        if chance.happens(500) { carrier.step(&chance) }
        killCarrier()
        note("carrier killed in a call that hangs")
      }
    }

    var isHanging: Bool { carrier != nil && steps < hangsUntil }

    func rival() {
      let names = ["stdout", "info", "stderr", "stdout.run", "info.run"]
      let name = chance.one(of: names)
      let index = name.hasPrefix("stderr") ? 1 : 0
      switch chance.below(6) {
      case 0:
        // The file begins like ours, is empty, has our old file's inode number, or is a link.
        var start = Self.text[index].prefix(chance.one(of: [0, 0, 5, 3000, 40_000]))
        if kind == .direct { start += Array("of another".utf8) }
        let number = fileSystem.inode(name)?.number
        if let inode = fileSystem.inode(name), inode.owner == .run { known.wasTamperedWith = true }
        fileSystem.rivalPuts(name, Array(start), isLink: chance.happens(100), reusing: number)
        note("rival puts \(name) with \(start.count) bytes")
      case 1:
        if fileSystem.inode(name)?.owner == .run { known.wasTamperedWith = true }
        fileSystem.rivalRemoves(name)
        note("rival removes \(name)")
      case 2:
        let length = chance.below(30_000)
        if let inode = fileSystem.inode(name), inode.owner == .run, !name.hasPrefix("info") {
          known.wasTamperedWith = true
          noteCut(name, to: length)
          fileSystem.rivalCuts(name, length)
          note("rival cuts \(name) to \(length)")
        }
      case 3:
        if fileSystem.inode(name)?.owner == .run { known.wasTamperedWith = true }
        fileSystem.rivalMoves(name)
        note("rival moves \(name)")
      default: break
      }
    }
  }
#endif
