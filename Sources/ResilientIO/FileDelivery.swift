internal import SystemCalls
internal import SystemPackage

/// The life of a file in the log directory that a growing source is delivered into. Decides, and calls nothing:
/// each step takes what became of the last action, and gives the next one. docs/architecture.md draws it.
///
/// Only what an fsync has covered counts as delivered (`proven`). After any failure the file is looked at, opened
/// anew, cut to that length and written from there. A file is ours only if its identity is known: because this
/// process has made it under a name that nobody else uses, or because an earlier process of the run has noted it.
/// Every other file is left alone, whatever is in it, and ours goes beside it.
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

  enum Action: Sendable, Equatable {
    /// → found, absent
    case look(TargetName)
    /// Of what is there; follows no link. → opened
    case open(TargetName)
    /// With O_EXCL. → opened
    case create(TargetName)
    /// To a name that nothing has. → done
    case giveName(TargetName, to: TargetName)
    /// A second name, that nothing has. → done
    case link(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// For whoever goes on when this process is killed. → done
    case remember(TargetNote)
    /// This one may get the name in the next moment: both are ours. → done
    case rememberBoth(TargetNote)
    /// So far the file is proven; less than before where it is made anew. → proven
    case prove(Int)
    /// → wrote, nothing
    case writeNext(at: Int)
    /// What the source cannot give any more is given up. → gaveUp
    case giveUp(at: Int)
    /// Again, from the source or the old file. → wrote, missing
    ///
    /// `behindHole`: what comes before is missing, and was not written.
    case rewrite(at: Int, upTo: Int, behindHole: Bool)
    /// Of the open file. → found
    case size
    /// → done
    case truncate(Int)
    /// → done
    case sync
    /// → done, closeFailed
    case close
    /// What was opened is another's: nothing is read from it either. → done
    case dropOpened
    /// The old descriptor is not needed any more. → done, closeFailed
    case dropOld
    /// The turn is over.
    case finished(hasMore: Bool)
    /// The turn has failed: the next one goes on from what is proven.
    case failed(String, Errno, at: TargetName)
  }

  enum Event: Sendable, Equatable {
    case done
    case found(FileIdentity)
    case absent
    case opened(FileIdentity)
    case proven
    case wrote(to: Int)
    /// The source has no more just now.
    case nothing(length: Int, isComplete: Bool)
    /// So many bytes are missing; the position is moved over `skip` of them, the rest has a mark.
    case gaveUp(skip: Int, missing: Int)
    case missing(to: Int)
    case failed(Errno)
    /// - Parameter firstReadable: what the source can still give begins here.
    case closeFailed(Errno, firstReadable: Int)
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

  /// What an action is for.
  private enum Step: Sendable, Equatable {
    case idle
    case lookingAtNoted([TargetNote])
    case lookingAtLink(FileIdentity, [TargetNote])
    case openingNoted(TargetNote, rest: [TargetNote])
    case looking
    case lookingForCandidate
    case openingCandidate
    case reopening
    case droppingAnothers(Then)
    case rememberingKnown(FileIdentity)
    case creating
    case remembering
    case naming
    case lookingWhoHasName
    case takingName
    case removingTemporary
    case rememberingNamed
    case provingLess
    case rewriting(at: Int, end: Int, missing: Int, endsMissing: Bool)
    case extending(end: Int, missing: Int)
    case syncingRestored(end: Int, missing: Int)
    case sizingRestored(end: Int, missing: Int)
    case provingRestored(missing: Int)
    case droppingOld
    case provingAfterDrop
    case cutting
    case writing(at: Int)
    case givingUp(at: Int)
    case sizing(Int)
    case cuttingEnd(Int)
    case syncing(Int)
    case proving
    case noting
    case rememberingNoted
    case cleaning([Int])
    case removingLeft([Int])
    case lookingAround
    case closing
    case provingAfterClose(Errno)
  }

  /// How it goes on when what was opened is another's.
  private enum Then: Sendable, Equatable {
    case lookAtNoted([TargetNote])
    case remakeBeside
    case create
  }

  private static let mostNames = 16

  private(set) var life: Life
  /// Which of its names it has.
  private(set) var name = 0
  private(set) var proven: Int
  private(set) var discoveries: [Discovery] = []
  private var turn = Turn(length: 0, isComplete: false, isLast: false)
  private var step = Step.idle
  /// Made by us, and perhaps named: not known for certain, since a failing call may have been carried out.
  private var candidate: FileIdentity?
  /// Earlier ones of this process.
  private var abandoned: [(identity: FileIdentity, number: Int)] = []
  /// The temporary name that the candidate was made under.
  private var candidateNumber = 0
  /// The candidate is noted in the place of what is ours for certain.
  private var notesCandidate = false
  /// What a file that is made anew held before.
  private var restoreTo = 0
  private var notedWasAbsent = false
  /// Once in a turn.
  private var hasLookedAgain = false
  private var isDisplaced = false
  private var wasRemoved = false
  private var mustCut = false
  /// How it looked when it was noted last, where its identity is not certain.
  private var lastNote: TargetNote?
  private var temporary = 0
  /// Temporary names that something of ours may have.
  private var leftNames: Set<Int> = []
  /// Where no file can be given a second name, it is made under its own.
  private var isMadeInPlace = false
  /// Temporary names that files of ours have as well: see TargetNote.link.
  private var links: [Int: FileIdentity] = [:]
  private var namesTried = 0
  private var hasMore = false
  /// Whoever has the name loses it, so many times.
  private var namesToTake: Int
  /// The user that we are.
  private let owner: UInt32

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
    self.owner = owner
    life = notes.isEmpty ? .unmade : .noted(notes)
    self.proven = proven
    restoreTo = proven
    namesToTake = takesName ? 3 : 0
    if isSuccessor { leftNames = Set(0..<8) }
    if let last = notes.last { name = last.name }
  }

  /// Where it is, or will be.
  var place: TargetName { .place(name) }

  // MARK: A turn

  mutating func begin(_ turn: Turn) -> Action {
    self.turn = turn
    discoveries = []
    hasMore = false
    hasLookedAgain = false
    notedWasAbsent = false
    namesTried = 0
    switch life {
    case .closed: return .finished(hasMore: false)
    case .noted(let notes): return lookAtNoted(notes)
    case .unmade: return candidate == nil ? create() : go(.lookingForCandidate, .look(place))
    case .open:
      // A source without a byte, such as a stream that printed nothing, still has its file.
      if proven >= turn.length, !turn.isComplete, !turn.isLast { return .finished(hasMore: false) }
      return go(.looking, .look(place))
    case .suspect: return go(.looking, .look(place))
    }
  }

  private mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  mutating func step(_ event: Event) -> Action {
    switch step {
    case .idle: return .finished(hasMore: false)
    case .lookingAtNoted, .lookingAtLink, .openingNoted: return stepNoted(event)
    case .looking, .lookingForCandidate, .openingCandidate, .reopening, .rememberingKnown, .droppingAnothers:
      return stepLooking(event)
    case .creating, .remembering, .naming, .lookingWhoHasName, .takingName, .removingTemporary,
      .rememberingNamed:
      return stepMaking(event)
    case .provingLess, .rewriting, .extending, .syncingRestored, .sizingRestored, .provingRestored,
      .droppingOld, .provingAfterDrop,
      .cutting:
      return stepRestoring(event)
    case .writing, .givingUp, .sizing, .cuttingEnd, .syncing, .proving, .noting, .rememberingNoted:
      return stepWriting(event)
    case .cleaning, .removingLeft, .lookingAround, .closing, .provingAfterClose: return stepEnding(event)
    }
  }

  private mutating func fail(_ operation: String, _ error: Errno, at name: TargetName? = nil) -> Action {
    step = .idle
    isMadeInPlace = false
    if case .open(let known) = life { life = .suspect(known) }
    return .failed(operation, error, at: name ?? place)
  }

  // MARK: What earlier processes have noted

  private mutating func lookAtNoted(_ notes: [TargetNote]) -> Action {
    guard let note = notes.first else {
      // None of them is there: it was removed, or another has its name. What it held is made anew.
      wasRemoved = proven > 0
      restoreTo = max(restoreTo, proven)
      return candidate == nil ? create() : go(.lookingForCandidate, .look(place))
    }
    return go(.lookingAtNoted(notes), .look(.place(note.name)))
  }

  private mutating func stepNoted(_ event: Event) -> Action {
    switch (step, event) {
    case (.lookingAtNoted(let notes), .found(let found)):
      guard let note = notes.first else { return lookAtNoted([]) }
      let rest = Array(notes.dropFirst())
      if found.isFile(noted: note.identity) {
        return go(.openingNoted(note, rest: rest), .open(.place(note.name)))
      }
      // Its number says so, and may have been given again: not if our file has another name still.
      if let link = note.link, found.isSameFile(as: note.identity) {
        return go(.lookingAtLink(found, notes), .look(.temporary(link)))
      }
      return lookAtNoted(rest)
    case (.lookingAtLink(let found, var notes), .found(let link)):
      let rest = Array(notes.dropFirst())
      guard link.isSameFile(as: found), link.links > 1 else { return lookAtNoted(rest) }
      notes[0].identity = link
      return go(.openingNoted(notes[0], rest: rest), .open(.place(notes[0].name)))
    case (.lookingAtLink(_, let notes), .absent): return lookAtNoted(Array(notes.dropFirst()))
    case (.lookingAtNoted(let notes), .absent):
      notedWasAbsent = true
      return lookAtNoted(Array(notes.dropFirst()))
    case (.openingNoted(let note, let rest), .opened(let found)):
      guard found.isSameFile(as: note.identity), found.kind == .regular else {
        return go(.droppingAnothers(.lookAtNoted(rest)), .dropOpened)
      }
      if let link = note.link { links[link] = found }
      name = note.name
      life = .suspect(found)
      return isThere(found)
    case (.openingNoted, .failed(.noSuchFileOrDirectory)): return fail("open", .noSuchFileOrDirectory)
    case (.openingNoted(_, let rest), .failed(.tooManySymbolicLinkLevels)): return lookAtNoted(rest)
    case (.openingNoted, .failed(let error)): return fail("open", error)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  // MARK: Is it ours?

  private mutating func stepLooking(_ event: Event) -> Action {
    switch (step, event) {
    case (.looking, .found(let found)):
      if let known = life.identity, found.isSameFile(as: known) {
        if case .open = life { return isThere(found) }
        return go(.reopening, .open(place))
      }
      if let candidate, found.isSameFile(as: candidate) { return go(.openingCandidate, .open(place)) }
      isDisplaced = true
      name += 1
      return remake()
    case (.looking, .absent):
      wasRemoved = true
      return remake()
    case (.reopening, .opened(let found)):
      guard let known = life.identity, found.isSameFile(as: known), found.kind == .regular else {
        return go(.droppingAnothers(.remakeBeside), .dropOpened)
      }
      return isThere(found)
    case (.droppingAnothers(let then), _):
      switch then {
      case .lookAtNoted(let rest): return lookAtNoted(rest)
      case .create: return create()
      case .remakeBeside:
        isDisplaced = true
        name += 1
        return remake()
      }
    case (.rememberingKnown(let found), .done):
      notesCandidate = false
      return verified(size: found.size)
    case (.reopening, .failed(.tooManySymbolicLinkLevels)):
      isDisplaced = true
      name += 1
      return remake()
    case (.lookingForCandidate, .found(let found)):
      if let candidate, found.isSameFile(as: candidate) { return go(.openingCandidate, .open(place)) }
      return create()
    case (.lookingForCandidate, .absent): return create()
    case (.openingCandidate, .opened(let found)):
      guard let candidate, found.isSameFile(as: candidate) else {
        return go(.droppingAnothers(.create), .dropOpened)
      }
      return named()
    case (.reopening, .failed(let error)), (.openingCandidate, .failed(let error)): return fail("open", error)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  /// The file is there, and ours.
  private mutating func isThere(_ found: FileIdentity) -> Action {
    if candidate != nil { abandonCandidate() }
    guard notesCandidate else { return verified(size: found.size) }
    let link = links.first { found.isSameFile(as: $0.value) }?.key
    return go(.rememberingKnown(found), .remember(TargetNote(identity: found, name: name, link: link)))
  }

  // MARK: Made

  /// The name is free or another's: a new file, with what the old one held.
  private mutating func remake() -> Action {
    restoreTo = max(restoreTo, proven)
    return create()
  }

  private mutating func create() -> Action {
    if let candidate {
      leftNames.insert(candidateNumber)
      // It may have its name all the same.
      abandoned.append((candidate, candidateNumber))
    }
    return go(.creating, .create(isMadeInPlace ? place : .temporary(temporary)))
  }

  private mutating func stepMaking(_ event: Event) -> Action {
    switch (step, event) {
    case (.creating, .opened(let made)):
      candidate = made
      candidateNumber = temporary
      notesCandidate = true
      return go(.remembering, .rememberBoth(note(made)))
    case (.creating, .failed(.fileExists)):
      if isMadeInPlace { return go(.lookingWhoHasName, .look(place)) }
      leftNames.insert(temporary)
      temporary += 1
      namesTried += 1
      if namesTried > Self.mostNames { return fail("create", .fileExists, at: .temporary(temporary)) }
      return create()
    case (.creating, .failed(let error)):
      // It may have been made all the same.
      if !isMadeInPlace { leftNames.insert(temporary) }
      return fail("create", error)
    case (.remembering, .done):
      return isMadeInPlace ? named() : giveName()
    case (.naming, .done): return named()
    case (.naming, .failed(let error)): return couldNotName(error)
    case (.lookingWhoHasName, .found(let found)):
      if let candidate, found.isSameFile(as: candidate) {
        if isMadeInPlace { return go(.openingCandidate, .open(place)) }
        return keepsLink ? named() : go(.removingTemporary, .remove(.temporary(temporary)))
      }
      return isKnown(found) ?? nameIsTaken()
    case (.lookingWhoHasName, .absent):
      namesTried += 1
      if namesTried > Self.mostNames { return fail("rename", .fileExists) }
      return isMadeInPlace ? create() : giveName()
    case (.lookingWhoHasName, .failed(let error)): return fail("stat", error)
    case (.takingName, .done), (.takingName, .failed(.noSuchFileOrDirectory)):
      return isMadeInPlace ? create() : giveName()
    case (.takingName, .failed(let error)): return fail("unlink", error)
    case (.rememberingNamed, .done): return begun()
    case (.removingTemporary, .done): return named()
    case (.removingTemporary, .failed):
      leftNames.insert(temporary)
      return named()
    default: return fail("create", .ioError)
    }
  }

  private var keepsLink: Bool { !isMadeInPlace && candidate?.isCertain == false }

  private func note(_ identity: FileIdentity) -> TargetNote {
    TargetNote(identity: identity, name: name, link: keepsLink ? candidateNumber : nil)
  }

  private mutating func giveName() -> Action {
    go(
      .naming,
      keepsLink ? .link(.temporary(temporary), to: place) : .giveName(.temporary(temporary), to: place))
  }

  private mutating func couldNotName(_ error: Errno) -> Action {
    switch error {
    case .fileExists, .noSuchFileOrDirectory:
      if error == .noSuchFileOrDirectory {
        namesTried += 1
        // The directory or the new file has gone. A rename that was carried out shows at its place.
        if namesTried > 2 { return fail("rename", error) }
      }
      return go(.lookingWhoHasName, .look(place))
    case .notPermitted, .notSupported, .noFunction, .tooManyLinks, .invalidArgument:
      // Such a file system gives no second name. If it has done so after all, the next look shows it.
      isMadeInPlace = true
      leftNames.insert(temporary)
      return go(.lookingWhoHasName, .look(place))
    default: return fail("rename", error)
    }
  }

  /// The file that was ours is there after all: its directory was away when it was looked for.
  private mutating func isKnown(_ found: FileIdentity) -> Action? {
    if let earlier = abandoned.first(where: { found.isSameFile(as: $0.identity) }) {
      abandonCandidate()
      candidate = earlier.identity
      candidateNumber = earlier.number
      return go(.openingCandidate, .open(place))
    }
    if let known = life.identity, found.isSameFile(as: known) {
      abandonCandidate()
      life = .suspect(known)
      return go(.reopening, .open(place))
    }
    guard case .noted(let notes) = life, notedWasAbsent, !hasLookedAgain else { return nil }
    hasLookedAgain = true
    abandonCandidate()
    return lookAtNoted(notes)
  }

  private mutating func abandonCandidate() {
    if candidate != nil { leftNames.insert(candidateNumber) }
    candidate = nil
    temporary += 1
    isDisplaced = false
    wasRemoved = false
  }

  private mutating func nameIsTaken() -> Action {
    if name == 0, namesToTake > 0 {
      namesToTake -= 1
      return go(.takingName, .remove(place))
    }
    isDisplaced = true
    name += 1
    namesTried += 1
    if namesTried > Self.mostNames { return fail("create", .fileExists) }
    if isMadeInPlace { return create() }
    guard let candidate else { return create() }
    return go(.remembering, .rememberBoth(note(candidate)))
  }

  /// The new file has its name.
  private mutating func named() -> Action {
    guard let made = candidate else { return fail("create", .ioError) }
    let note = self.note(made)
    if keepsLink { links[candidateNumber] = made }
    candidate = nil
    abandoned = []
    notesCandidate = false
    namesToTake = 0
    if !isMadeInPlace {
      leftNames.remove(candidateNumber)
      temporary += 1
    }
    life = .open(made)
    proven = 0
    return go(.rememberingNamed, .remember(note))
  }

  private mutating func begun() -> Action {
    if restoreTo > 0 { return go(.provingLess, .prove(0)) }
    if isDisplaced {
      discoveries.append(.displaced(name: name))
    } else if wasRemoved {
      discoveries.append(.restored(missing: 0))
    }
    isDisplaced = false
    wasRemoved = false
    return verified(size: 0)
  }

  // MARK: Made whole

  /// The file is open and ours.
  private mutating func verified(size: Int) -> Action {
    if size < proven {
      // Until an fsync has covered it again, less is proven.
      restoreTo = max(restoreTo, proven)
      proven = size
      return go(.provingLess, .prove(size))
    }
    if proven < restoreTo { return rewrite(proven, restoreTo, 0, false) }
    if case .suspect(let known) = life {
      life = .open(known)
      if size > proven { return go(.cutting, .truncate(proven)) }
    }
    return go(.droppingOld, .dropOld)
  }

  private mutating func rewrite(_ at: Int, _ end: Int, _ missing: Int, _ endsMissing: Bool) -> Action {
    if at < end {
      return go(
        .rewriting(at: at, end: end, missing: missing, endsMissing: endsMissing),
        .rewrite(at: at, upTo: end, behindHole: endsMissing))
    }
    if endsMissing { return go(.extending(end: end, missing: missing), .truncate(end)) }
    return go(.syncingRestored(end: end, missing: missing), .sync)
  }

  private mutating func stepRestoring(_ event: Event) -> Action {
    switch (step, event) {
    case (.provingLess, .proven): return rewrite(proven, restoreTo, 0, false)
    case (.rewriting(_, let end, let missing, _), .wrote(let next)): return rewrite(next, end, missing, false)
    case (.rewriting(let at, let end, let missing, _), .missing(let next)):
      return rewrite(next, end, missing + next - at, true)
    case (.rewriting, .failed(let error)): return fail("write", error)
    case (.extending(let end, let missing), .done):
      return go(.syncingRestored(end: end, missing: missing), .sync)
    case (.extending, .failed(let error)): return fail("truncate", error)
    case (.syncingRestored(let end, let missing), .done):
      return go(.sizingRestored(end: end, missing: missing), .size)
    case (.sizingRestored(let end, let missing), .found(let found)):
      // Somebody has shortened it meanwhile.
      if found.size < end { return fail("write", .staleNFSFileHandle) }
      proven = end
      restoreTo = 0
      mustCut = found.size > end
      return go(.provingRestored(missing: missing), .prove(end))
    case (.sizingRestored, .failed(let error)): return fail("stat", error)
    case (.syncingRestored, .failed(let error)): return fail("fsync", error)
    case (.provingRestored(let missing), .proven):
      if isDisplaced { discoveries.append(.displaced(name: name)) }
      if !isDisplaced || missing > 0 { discoveries.append(.restored(missing: missing)) }
      isDisplaced = false
      wasRemoved = false
      // Something may lie behind it still.
      if case .suspect(let known) = life { life = .open(known) }
      return mustCut ? go(.cutting, .truncate(proven)) : go(.droppingOld, .dropOld)
    case (.cutting, .done): return go(.droppingOld, .dropOld)
    case (.cutting, .failed(let error)): return fail("truncate", error)
    case (.droppingOld, .done): return go(.writing(at: proven), .writeNext(at: proven))
    case (.droppingOld, .closeFailed(_, let firstReadable)):
      // As at the last close: only what the source cannot give any more is certain.
      if proven <= firstReadable { return go(.writing(at: proven), .writeNext(at: proven)) }
      proven = firstReadable
      return go(.provingAfterDrop, .prove(proven))
    case (.provingAfterDrop, .proven): return go(.cutting, .truncate(proven))
    default: return fail("write", .ioError)
    }
  }

  // MARK: Written

  private mutating func stepWriting(_ event: Event) -> Action {
    switch (step, event) {
    case (.writing, .wrote(let next)):
      if next - proven >= turn.most {
        hasMore = true
        return go(.syncing(next), .sync)
      }
      return go(.writing(at: next), .writeNext(at: next))
    case (.writing(let at), .nothing(let length, let isComplete)):
      turn.length = length
      turn.isComplete = turn.isComplete && isComplete
      // At the end what cannot be read is given up: else nothing behind it would ever come.
      if turn.isLast, at < length { return go(.givingUp(at: at), .giveUp(at: at)) }
      return wroteAll(at)
    case (.writing, .failed(let error)): return fail("write", error)
    case (.givingUp(let at), .gaveUp(let skip, let missing)):
      if missing == 0 {
        // It waits where it cannot be read: that is told, and nothing behind it is delivered. But there may be no room
        // to remember one more mark before the others are proven.
        if at <= proven { return fail("read", .ioError) }
        hasMore = true
        return go(.syncing(at), .sync)
      }
      discoveries.append(.lost(missing))
      return go(.writing(at: at + skip), .writeNext(at: at + skip))
    case (.sizing(let at), .found(let found)):
      // Somebody has shortened it.
      if found.size < at { return fail("write", .staleNFSFileHandle) }
      return found.size > at ? go(.cuttingEnd(at), .truncate(at)) : go(.syncing(at), .sync)
    case (.sizing, .failed(let error)): return fail("stat", error)
    case (.cuttingEnd(let at), .done): return go(.syncing(at), .sync)
    case (.cuttingEnd, .failed(let error)): return fail("truncate", error)
    case (.syncing(let at), .done):
      proven = at
      return go(.proving, .prove(at))
    case (.syncing, .failed(let error)): return fail("fsync", error)
    case (.proving, .proven):
      // What is certain of it needs to be noted once; how it looks, each time.
      guard let known = life.identity, !known.isCertain else { return wroteTurn() }
      return go(.noting, .size)
    case (.noting, .found(let found)):
      let link = links.first { found.isSameFile(as: $0.value) }?.key
      let note = TargetNote(identity: found, name: name, link: link)
      lastNote = note
      return go(.rememberingNoted, .remember(note))
    case (.noting, .failed), (.rememberingNoted, .done): return wroteTurn()
    default: return fail("write", .ioError)
    }
  }

  private mutating func wroteAll(_ at: Int) -> Action {
    if turn.isComplete, at >= turn.length { return go(.sizing(at), .size) }
    return at > proven ? go(.syncing(at), .sync) : wroteTurn()
  }

  private mutating func wroteTurn() -> Action {
    if turn.isLast, !hasMore { return go(.closing, .close) }
    step = .idle
    return .finished(hasMore: hasMore)
  }

  // MARK: The end

  /// Temporary names that a failing call may have left.
  private mutating func clean(_ names: [Int]) -> Action {
    guard let number = names.first else {
      if leftNames.isEmpty, links.isEmpty { return closed() }
      // What was not found may have been away with its directory.
      return go(.lookingAround, .look(place))
    }
    return go(.cleaning(names), .look(.temporary(number)))
  }

  private mutating func closed() -> Action {
    step = .idle
    life = .closed
    return .finished(hasMore: false)
  }

  /// It is closed, and its second name may be gone: where its number may be given again, it must look as it was noted.
  private mutating func failAfterClose(
    _ operation: String, _ error: Errno, at name: TargetName? = nil
  ) -> Action {
    if let known = life.identity, !known.isCertain, let lastNote { life = .noted([lastNote]) }
    return fail(operation, error, at: name)
  }

  private mutating func forget(_ number: Int) {
    leftNames.remove(number)
    links[number] = nil
  }

  private mutating func stepEnding(_ event: Event) -> Action {
    switch (step, event) {
    case (.cleaning(let names), .found(let found)):
      let number = names[0]
      // The name has the run's id in it. What is empty there, has no other name and is this user's was made by us;
      // so was what has our file's other name.
      let isEmpty = found.kind == .regular && found.size == 0 && found.links == 1 && found.owner == owner
      let ours = [life.identity, links[number]].compactMap { $0 }
      if isEmpty || ours.contains(where: found.isSameFile) {
        return go(.removingLeft(names), .remove(.temporary(number)))
      }
      forget(number)
      return clean(Array(names.dropFirst()))
    case (.cleaning(let names), .absent): return clean(Array(names.dropFirst()))
    case (.lookingAround, .found):
      leftNames = []
      links = [:]
      return closed()
    case (.lookingAround, .absent): return failAfterClose("stat", .noSuchFileOrDirectory)
    case (.lookingAround, .failed(let error)): return failAfterClose("stat", error)
    case (.cleaning(let names), .failed(let error)):
      return failAfterClose("stat", error, at: .temporary(names[0]))
    case (.removingLeft(let names), .done):
      forget(names[0])
      return clean(Array(names.dropFirst()))
    case (.removingLeft(let names), .failed(let error)):
      return failAfterClose("unlink", error, at: .temporary(names[0]))
    // A second name by which it is known stays until its close was heard and nothing comes any more.
    case (.closing, .done):
      if !turn.isComplete { links = links.filter { leftNames.contains($0.key) } }
      return clean(leftNames.union(links.keys).sorted())
    case (.closing, .closeFailed(let error, let firstReadable)):
      // What was kept back until now leaves nothing certain of what was written since the opening. What the source
      // cannot give any more had been proven by an fsync, and stays.
      proven = min(proven, firstReadable)
      return go(.provingAfterClose(error), .prove(proven))
    case (.provingAfterClose(let error), .proven): return fail("close", error)
    default: return failAfterClose("close", .ioError)
    }
  }
}
