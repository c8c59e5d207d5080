#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import ResilientIO

  /// The kind of file system that a history has.
  struct SimulatedTraits {
    /// It can exchange two names. NFS cannot.
    var hasExchange: Bool
    /// It can give a name only if no file has it, by link(2) or by renameat2(2).
    var givesNewNames: Bool
    /// It reports when a file was created, or has file handles. Otherwise a reused inode number looks like the same
    /// file.
    var tellsBirth: Bool
    /// It accepts writes that it may lose until an fsync has covered them.
    var losesWrites: Bool
    /// Its server reports lost data only at close, although it confirms each fsync.
    var tellsAtCloseOnly: Bool
  }

  /// A directory in memory that behaves like a local disk or like NFS, and that rivals use too.
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
      /// Ranges that were written and that no fsync has covered.
      var dirty: [Range<Int>] = []
      /// Data was lost, and no call has reported it.
      var hasLost = false
      /// The content as its owner left it, to detect that somebody else changed it.
      var expected: [UInt8]?

      init(number: UInt64, birth: Int, owner: Owner, data: [UInt8]) {
        (self.number, self.birth, self.owner, self.data) = (number, birth, owner, data)
        modification = birth
      }

      /// Truncates the data to `length`.
      func cut(to length: Int) {
        data.removeLast(max(data.count - length, 0))
        dirty = dirty.map { $0.clamped(to: 0..<length) }.filter { !$0.isEmpty }
      }
    }

    final class Handle {
      let inode: Inode
      /// Data was lost while this handle was open.
      var hasLost = false
      init(_ inode: Inode) { self.inode = inode }
    }

    let traits: SimulatedTraits
    /// The file under each name.
    var names: [String: Inode] = [:]
    /// The names that rivals have given to their files.
    var rivalNames: [String: Inode] = [:]
    var handles: [ObjectIdentifier: Handle] = [:]
    private var time = 1
    var freeNumbers: [UInt64] = []
    private var nextNumber: UInt64 = 100
    /// The log directory was moved away, and comes back later.
    var isAway = false
    /// The log directory does not exist yet.
    var isMissing = false
    /// If set, every call fails with it.
    var outage: Errno?
    /// What the directory refuses, although files can be created in it.
    var refusal = Refusal.nothing

    enum Refusal: CaseIterable {
      case nothing
      case renames
      /// Like a directory with `chattr +a`.
      case renamesAndRemovals
    }

    /// Calls in a thousand that fail at random.
    var failures = 0
    /// The server reported at the close of a killed process that it lost data, after it had confirmed an fsync.
    var wentUnheard = false
    /// Each write takes only a random part of its bytes.
    var shortWrites = false
    /// The first thing that the run did to a rival's file.
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

    /// Gives a name to a file, or removes the name if `inode` is nil.
    func set(_ name: String, _ inode: Inode?) {
      if let old = names[name] {
        old.links -= 1
        // The inode number is free once no process has the file open.
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
