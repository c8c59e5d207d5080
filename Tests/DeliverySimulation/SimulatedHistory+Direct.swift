#if DEBUG || DUCT_SIMULATION
  import SystemCalls

  @testable import OutputRelay
  @testable import ResilientIO

  /// Log files that the relay writes itself, as on a local file system. duct looks whether they are still what their
  /// names lead to; what is left of one that is not goes to the spool, and from there to a file made anew.
  extension SimulatedHistory {
    /// As duct does it before the command starts.
    func makeLogFiles() throws {
      for (index, target) in [RelayStatus.Target.stdout, .stderr].enumerated() {
        let handle = try fileSystem.create(Self.names[index], &chance)
        status.remember(TargetNote(identity: fileSystem.identity(handle.inode), name: 0), as: target)
        stores[index].log = .open(handle)
      }
    }

    /// Nil where the log file is not open any more.
    func openLog(_ index: Int) -> SimulatedFileSystem.Handle? {
      if case .open(let handle) = stores[index].log { handle } else { nil }
    }

    /// Whether what a log file's name leads to is the file that the relay has open. In doubt it is not.
    private func isInPlace(_ index: Int, _ log: SimulatedFileSystem.Handle) -> Bool {
      let found = try? fileSystem.look(Self.names[index], &chance)
      return found?.isSameFile(as: fileSystem.identity(log.inode)) == true
    }

    /// As OutputCapture does it.
    func checkLogFiles() {
      for index in stores.indices {
        guard let log = openLog(index), !status.hasLeftLog(stream: index),
          let next = stores[index].next(after: OutputStores.Kind.log.rawValue)
        else { continue }
        if isInPlace(index, log) { continue }
        note("the log file of stream \(index) is not in its place, ended \(status[index].hasEnded)")
        if status[index].hasEnded {
          status.leaveLogAfterEnd(for: next, stream: index)
        } else {
          status.requestLeavingLog(stream: index)
          wake.isWanted = true
        }
      }
    }

    /// Has what the relay does not write itself any more delivered, as StreamDelivery does it.
    func adoptLeft() {
      for index in stores.indices
      where status.hasLeftLog(stream: index) && carrier?.jobs[index].isDelivered == false {
        guard let log = openLog(index) else { continue }
        let start = status.deliveryStart(stream: index) ?? 0
        // What is in a file without a name would be gone with the last descriptor.
        if !isInPlace(index, log) { heads[index] = Array(log.inode.data.prefix(start)) }
        note("stream \(index) is delivered from \(start) on")
        carrier?.adopt(index, proven: start)
      }
    }

    /// The command has ended: what is in the pipes is asked for, and then everything is delivered.
    func drainLogFiles() -> Bool {
      guard let request = syncRequest else {
        checkLogFiles()
        syncRequest = status.requestSync()
        wake.isWanted = true
        return false
      }
      guard status.isSynced(request) || streamsHaveEnded else { return false }
      // A stream that has ended meanwhile did not hear of it.
      checkLogFiles()
      adoptLeft()
      return true
    }

    // MARK: Recovery

    /// The processes that had the log files open have gone.
    func closeLogFiles() {
      for index in stores.indices {
        if let log = openLog(index) {
          // What nobody has open and nobody has copied is gone with its last name.
          if heads[index] == nil, fileSystem.inode(Self.names[index]) !== log.inode {
            known.takenAway[index].append(0..<(status.deliveryStart(stream: index) ?? 0))
          }
          _ = fileSystem.close(log)
        }
        stores[index].log = nil
      }
    }

    /// The beginning of a stream, for `recover`: from the copy in the spool, or from its file. See RecoveredRun.
    func beginning(_ index: Int, _ left: RelayStatus) -> SimulatedStores.Log? {
      if let head = heads[index] { return .copy(head) }
      guard !fileSystem.isAway, let inode = fileSystem.inode(Self.names[index]),
        left.isNoted(fileSystem.identity(inode), as: index == 0 ? .stdout : .stderr)
      else { return nil }
      return .open(SimulatedFileSystem.Handle(inode))
    }

    /// What others have cut off a log file before it was left: there is no second copy.
    func noteCut(_ name: String, to length: Int) {
      guard let inode = fileSystem.inode(name) else { return }
      for index in stores.indices where openLog(index)?.inode === inode {
        let most = status.deliveryStart(stream: index) ?? .max
        if length < min(inode.data.count, most) {
          known.takenAway[index].append(length..<min(inode.data.count, most))
        }
      }
    }
  }
#endif
