#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import ResilientIO

  /// Where the numbers of one history come from.
  struct SimulatedChance {
    private var state: UInt64

    init(seed: UInt64) {
      // Neighbouring seeds shall have nothing in common.
      state = seed
      state = next() ^ 0x5851_F42D_4C95_7F2D
    }

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit` - 1.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(limit, 1))) }
    mutating func happens(_ times: Int, in thousand: Int = 1000) -> Bool { below(thousand) < times }
    mutating func one<Element>(of list: [Element]) -> Element { list[below(list.count)] }
  }

  /// What kind of file system a history has.
  struct SimulatedTraits {
    /// NFS has none.
    var hasExchange: Bool
    /// Either by link(2) or by renameat2(2).
    var givesNewNames: Bool
    /// Tells when a file was made, or has handles: else a number may be given again.
    var tellsBirth: Bool
    /// Writes are accepted, and may be lost until an fsync has covered them.
    var losesWrites: Bool
    /// What was lost is told at close only, by a server that says yes to fsync.
    var tellsAtCloseOnly: Bool
  }

  /// A directory in memory with the behaviour of local disks and of NFS, among others who use it.
  final class SimulatedFileSystem {
    enum Owner: Equatable { case run, rival }

    final class Inode {
      let number: UInt64
      let birth: Int
      let owner: Owner
      var data: [UInt8]
      var links = 0
      var isLink = false
      var modification: Int
      /// Written, and in no fsync yet.
      var dirty: [Range<Int>] = []
      /// What was lost, and not told yet.
      var hasLost = false
      /// Its content as its owner left it, to see whether anybody else has been at it.
      var expected: [UInt8]?

      init(number: UInt64, birth: Int, owner: Owner, data: [UInt8]) {
        (self.number, self.birth, self.owner, self.data) = (number, birth, owner, data)
        modification = birth
      }
    }

    final class Handle {
      let inode: Inode
      /// What was lost while it was open.
      var hasLost = false
      init(_ inode: Inode) { self.inode = inode }
    }

    let traits: SimulatedTraits
    private(set) var names: [String: Inode] = [:]
    /// Names that a rival has given to its files.
    var rivalNames: [String: Inode] = [:]
    var handles: [ObjectIdentifier: Handle] = [:]
    private var time = 1
    private var freeNumbers: [UInt64] = []
    private var nextNumber: UInt64 = 100
    /// The log directory is not there: it was moved away, and comes back.
    var isAway = false
    /// Nobody has made it yet.
    var isMissing = false
    /// Every call fails.
    var outage: Errno?
    /// Calls in a thousand that fail by themselves.
    var failures = 0
    /// A server that had said yes to fsync said at the close of a killed process that it had lost something.
    var wentUnheard = false
    /// Bytes at most in one write.
    var shortWrites = false
    /// Something that the run did to another's file.
    private(set) var crime: String?

    init(_ traits: SimulatedTraits) { self.traits = traits }

    // MARK: Identities

    func identity(_ inode: Inode) -> FileIdentity {
      var found = FileIdentity(
        device: 1, inode: inode.number, size: inode.data.count,
        birth: traits.tellsBirth ? .init(seconds: inode.birth, nanoseconds: 0) : nil,
        modification: .init(seconds: inode.modification, nanoseconds: 0))
      found.links = inode.links
      found.owner = inode.owner == .run || true ? 1000 : 0
      if inode.isLink { found.kind = .link }
      return found
    }

    private func tick() -> Int {
      time += 1
      return time
    }

    private func makeInode(_ owner: Owner, _ data: [UInt8], reusing wanted: UInt64? = nil) -> Inode {
      let number: UInt64
      if let wanted, let place = freeNumbers.firstIndex(of: wanted) {
        freeNumbers.remove(at: place)
        number = wanted
      } else {
        nextNumber += 1
        number = nextNumber
      }
      return Inode(number: number, birth: tick(), owner: owner, data: data)
    }

    private func set(_ name: String, _ inode: Inode?) {
      if let old = names[name] {
        old.links -= 1
        // Its number is free once nobody has it open.
        if old.links == 0, !handles.values.contains(where: { $0.inode === old }) {
          freeNumbers.append(old.number)
        }
      }
      names[name] = inode
      inode?.links += 1
    }

    // MARK: The run's calls

    /// Fails a call, perhaps after it was carried out.
    private func check(_ chance: inout SimulatedChance, _ body: () throws(Errno) -> Void) throws(Errno) {
      if isAway || isMissing { throw .noSuchFileOrDirectory }
      if let outage { throw outage }
      if chance.happens(failures) {
        let error = chance.one(of: [
          Errno.permissionDenied, .ioError, Errno(rawValue: 127), Errno(rawValue: 116),
        ])
        // NFS: the answer was lost, and what is answered the next time is an error.
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
        // The directory itself may have gone: nothing is there either.
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
        if !traits.givesNewNames { throw .notPermitted }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        if names[to] != nil { throw .fileExists }
        set(to, inode)
        set(from, nil)
      }
    }

    func link(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        if !traits.givesNewNames { throw .notPermitted }
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        if names[to] != nil { throw .fileExists }
        set(to, inode)
      }
    }

    func exchange(_ one: String, _ other: String, _ chance: inout SimulatedChance) throws(Errno) {
      if !traits.hasExchange { throw .invalidArgument }
      try check(&chance) { () throws(Errno) in
        guard let first = names[one], let second = names[other] else { throw .noSuchFileOrDirectory }
        names[one] = second
        names[other] = first
      }
    }

    func rename(_ from: String, _ to: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        guard let inode = names[from] else { throw .noSuchFileOrDirectory }
        note(names[to], "rename over \(to)")
        set(to, inode)
        set(from, nil)
      }
    }

    func remove(_ name: String, _ chance: inout SimulatedChance) throws(Errno) {
      try check(&chance) { () throws(Errno) in
        guard let inode = names[name] else { throw .noSuchFileOrDirectory }
        note(inode, "unlink \(name)")
        set(name, nil)
      }
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
      note(inode, "truncate")
      if inode.data.count > length {
        inode.data.removeLast(inode.data.count - length)
      } else {
        inode.data.append(contentsOf: repeatElement(0, count: length - inode.data.count))
      }
      inode.dirty = inode.dirty.map { $0.clamped(to: 0..<length) }.filter { !$0.isEmpty }
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

    /// After an error it is closed all the same.
    func close(_ handle: Handle) -> Errno? {
      handles[ObjectIdentifier(handle)] = nil
      let inode = handle.inode
      if inode.links == 0, !handles.values.contains(where: { $0.inode === inode }) {
        freeNumbers.append(inode.number)
      }
      return handle.hasLost && traits.tellsAtCloseOnly ? .ioError : nil
    }

    // MARK: What happens to it

    /// A server restarts, and what it had not put on disk is gone: it reads as NUL bytes.
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

    // MARK: Another run, or somebody else

    func rivalPuts(_ name: String, _ data: [UInt8], isLink: Bool = false, reusing number: UInt64?) {
      if isAway || isMissing { return }
      if let old = names[name], old.owner == .rival { rivalNames[name] = nil }
      // Its number is free then, if nobody has it open.
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
      inode.data.removeLast(inode.data.count - length)
      inode.dirty = inode.dirty.map { $0.clamped(to: 0..<length) }.filter { !$0.isEmpty }
      inode.modification = tick()
    }

    func rivalMoves(_ name: String) {
      guard !isAway, let inode = names[name] else { return }
      set(name + ".moved\(tick())", inode)
      if let mine = rivalNames.removeValue(forKey: name) { rivalNames[name] = nil; _ = mine }
      set(name, nil)
    }

    /// What a rival has is as it left it; nil if all is well.
    var damage: String? {
      if let crime { return crime }
      for (name, inode) in rivalNames {
        if inode.expected != inode.data { return "the content of another's \(name) has changed" }
      }
      return nil
    }

    /// A rival's file that is not under its name.
    var missingRivalName: String? { rivalNames.first { names[$0.key] !== $0.value }?.key }

    func inode(_ name: String) -> Inode? { names[name] }
  }
#endif
