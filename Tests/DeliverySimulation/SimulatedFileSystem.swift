#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import ResilientIO

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

      /// Takes away what lies behind `length`.
      func cut(to length: Int) {
        data.removeLast(max(data.count - length, 0))
        dirty = dirty.map { $0.clamped(to: 0..<length) }.filter { !$0.isEmpty }
      }
    }

    final class Handle {
      let inode: Inode
      /// What was lost while it was open.
      var hasLost = false
      init(_ inode: Inode) { self.inode = inode }
    }

    let traits: SimulatedTraits
    /// What is under each name.
    var names: [String: Inode] = [:]
    /// Names that a rival has given to its files.
    var rivalNames: [String: Inode] = [:]
    var handles: [ObjectIdentifier: Handle] = [:]
    private var time = 1
    var freeNumbers: [UInt64] = []
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
    var crime: String?

    init(_ traits: SimulatedTraits) { self.traits = traits }

    // MARK: Identities

    func identity(_ inode: Inode) -> FileIdentity {
      var found = FileIdentity(
        device: 1, inode: inode.number, size: inode.data.count,
        birth: traits.tellsBirth ? .init(seconds: inode.birth, nanoseconds: 0) : nil,
        modification: .init(seconds: inode.modification, nanoseconds: 0))
      found.links = inode.links
      // Rivals are other runs of the same user.
      found.owner = 1000
      if inode.isLink { found.kind = .link }
      return found
    }

    func tick() -> Int {
      time += 1
      return time
    }

    func makeInode(_ owner: Owner, _ data: [UInt8], reusing wanted: UInt64? = nil) -> Inode {
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

    /// Gives a file a name, or takes the name away.
    func set(_ name: String, _ inode: Inode?) {
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

    func inode(_ name: String) -> Inode? { names[name] }
  }
#endif
