internal import SystemCalls
internal import SystemPackage

/// The life of a file in the log directory that a growing source is delivered into. Decides and makes no calls:
/// each step takes the result of the last action and returns the next one. docs/architecture.md draws it.
///
/// Only bytes that an fsync has covered count as delivered (`proven`). After any failure, the next turn checks
/// the file, opens it again, truncates it to `proven` and continues there. A file is ours only if its identity is
/// known: this process created it under a name that no one else uses, or an earlier process of the run has noted
/// it. Every other file stays as it is, and ours goes beside it.
///
/// A turn has these parts, each in its own file: finding the file, making one if there is none, restoring what it
/// has lost, writing, ending.
///
/// Example. "B" is our file; "→" shows the event. The first turn delivers 100 bytes:
///
///     create(temporary 0)                  → opened(B)
///     rememberBoth(B)                      → done
///     giveName(temporary 0, to: place 0)   → done
///     remember(B)                          → done
///     dropOld                              → done
///     writeNext(at: 0)                     → wrote(to: 100)
///     writeNext(at: 100)                   → nothing(length: 100)
///     sync                                 → done
///     prove(100)                           → proven
///     finished
///
/// In the next turn, 250 bytes are there, and someone has truncated the file to 40:
///
///     look(place 0)                        → found(B, 40 bytes)
///     prove(40)                            → proven
///     rewrite(at: 40, upTo: 100)           → wrote(to: 100)
///     sync                                 → done
///     size                                 → found(B, 100 bytes)
///     prove(100)                           → proven      reports `restored`
///     dropOld                              → done
///     writeNext(at: 100)                   → failed(EIO)
///     failed                                             the file is now suspect
///
/// The turn after that writes bytes 100..<250 again, because only 100 are proven:
///
///     look(place 0)                        → found(B, 230 bytes)
///     open(place 0)                        → opened(B)
///     truncate(100)                        → done
///     dropOld, writeNext(at: 100) ...
struct FileDelivery: Sendable {
  enum Life: Sendable, Equatable {
    /// No file is ours yet.
    case unmade
    /// Earlier processes of the run have noted these files; this process has not checked them yet.
    case noted([TargetNote])
    /// Open in this process. The last check has shown that it is ours.
    case open(FileIdentity)
    /// Ours, but the bytes behind `proven` may be wrong, and its descriptor is not reliable.
    case suspect(FileIdentity)
    /// Everything is in the file, and close has succeeded.
    case closed

    var identity: FileIdentity? {
      switch self {
      case .open(let known), .suspect(let known): known
      case .unmade, .noted, .closed: nil
      }
    }
  }

  /// What a turn has to deliver.
  struct Turn: Sendable, Equatable {
    var length: Int
    var isComplete: Bool
    /// Nothing is delivered after this turn: check the file in any case, and close it.
    var isLast: Bool
    /// Bytes per turn.
    var most = 64 << 20
  }

  /// A change that someone else has made to our file or to what waits.
  enum Discovery: Sendable, Equatable {
    /// Another file has its name. Ours has the name with this number.
    case displaced(name: Int)
    /// Someone removed or truncated the file. It is restored, except for this many bytes, which no one has any
    /// more.
    case restored(missing: Int)
    /// This many waiting bytes could not be read back.
    case lost(Int)
  }

  /// The purpose of the last action, by part of the turn.
  enum Step: Sendable, Equatable {
    case idle
    case finding(Finding)
    case making(Making)
    case restoring(Restoring)
    case writing(Writing)
    case ending(Ending)
  }

  /// A file that this process has created. Whether it has its name is not certain, since a call may have been
  /// carried out although it reported an error.
  struct Candidate: Sendable, Equatable {
    var identity: FileIdentity
    /// The number of the temporary name under which it was created.
    var number: Int
  }

  /// Why a further file is created.
  enum Cause: Sendable, Equatable {
    case displaced, removed
  }

  /// The most names that a turn tries before it fails.
  static let mostNames = 16

