#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay
  @testable import ResilientIO

  /// Checks that must hold at the end, when the directory works and `recover` has run.
  extension SimulatedHistory {
    /// False if an empty file, created by a call that reported an error, may be indistinguishable from a rival's.
    /// That happens on a file system that cannot give second names.
    var isCertain: Bool {
      fileSystem.traits.givesNewNames
        || fileSystem.traits.tellsBirth && !known.hadFaults && !known.wasKilled
    }

    func verify(_ final: SimulatedDeliverer?) throws {
      if let name = fileSystem.missingRivalName, !known.wasKilled {
        throw Violation(description: "another's \(name) is not under its name any more")
      }
      if status.ending == .removed || wasDiscarded { return try verifyRemoval() }
      for index in 0..<Self.streamCount {
        let name = Self.names[index]
        let place = self.place(name, final)
        try verifyStream(index, place, final?.status ?? status)
        try verifyName(name, place)
      }
      if infoNumber > 0 { try verifyInfo(final) }
      if final != nil, isCertain, fileSystem.traits.tellsBirth || !hasRivals {
        // A rival's file that a call put under a temporary name by mistake stays there if no other name is free.
        try verifyAbsence(of: temporaryNames) { $0.owner == .run || $0.data.isEmpty || $0.links > 1 }
      }
      if !hasRivals, !known.wasKilled, fileSystem.traits.givesNewNames, isCertain {
        let others = fileSystem.names.keys.filter { !Self.names.contains($0) }
        if !others.isEmpty { throw Violation(description: "left beside the records: \(others.sorted())") }
      }
    }

    /// Where `recover`, or else the last carrier, put a file.
    private func place(_ name: String, _ final: SimulatedDeliverer?) -> String {
      let job = final?.jobs.first { $0.name == name }
      return job.flatMap { final?.place($0) } ?? known.lastPlaces[name] ?? name
    }

    private func verifyName(_ name: String, _ place: String) throws {
      if !hasRivals, isCertain, place != name {
        throw Violation(description: "\(name) is at \(place), and nobody had its name")
      }
    }

    private func verifyRemoval() throws {
      guard isCertain, !known.wasAwayAtRemoval, fileSystem.traits.tellsBirth || !hasRivals else { return }
      try verifyAbsence(of: Self.names.flatMap { [$0, $0 + ".run"] } + temporaryNames)
    }

    private var temporaryNames: [String] {
      Self.names.flatMap { name in
        ((0..<8) + [99]).map { SimulatedDeliverer.spelled(name, .temporary($0)) }
      }
    }

    private func verifyAbsence(
      of names: [String], if isWanted: (SimulatedFileSystem.Inode) -> Bool = { _ in true }
    ) throws {
      for name in names {
        guard let inode = fileSystem.inode(name), inode.owner == .run, isWanted(inode) else { continue }
        throw Violation(description: "\(name) of the run is there")
      }
    }

    private func verifyInfo(_ final: SimulatedDeliverer?) throws {
      let place = self.place("info", final)
      let found = fileSystem.inode(place).map { String(decoding: $0.data, as: UTF8.self) }
      let wanted = String(decoding: info(infoNumber), as: UTF8.self)
      // No process recreates a file that a rival removed after the run was over.
      if found != wanted, !(hasRivals && final == nil) {
        throw Violation(description: "\(place) has \(found ?? "nothing"), and not \(wanted)")
      }
      try verifyName("info", place)
    }

    private func verifyStream(_ index: Int, _ place: String, _ page: RelayStatus) throws {
      // No process recreates a file that a rival removed after the run was over.
      guard let inode = fileSystem.inode(place), inode.owner == .run else {
        if hasRivals { return }
        throw Violation(description: "\(place) is not there")
      }
      let marks = known.marked[index].values.sorted { $0.lowerBound < $1.lowerBound }
      var expected = SimulatedExpectation(released: known.maxReleased[index])
      for range in marks where !range.isEmpty {
        // The page forgets marks whose bytes are proven. If a rival truncates the file there, they can be lost again
        // together with their surroundings, and a second mark overlaps.
        if range.lowerBound < expected.end, hasRivals { return }
        guard range.lowerBound >= expected.end else {
          throw Violation(description: "marks of \(place) overlap at \(range)")
        }
        if range.upperBound > printed[index] {
          throw Violation(description: "\(place): a mark for \(range), of \(printed[index]) bytes printed")
        }
        expected.add(Self.text[index], upTo: range.lowerBound)
        expected.addMark(for: range)
      }
      expected.add(Self.text[index], upTo: max(printed[index], expected.end))
      if inode.data == expected.bytes || expected.allows(inode.data, cut: known.takenAway[index]) { return }
      if hasRivals || known.wasTamperedWith || fileSystem.wentUnheard || !isCertain {
        // Bytes that rivals truncated or removed after the stores had released them exist nowhere, so they read as
        // NUL bytes.
        if expected.allows(inode.data, anywhere: known.storesLost || fileSystem.wentUnheard) { return }
        // No process repairs what a rival does after duct's last check.
        if hasRivals, spoolIsGone { return }
      }
      let at = zip(inode.data, expected.bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      throw Violation(
        description:
          "\(place) has \(inode.data.count) bytes where \(expected.bytes.count) are right; they differ at \(at ?? -1) (\(at.map { inode.data[$0] } ?? 0)); marks \(marks); released \(known.maxReleased[index])"
      )
    }
  }
#endif
