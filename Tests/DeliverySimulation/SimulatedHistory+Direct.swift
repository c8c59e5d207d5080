#if DEBUG || DUCT_SIMULATION
  import SystemCalls

  @testable import OutputRelay
  @testable import ResilientIO

  /// Log files that the relay writes itself, as on a local file system. duct checks whether their names still lead
  /// to them. If a name does not, the rest of that stream goes to the spool, and from there to a new file.
  extension SimulatedHistory {
    /// Creates the log files, as duct does before the command starts.
    func makeLogFiles() throws {
      for (index, target) in [RelayStatus.Target.stdout, .stderr].enumerated() {
        let handle = try fileSystem.create(Self.names[index], &chance)
        status.remember(TargetNote(identity: fileSystem.identity(handle.inode), name: 0), as: target)
        stores[index].log = .open(handle)
      }
    }

    /// The open log file of a stream; nil if it is closed.
    func openLog(_ index: Int) -> SimulatedFileSystem.Handle? {
      if case .open(let handle) = stores[index].log { handle } else { nil }
    }

    /// Whether the log file's name leads to the file that the relay has open. False if that cannot be found out.
    private func isInPlace(_ index: Int, _ log: SimulatedFileSystem.Handle) -> Bool {
      let found = try? fileSystem.look(Self.names[index], &chance)
      return found?.isSameFile(as: fileSystem.identity(log.inode)) == true
    }

    /// Does what OutputCapture does.
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

    /// Makes the carrier deliver the streams whose log files the relay has left, as StreamDelivery does.
    func adoptLeft() {
      for index in stores.indices
      where status.hasLeftLog(stream: index) && carrier?.jobs[index].isDelivered == false {
        guard let log = openLog(index) else { continue }
        let start = status.deliveryStart(stream: index) ?? 0
        // The content of a file without a name would be lost with its last descriptor.
        if !isInPlace(index, log) { heads[index] = Array(log.inode.data.prefix(start)) }
        note("stream \(index) is delivered from \(start) on")
        carrier?.adopt(index, proven: start)
      }
    }

    /// The command has ended: asks the relay to move what is in the pipes. Returns true once everything can be
    /// delivered.
    func drainLogFiles() -> Bool {
      guard let request = syncRequest else {
        checkLogFiles()
        syncRequest = status.requestSync()
        wake.isWanted = true
        return false
      }
      guard status.isSynced(request) || streamsHaveEnded else { return false }
      // A stream that has ended meanwhile did not get the request to leave its log file.
      checkLogFiles()
      adoptLeft()
      return true
    }

    // MARK: Recovery

    /// Closes the log files, since the processes that had them open are gone.
    func closeLogFiles() {
      for index in stores.indices {
        if let log = openLog(index) {
          // A file that no process has open and that was not copied is lost with its last name.
          if heads[index] == nil, fileSystem.inode(Self.names[index]) !== log.inode {
            known.takenAway[index].append(0..<(status.deliveryStart(stream: index) ?? 0))
          }
          _ = fileSystem.close(log)
        }
        stores[index].log = nil
      }
    }

    /// The beginning of a stream, for `recover`: from the copy in the spool, or from the log file. See RecoveredRun.
    func beginning(_ index: Int, _ left: RelayStatus) -> SimulatedStores.Log? {
      if let head = heads[index] { return .copy(head) }
      guard !fileSystem.isAway, let inode = fileSystem.inode(Self.names[index]),
        left.isNoted(fileSystem.identity(inode), as: index == 0 ? .stdout : .stderr)
      else { return nil }
      return .open(SimulatedFileSystem.Handle(inode))
    }

    /// Records what rivals cut off a log file before the relay left it. No second copy of it exists.
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