  var life: Life
  /// The number of the name that the file has.
  var name = 0
  var proven: Int
  var discoveries: [Discovery] = []
  var turn = Turn(length: 0, isComplete: false, isLast: false)
  var step = Step.idle
  /// A noted file was not found. Its directory may have been unreachable, so the turn searches once more
  /// (`hasLookedAgain`).
  var missedNote = false
  var hasLookedAgain = false
  var candidate: Candidate?
  /// Earlier candidates of this process.
  var abandoned: [Candidate] = []
  /// The candidate is noted in addition to the file that is certainly ours.
  var notesCandidate = false
  var cause: Cause?
  /// The length up to which a new or truncated file must be restored.
  var restoreTo: Int
  /// The number of the temporary name of the latest file.
  var temporary = 0
  /// What was done in this turn.
  var hasTriedCandidate = false
  var hasCleaned = false
  var leftNames: LeftNames
  /// The file system has no hard links, so the file is created directly under its own name.
  var isMadeInPlace = false
  /// Temporary names that files of ours also have: see `TargetNote.link`.
  var links: [Int: FileIdentity] = [:]
  /// Second names of earlier files that could not be removed. The last turn tries them again.
  var stuckLinks: Set<Int> = []
  /// The last note of the file, if its identity is not certain.
  var lastNote: TargetNote?
  var namesTried = 0
  /// How many times the file with our name may be removed, so that ours gets the name.
  var namesToTake: Int
  /// The user id of this process.
  let owner: UInt32

  /// - Parameters:
  ///   - notes: the files that earlier processes of the run have noted.
  ///   - proven: bytes that are proven to be in that file.
  ///   - isSuccessor: an earlier process may have left temporary files.
  ///   - takesName: make the file's own name ours, even if another file has it.
  ///   - owner: the user id of this process.
  init(
    notes: [TargetNote] = [], proven: Int = 0, isSuccessor: Bool = false, takesName: Bool = false,
    owner: UInt32
  ) {
    life = notes.isEmpty ? .unmade : .noted(notes)
    name = notes.last?.name ?? 0
    self.proven = proven
    restoreTo = proven
    leftNames = LeftNames(isSuccessor: isSuccessor)
    namesToTake = takesName ? 3 : 0
    self.owner = owner
  }

  /// The name that the file has or will get.
  var place: TargetName { .place(name) }

  // MARK: A turn

  mutating func begin(_ turn: Turn) -> Action {
    self.turn = turn
    discoveries = []
    (missedNote, hasLookedAgain, hasTriedCandidate, hasCleaned) = (false, false, false, false)
    namesTried = 0
    switch life {
    case .closed: return .finished(hasMore: false)
    case .noted(let notes): return lookAtNoted(notes)
    case .unmade: return candidate == nil ? create() : go(.finding(.lookingForCandidate), .look(place))
    case .open:
      // A source without bytes, such as a stream that printed nothing, still gets its file.
      if proven >= turn.length, !turn.isComplete, !turn.isLast { return .finished(hasMore: false) }
      return go(.finding(.looking), .look(place))
    case .suspect: return go(.finding(.looking), .look(place))
    }
  }

  mutating func step(_ event: Event) -> Action {
    switch step {
    case .idle: .finished(hasMore: false)
    case .finding(let step): self.step(step, event)
    case .making(let step): self.step(step, event)
    case .restoring(let step): self.step(step, event)
    case .writing(let step): self.step(step, event)
    case .ending(let step): self.step(step, event)
    }
  }

  mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  mutating func finish(hasMore: Bool) -> Action {
    step = .idle
    return .finished(hasMore: hasMore)
  }

  /// Ends the turn with an error. The next turn trusts only what is proven.
  mutating func fail(_ operation: String, _ error: Errno, at name: TargetName? = nil) -> Action {
    step = .idle
    isMadeInPlace = false
    if case .open(let known) = life { life = .suspect(known) }
    return .failed(operation, error, at: name ?? place)
  }

  /// A note of our file, with its second name if it has one.
  func note(_ identity: FileIdentity) -> TargetNote {
    TargetNote(
      identity: identity, name: name, link: links.first { identity.isSameFile(as: $0.value) }?.key)
  }
}
