#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  /// The run's system calls. Each of them can fail.
  extension SimulatedFileSystem {
    /// Fails a call at random, perhaps after performing it.
    private func check(_ chance: inout SimulatedChance, _ body: () throws(Errno) -> Void) throws(Errno) {
      if isAway || isMissing { throw .noSuchFileOrDirectory }
      if let outage { throw outage }
      if chance.happens(failures) {
        let error = chance.one(of: [
          Errno.permissionDenied, .ioError, Errno(rawValue: 127), Errno(rawValue: 116),
        ])
        // NFS: the answer was lost, so the client repeats the call, and the second answer is an error.
        if chance.happens(500) { try body() }
        throw error
      }
      try body()
    }

    func look(_ name: String, _ chance: inout SimulatedChance) throws(Errno) -> FileIdentity? {
      var found: FileIdentity?
      do throws(Errno) {
        try check(&chance) { () throws(Errno) in
          guard let inode = names[name] else { throw .noSuchFileOrDirectory }
          found = identity(inode)
        }
      } catch {
        // The directory itself may be gone. Then the file does not exist either.
        if error == .noSuchFileOrDirectory { return nil }
        throw error
      }
      return found
    }

    func open(_ name: String, _ chance: inout SimulatedChance) throws(Errno) -> Handle {
      var handle: Handle?
      try check(&chance) { () throws(Errno) in
        guard let inode = names[name] else { throw .noSuchFileOrDirectory }
        if inode.isLink { throw .tooManySymbolicLinkLevels }
        handle = Handle(inode)
      }
      guard let handle else { throw .ioError }
      handles[ObjectIdentifier(handle)] = handle
      return handle
    }

    func create(_ name: String, _ chance: inout SimulatedChance) throws(Errno) -> Handle {
      var handle: Handle?
      try check(&chance) { () throws(Errno) in
        if names[name] != nil { throw .fileExists }
        let inode = makeInode(.run, [])
        set(name, inode)
        handle = Handle(inode)
      }
      guard let handle else { throw .ioError }
      handles[ObjectIdentifier(handle)] = handle
      return handle
    }

    func giveName(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if refusal != .nothing { throw .permissionDenied }
        if !traits.givesNewNames { throw .notPermitted }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        if names[to] != nil { throw .fileExists }
        set(to, inode)
        if traits.hasExchange { set(from, nil) }
      }
      // Here duct_rename_new uses link(2) and unlink(2). The process can be killed between the two.
      if traits.hasExchange { return }
      if chance.happens(20) { throw .fileExists }
      do throws(Errno) {
        try check(&chance) { () throws(Errno) in
          guard let inode = names[from] else { throw .noSuchFileOrDirectory }
          // A rival may have put another file there after the link was made.
          noteUnlink(from, inode)
          set(from, nil)
        }
      } catch { throw .fileExists }
    }

    /// Does what duct_move does.
    func move(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if refusal != .nothing { throw .permissionDenied }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        if traits.hasExchange, names[to] != nil { throw .fileExists }
        note(names[to], "rename over \(to)")
        set(to, inode)
        set(from, nil)
      }
    }

    func link(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if refusal != .nothing { throw .permissionDenied }
        if !traits.givesNewNames { throw .notPermitted }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        if names[to] != nil { throw .fileExists }
        set(to, inode)
      }
    }

    func exchange(_ one: String, _ other: String, _ chance: inout SimulatedChance) throws(Errno) {
      if !traits.hasExchange { throw .invalidArgument }
      try check(&chance) { () throws(Errno) in
        if refusal != .nothing { throw .permissionDenied }
        guard let first = names[one], let second = names[other] else { throw .noSuchFileOrDirectory }
        names[one] = second
        names[other] = first
      }
    }

    func rename(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if refusal != .nothing { throw .permissionDenied }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        note(names[to], "rename over \(to)")
        set(to, inode)
        set(from, nil)
      }
    }

    func remove(_ name: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if refusal == .renamesAndRemovals { throw .permissionDenied }
        guard let inode = names[name] else { throw .noSuchFileOrDirectory }
        noteUnlink(name, inode)
        set(name, nil)
      }
    }

    /// The run may remove a name that it has given to a rival's file, as long as the file keeps the rival's own
    /// name.
    private func noteUnlink(_ name: String, _ inode: Inode) {
      if inode.links == 1 || rivalNames[name] === inode { note(inode, "unlink \(name)") }
    }

    private func note(_ inode: Inode?, _ what: String) {
      if inode?.owner == .rival { crime = crime ?? "\(what), which is another's" }
    }

    private func check(_ handle: Handle, _ chance: inout SimulatedChance) throws(Errno) {
      if let outage { throw outage }
      if chance.happens(failures) {
        throw chance.one(of: [Errno.permissionDenied, .ioError, Errno(rawValue: 127)])
      }
    }

    func write(
      _ handle: Handle, _ bytes: ArraySlice<UInt8>, at offset: Int, _ chance: inout SimulatedChance
    ) throws(Errno) -> Int {
      try check(handle, &chance)
      let inode = handle.inode
      note(inode, "write")
      let count = shortWrites ? min(bytes.count, 1 + chance.below(bytes.count)) : bytes.count
      if inode.data.count < offset {
        inode.data.append(contentsOf: repeatElement(0, count: offset - inode.data.count))
      }
      let end = offset + count
      if inode.data.count < end {
        inode.data.append(contentsOf: repeatElement(0, count: end - inode.data.count))
      }
      inode.data.replaceSubrange(offset..<end, with: bytes.prefix(count))
      inode.modification = tick()
      if traits.losesWrites { inode.dirty.append(offset..<end) }
      return count
    }

    func read(_ handle: Handle, _ range: Range<Int>) -> ArraySlice<UInt8> {
      let data = handle.inode.data
      guard range.lowerBound < data.count else { return [] }
      return data[range.lowerBound..<min(range.upperBound, data.count)]
    }

    func truncate(_ handle: Handle, _ length: Int, _ chance: inout SimulatedChance) throws(Errno) {
      try check(handle, &chance)
      let inode = handle.inode
      if length < 0 { throw .invalidArgument }
      note(inode, "truncate")
      inode.cut(to: length)
      inode.data.append(contentsOf: repeatElement(0, count: length - inode.data.count))
      inode.modification = tick()
    }

    func sync(_ handle: Handle, _ chance: inout SimulatedChance) throws(Errno) {
      try check(handle, &chance)
      let inode = handle.inode
      if inode.hasLost, !traits.tellsAtCloseOnly {
        inode.hasLost = false
        inode.dirty = []
        throw .ioError
      }
      inode.dirty = []
    }

    /// Makes names durable. A directory that cannot be opened is left alone, as by `FileCalls`.
    func syncDirectory(_ chance: inout SimulatedChance) throws(Errno) {
      do throws(Errno) { try check(&chance) { () throws(Errno) in } } catch {
        if error != .noSuchFileOrDirectory { throw error }
      }
    }

    /// Closes the handle, even if it returns an error.
    func close(_ handle: Handle) -> Errno? {
      handles[ObjectIdentifier(handle)] = nil
      let inode = handle.inode
      if inode.links == 0, !handles.values.contains(where: { $0.inode === inode }) {
        freeNumbers.append(inode.number)
      }
      return handle.hasLost && traits.tellsAtCloseOnly ? .ioError : nil
    }
  }
#endif
