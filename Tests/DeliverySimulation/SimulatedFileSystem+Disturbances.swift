#if DEBUG || DUCT_SIMULATION
  /// What a server and rivals do to the directory, and how the checks detect damage to rivals' files.
  extension SimulatedFileSystem {
    /// Restarts the server: data that it had not put on disk is lost, and reads as NUL bytes.
    ///
    /// - Returns: whether anything was lost.
    func loseWrites() -> Bool {
      var lost = false
      for inode in Set(names.values.map(ObjectIdentifier.init)).compactMap({ id in
        names.values.first { ObjectIdentifier($0) == id }
      }) where inode.owner == .run && !inode.dirty.isEmpty {
        for range in inode.dirty {
          let part = range.clamped(to: 0..<inode.data.count)
          inode.data.replaceSubrange(part, with: repeatElement(0, count: part.count))
        }
        inode.dirty = []
        inode.hasLost = true
        for handle in handles.values where handle.inode === inode { handle.hasLost = true }
        lost = true
      }
      return lost
    }

    // MARK: What rivals do: other runs, or other programs

    func rivalPuts(_ name: String, _ data: [UInt8], isLink: Bool = false, reusing number: UInt64?) {
      if isAway || isMissing { return }
      if let old = names[name], old.owner == .rival { rivalNames[name] = nil }
      // The inode number is free then, unless a process has the file open.
      if names[name] != nil { set(name, nil) }
      let inode = makeInode(.rival, data, reusing: number)
      inode.isLink = isLink
      inode.expected = data
      set(name, inode)
      rivalNames[name] = inode
    }

    func rivalRemoves(_ name: String) {
      if isAway || names[name] == nil { return }
      rivalNames[name] = nil
      set(name, nil)
    }

    func rivalCuts(_ name: String, _ length: Int) {
      guard !isAway, let inode = names[name], inode.owner == .run, inode.data.count > length else { return }
      inode.cut(to: length)
      inode.modification = tick()
    }

    func rivalMoves(_ name: String) {
      guard !isAway, let inode = names[name] else { return }
      set(name + ".moved\(tick())", inode)
      rivalNames[name] = nil
      set(name, nil)
    }

    // MARK: What the run did to rivals

    /// A description if a rival's file is not as the rival left it; nil if all are.
    var damage: String? {
      if let crime { return crime }
      for (name, inode) in rivalNames {
        if inode.expected != inode.data { return "the content of another's \(name) has changed" }
      }
      return nil
    }

    /// The name of a rival's file that is no longer under its name.
    var missingRivalName: String? { rivalNames.first { names[$0.key] !== $0.value }?.key }
  }
#endif
