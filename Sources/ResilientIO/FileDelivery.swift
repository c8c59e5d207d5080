internal import SystemCalls
internal import SystemPackage

/// The life of a file in the log directory that a growing source is delivered into. Decides, and calls nothing:
/// each step takes what became of the last action, and gives the next one. docs/architecture.md draws it.
///
/// Only what an fsync has covered counts as delivered (`proven`). After any failure the file is looked at, opened
/// anew, cut to that length and written from there. A file is ours only if its identity is known: because this
/// process has made it under a name that nobody else uses, or because an earlier process of the run has noted it.
/// Every other file is left alone, whatever is in it, and ours goes beside it.
///
/// A turn goes through these parts, each in a file of its own: finding the file, making one where there is none,
/// restoring what it has lost, writing, ending.
struct FileDelivery: Sendable {
  enum Life: Sendable, Equatable {
    /// No file is ours yet.
    case unmade
    /// Earlier processes of the run have noted these; nobody has looked yet.
    case noted([TargetNote])
    /// Open here, and ours at the last look.
    case open(FileIdentity)
    /// Ours, but what lies behind `proven` may be anything, and its descriptor is not to be relied on.
    case suspect(FileIdentity)
    /// Everything is in it, and its close was heard.
    case closed

    var identity: FileIdentity? {
      switch self {
      case .open(let known), .suspect(let known): known
      case .unmade, .noted, .closed: nil
      }
    }
  }

  /// What there is to deliver.
  struct Turn: Sendable, Equatable {
    var length: Int
    var isComplete: Bool
    /// Nothing is delivered after this: the file is looked at in any case, and closed.
    var isLast: Bool
    /// Bytes at a time.
    var most = 64 << 20
  }

  /// What became of a file that somebody else has touched.
  enum Discovery: Sendable, Equatable {
    /// Another file has its name; ours is at another.
    case displaced(name: Int)
    /// It was removed or shortened, and is whole again but for so many bytes that nobody has any more.
    case restored(missing: Int)
    /// So many bytes could not be read back from where they waited.
    case lost(Int)
  }

  /// What the last action was for, by the part of the turn.
  enum Step: Sendable, Equatable {
    case idle
    case finding(Finding)
    case making(Making)
    case restoring(Restoring)
    case writing(Writing)
    case ending(Ending)
  }

  /// A file that this process has made, and perhaps named: that is not known for certain, since a call that was
  /// answered by an error may have been carried out.
  struct Candidate: Sendable, Equatable {
    var identity: FileIdentity
    /// Of the temporary name that it was made under.
    var number: Int
  }

  /// Why a file is made that is not the first.
  enum Cause: Sendable, Equatable {
    case displaced, removed
  }

  /// More files under our names are not passed by in one turn.
  static let mostNames = 16

  var life: Life
  /// Which of its names it has.
  var name = 0
  var proven: Int
  var discoveries: [Discovery] = []
  var turn = Turn(length: 0, isComplete: false, isLast: false)
  var step = Step.idle
  /// A noted file was not there. Its directory may have been away: once in a turn it is looked for again.
  var missedNote = false
  var hasLookedAgain = false
  var candidate: Candidate?
  /// Earlier ones of this process.
  var abandoned: [Candidate] = []
  /// The candidate is noted beside what is ours for certain.
  var notesCandidate = false
  var cause: Cause?
  /// What a file that is made anew held before.
  var restoreTo: Int
  /// The temporary name that is used next.
  var temporary = 0
  var leftNames: LeftNames
  /// Where no file can be given a second name, it is made under its own.
  var isMadeInPlace = false
  /// Temporary names that files of ours have as well: see TargetNote.link.
  var links: [Int: FileIdentity] = [:]
  /// How it looked when it was noted last, where its identity is not certain.
  var lastNote: TargetNote?
  var namesTried = 0
  /// Whoever has the name loses it, so many times.
  var namesToTake: Int
  /// The user that we are.
  let owner: UInt32

  /// - Parameters:
  ///   - notes: the files that earlier processes of the run have noted.
  ///   - proven: bytes that are in that file.
  ///   - isSuccessor: an earlier process may have left temporary names.
  ///   - takesName: its own name shall be ours, whoever has it.
  ///   - owner: the user that we are.
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

  /// Where it is, or will be.
  var place: TargetName { .place(name) }

  // MARK: A turn

  mutating func begin(_ turn: Turn) -> Action {
    self.turn = turn
    discoveries = []
    (missedNote, hasLookedAgain) = (false, false)
    namesTried = 0
    switch life {
    case .closed: return .finished(hasMore: false)
    case .noted(let notes): return lookAtNoted(notes)
    case .unmade: return candidate == nil ? create() : go(.finding(.lookingForCandidate), .look(place))
    case .open:
      // A source without a byte, such as a stream that printed nothing, still has its file.
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

  /// The turn has failed. The next one trusts nothing but what is proven.
  mutating func fail(_ operation: String, _ error: Errno, at name: TargetName? = nil) -> Action {
    step = .idle
    isMadeInPlace = false
    if case .open(let known) = life { life = .suspect(known) }
    return .failed(operation, error, at: name ?? place)
  }

  /// A note of the file that is ours, with its second name if it has one.
  func note(_ identity: FileIdentity) -> TargetNote {
    TargetNote(
      identity: identity, name: name, link: links.first { identity.isSameFile(as: $0.value) }?.key)
  }
}
