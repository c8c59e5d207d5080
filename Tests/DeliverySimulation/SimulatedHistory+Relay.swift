#if DEBUG || DUCT_SIMULATION
  import SystemPackage

  @testable import OutputRelay

  /// The command, and the relay that keeps the command's pipes read.
  extension SimulatedHistory {
    func command() {
      if pipesHaveEnded { return }
      for index in 0..<Self.streamCount where printed[index] < toPrint[index] {
        // A pipe holds 64 KiB. Only the relay empties it.
        let room = (64 << 10) - (printed[index] - (keepers?[index].written ?? status[index].written))
        guard relayIsAlive, room > 0 else { continue }
        printed[index] += min(1 + chance.below(20 << 10), toPrint[index] - printed[index], room)
      }
      if printed == toPrint, chance.happens(200) {
        if leavesDaemon, !commandHasEnded {
          commandHasEnded = true
        } else {
          (commandHasEnded, pipesHaveEnded) = (true, true)
        }
        note("command ended, pipes \(pipesHaveEnded)")
      }
    }

    // MARK: The relay

    func startRelay() {
      keepers = (0..<Self.streamCount).map { index in
        let position = status.currentStore(stream: index).flatMap { stores[index].length($0) }
        return StreamKeeper(index: index, stores: stores[index], status: status, position: position)
      }
      relayIsAlive = true
      enforceLimits()
    }

    func enforceLimits() {
      guard var keepers else { return }
      StreamKeeper.enforce(memoryLimit, of: .memory, &keepers)
      if let spoolLimit { StreamKeeper.enforce(spoolLimit, of: .spool, &keepers) }
      self.keepers = keepers
    }

    func relay() {
      guard relayIsAlive, var keepers else { return }
      let before = droppedBytes
      var storesFailed = false
      for index in keepers.indices {
        let before = keepers[index].written
        switch move(&keepers[index]) {
        case .killed:
          // The relay is killed before it could record the move.
          relayIsAlive = false
          self.keepers = nil
          known.wasKilled = true
          return note("relay killed in mid-move")
        case .storesFailed: storesFailed = true
        case .moved: break
        }
        if pipesHaveEnded, before == printed[index], !keepers[index].isDone {
          keepers[index].end()
          note("stream \(index) ended at \(printed[index])")
        }
      }
      let waiting = (
        spool: self.waiting(keepers, in: .spool), memory: self.waiting(keepers, in: .memory)
      )
      self.keepers = keepers
      enforceLimits()
      if wake.isWanted {
        wake.isWanted = false
        for index in keepers.indices { self.keepers?[index].serveRequests() }
      }
      if let request = status.waitingSync, self.keepers?.map(\.written) == printed {
        status.noteSynced(request)
      }
      if status.ending != .removed {
        if !storesFailed { checkDrops(since: before, waiting: waiting) }
        checkLimits()
      }
      if self.keepers?.allSatisfy(\.isDone) == true, !ductIsAlive || status.ending != .none { endRelay() }
    }

    private func append(_ bytes: ArraySlice<UInt8>, to store: Int, of index: Int) throws(Errno) -> Int {
      guard store == OutputStores.Kind.log.rawValue, let log = openLog(index) else {
        return try stores[index].append(store, bytes)
      }
      let count = try fileSystem.write(log, bytes, at: stores[index].logPosition, &chance)
      stores[index].logPosition += count
      return count
    }

    private enum Move { case moved, storesFailed, killed }

    /// Moves bytes once, if the pipe has any.
    private func move(_ keeper: inout StreamKeeper) -> Move {
      let index = keeper.index
      let before = keeper.written
      var tries = 0
      var result = Move.moved
      while keeper.written == before, before < printed[index], !keeper.isDone {
        tries += 1
        if tries > 50 {
          known.fault("the command is blocked: its pipe is not read")
          break
        }
        let most = min(printed[index] - before, 20 << 10)
        guard let store = keeper.store else {
          result = .storesFailed
          keeper.lose(most)
          continue
        }
        do throws(Errno) {
          let count = try append(Self.text[index][before..<before + most], to: store, of: index)
          if chance.happens(2) { return .killed }
          keeper.note(count)
        } catch {
          result = .storesFailed
          note("store \(store) of stream \(index) fails: \(error)")
          keeper.storeFailed(error)
        }
      }
      return result
    }

    /// In reality the relay outlives duct and then does what `recover` does. Here `recover` runs at the end.
    func endRelay() {
      relayIsAlive = false
      keepers = nil
      note("relay ends")
    }

    /// Moves what is in the pipes, and ends the streams.
    func finishRelay() {
      if var keepers {
        if kind == .direct, wake.isWanted { for index in keepers.indices { keepers[index].serveRequests() } }
        for index in keepers.indices where !keepers[index].isDone {
          while keepers[index].written < printed[index] {
            let written = keepers[index].written
            guard let store = keepers[index].store,
              let count = try? append(Self.text[index][written..<printed[index]], to: store, of: index)
            else {
              if keepers[index].store == nil {
                keepers[index].lose(printed[index] - written)
              } else {
                keepers[index].storeFailed(.ioError)
              }
              continue
            }
            keepers[index].note(count)
          }
          keepers[index].end()
        }
      }
      keepers = nil
      relayIsAlive = false
    }
  }
#endif
