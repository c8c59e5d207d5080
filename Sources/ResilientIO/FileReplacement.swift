internal import SystemCalls
internal import SystemPackage

/// The replacement of a whole file, so that a reader sees the old content or the new at every moment. Decides, and
/// calls nothing. docs/architecture.md draws it.
///
/// A temporary file is written, made durable, and takes the name. What is there is replaced only if it is known to
/// be ours. A call that was answered by an error may have been carried out: the machine looks, and only ENOENT means
/// that nothing is there.
struct FileReplacement: Sendable {
  enum Action: Sendable, Equatable {
    /// With O_EXCL, and empty. → written
    case create(TargetName)
    /// Writes the content into what was created, syncs and closes it. → written
    case fill
    /// → found, absent
    case look(TargetName)
    /// → done
    case remember(TargetNote)
    /// The new one may take the other's place in the next moment: both are ours. → done
    case rememberBoth(TargetNote)
    /// To a name that nothing has. → done
    case giveName(TargetName, to: TargetName)
    /// Each gets the other's name. → done
    case exchange(TargetName, TargetName)
    /// Whatever has that name loses it. → done
    case rename(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// Makes the new name durable. → done
    case syncDirectory
    case finished
    case failed(String, Errno)
  }

  enum Event: Sendable, Equatable {
    case done
    case written(FileIdentity)
    case found(FileIdentity)
    case absent
    case failed(String, Errno)
  }

  private enum Step: Sendable, Equatable {
    case idle
    case settling
    case rememberingSettled
    case lookingAtStray(Int)
    case returningStray(Int)
    case creating
    case rememberingCreated
    case filling
    case rememberingFilled
    case looking
    case naming
    case exchanging
    case lookingAtWhatCameOut
    case puttingBack
    case lookingAtWhatWentBack(String, Errno)
    case renaming
    /// After an error: was it carried out?
    case lookingBack(String, Errno)
    case removingOld
    case noting
    case syncing
    case clearing(String, Errno)
    case cleaning([Int])
    case removingLeft([Int])
    case lookingAround
    case lookingIfAway
  }

  private static let mostNames = 16
  /// Where failing calls have left so many temporary names, these go first: a successor looks at the first few.
  private static let mostLeft = 6

  /// Which of its names it has.
  private(set) var name = 0
  /// Another had the name in this turn.
  private(set) var wasDisplaced = false
  /// Files that are ours: what is there, and what may have got there by a call that was answered by an error.
  private var ours: [FileIdentity]
  private var new: FileIdentity?
  private var step = Step.idle
  private var temporary = 0
  private var leftNames: Set<Int> = []
  private var couldNotClean: Set<Int> = []
  private var cleansFirst = false
  /// One file is noted, and it is the one that has the name.
  private var isSettled: Bool
  private var hasFoundNothing = false
  /// Where earlier processes may have left something.
  private var suspectNames: Set<Int> = []
  /// Every temporary file that this process has made.
  private var made: [FileIdentity] = []
  /// A temporary name that has the file of another, which could not be put back yet.
  private var stray: Int?
  /// The temporary name in the notes: no other file of ours is made under it, so that it can be told what is there.
  private var notedLink: Int?
  /// What the file system is known to have no call for.
  private var cannotExchange = false
  private var cannotGiveName = false
  private var namesTried = 0
  private var isLast = false
  /// Its own name shall be ours, whoever has it.
  private var takesName: Bool
  private let owner: UInt32
  /// Notes of earlier processes are not taken for certain where numbers are given again.
  private var notes: [TargetNote]
  private let noted: [TargetNote]

  init(notes: [TargetNote] = [], isSuccessor: Bool = false, takesName: Bool = false, owner: UInt32) {
    self.notes = notes
    noted = notes
    isSettled = notes.count < 2
    stray = notes.compactMap(\.link).first
    notedLink = stray
    self.takesName = takesName
    self.owner = owner
    ours = []
    if let last = notes.last { name = last.name }
    if isSuccessor { suspectNames = Set(0..<8) }
  }

  var place: TargetName { .place(name) }
  /// Failing calls have left temporary names: one more turn is due before the end.
  var hasLeftNames: Bool { !leftNames.isEmpty || stray != nil }
  /// What is there now.
  var identity: FileIdentity? { ours.last }

  /// - Parameter isLast: nothing is left for a next time: not a temporary file either.
  mutating func begin(isLast: Bool) -> Action {
    self.isLast = isLast
    wasDisplaced = false
    namesTried = 0
    new = nil
    cleansFirst = leftNames.count >= Self.mostLeft
    if cleansFirst { return clean(leftNames.sorted()) }
    return start()
  }

  private mutating func start() -> Action {
    if let stray { return go(.lookingAtStray(stray), .look(.temporary(stray))) }
    return create()
  }

  private mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  private mutating func rememberCreated() -> Action {
    guard let new else { return fail("create", .ioError) }
    return go(.rememberingCreated, .rememberBoth(TargetNote(identity: new, name: name)))
  }

  private mutating func create() -> Action {
    // Few names, so that a successor finds what is left in them.
    temporary = (0...).first { !leftNames.contains($0) && $0 != stray && $0 != notedLink } ?? 0
    return go(.creating, .create(.temporary(temporary)))
  }

  /// With the temporary name that may get another's file, if this process is killed in an exchange.
  private mutating func note(_ identity: FileIdentity) -> TargetNote {
    notedLink = temporary
    return TargetNote(identity: identity, name: name, link: temporary)
  }

  private func isOurs(_ found: FileIdentity) -> Bool {
    // Nobody has it open: its number may have been given again.
    ours.contains { found.isFile(noted: $0) } || notes.contains { found.isFile(noted: $0.identity) }
  }

  /// Any that this run is known to have made.
  private func wasMade(_ found: FileIdentity) -> Bool {
    made.contains { found.isFile(noted: $0) } || noted.contains { found.isFile(noted: $0.identity) }
  }

  private func isNew(_ found: FileIdentity) -> Bool { new.map { found.isFile(noted: $0) } ?? false }

  mutating func step(_ event: Event) -> Action {
    switch (step, event) {
    case (.settling, .found(let found)):
      isSettled = true
      guard isOurs(found) else { return rememberCreated() }
      ours = [found]
      return go(.rememberingSettled, .remember(TargetNote(identity: found, name: name)))
    case (.settling, .absent) where !hasFoundNothing:
      // It may be away with its directory: the next try looks again.
      hasFoundNothing = true
      return clear("stat", .noSuchFileOrDirectory)
    case (.settling, .absent), (.rememberingSettled, _):
      isSettled = true
      return rememberCreated()
    case (.settling, .failed(let operation, let error)): return clear(operation, error)
    case (.lookingAtStray, _), (.returningStray, _), (.lookingAtWhatWentBack, _): return stepStray(event)
    case (.creating, .written(let identity)):
      new = identity
      made.append(identity)
      // The directory is there. Of two notes one is written over: not that of the file that has the name.
      return isSettled ? rememberCreated() : go(.settling, .look(place))
    case (.creating, .failed(_, .fileExists)):
      leftNames.insert(temporary)
      namesTried += 1
      if namesTried > Self.mostNames { return fail("create", .fileExists) }
      return create()
    case (.creating, .failed(let operation, let error)):
      // It may have been made all the same.
      leftNames.insert(temporary)
      return fail(operation, error)
    case (.rememberingCreated, _): return go(.filling, .fill)
    case (.filling, .written(let identity)):
      new = identity
      made.append(identity)
      return go(.rememberingFilled, .rememberBoth(note(identity)))
    case (.filling, .failed(let operation, let error)):
      new = nil
      return clear(operation, error)
    case (.rememberingFilled, _): return go(.looking, .look(place))
    case (.looking, .absent) where cannotGiveName:
      return go(.renaming, .rename(.temporary(temporary), to: place))
    case (.looking, .absent): return go(.naming, .giveName(.temporary(temporary), to: place))
    case (.looking, .found(let found)):
      if isNew(found) { return placed() }
      if isOurs(found) {
        return cannotExchange
          ? go(.renaming, .rename(.temporary(temporary), to: place))
          : go(.exchanging, .exchange(.temporary(temporary), place))
      }
      if takesName { return go(.renaming, .rename(.temporary(temporary), to: place)) }
      return displaced()
    case (.looking, .failed(let operation, let error)): return clear(operation, error)
    case (.naming, .done): return placed()
    case (.naming, .failed(let operation, let error)):
      switch error {
      case .notPermitted, .notSupported, .noFunction, .tooManyLinks, .invalidArgument:
        // Such a file system has neither that rename nor hard links: there is the look, right before it.
        cannotGiveName = true
        return go(.looking, .look(place))
      default: return go(.lookingBack(operation, error), .look(place))
      }
    case (.exchanging, .done): return go(.lookingAtWhatCameOut, .look(.temporary(temporary)))
    case (.exchanging, .failed(let operation, let error)):
      switch error {
      case .notSupported, .noFunction, .invalidArgument:
        // A file system such as NFS has no exchange: there is the look, right before it.
        cannotExchange = true
        return go(.looking, .look(place))
      default: return go(.lookingBack(operation, error), .look(place))
      }
    case (.lookingAtWhatCameOut, .found(let found)):
      if isOurs(found) || isNew(found) { return go(.removingOld, .remove(.temporary(temporary))) }
      // Another has put its file there between the look and the exchange: it gets its name back.
      return go(.puttingBack, .exchange(.temporary(temporary), place))
    case (.lookingAtWhatCameOut, .absent): return go(.lookingIfAway, .look(place))
    case (.lookingIfAway, .found):
      // It may have been away for the look before.
      leftNames.insert(temporary)
      return placed()
    case (.lookingIfAway, _):
      // With its directory: what came out is looked at before anything else is done.
      stray = temporary
      if let new { ours.append(new) }
      return fail("stat", .noSuchFileOrDirectory)
    case (.lookingAtWhatCameOut, .failed):
      // It may be another's: it is looked at before anything else is done.
      stray = temporary
      return placed()
    case (.puttingBack, .done): return displaced()
    case (.puttingBack, .failed(let operation, let error)):
      return go(.lookingAtWhatWentBack(operation, error), .look(.temporary(temporary)))
    case (.renaming, .done): return placed()
    case (.renaming, .failed(let operation, let error)):
      return go(.lookingBack(operation, error), .look(place))
    case (.lookingBack, .found(let found)) where isNew(found): return carriedOut()
    case (.lookingBack(let operation, let error), .found(let found)):
      // Somebody has the name since the look.
      if error == .fileExists || error == .noSuchFileOrDirectory, namesTried < Self.mostNames {
        namesTried += 1
        return isOurs(found) ? go(.looking, .look(place)) : displaced()
      }
      return clear(operation, error)
    case (.lookingBack(let operation, let error), .absent):
      if error == .fileExists || error == .noSuchFileOrDirectory, namesTried < 3 {
        namesTried += 1
        return go(.looking, .look(place))
      }
      return clear(operation, error)
    case (.lookingBack(let operation, let error), _):
      // Nobody can say what has which name now: that is looked at before anything else is done.
      stray = temporary
      isSettled = false
      if let new { ours.append(new) }
      return fail(operation, error)
    case (.removingOld, .done): return placed()
    case (.removingOld, _):
      leftNames.insert(temporary)
      return placed()
    case (.noting, _): return go(.syncing, .syncDirectory)
    case (.syncing, _):
      couldNotClean = []
      leftNames.formUnion(suspectNames)
      suspectNames = []
      return clean(leftNames.sorted())
    case (.clearing(let operation, let error), .done):
      // It was there still: it has no other name.
      if let new { ours.removeAll { $0.isSameFile(as: new) } }
      leftNames.remove(temporary)
      return fail(operation, error)
    // Also where it is not there: with its directory it may come back.
    case (.clearing(let operation, let error), _): return fail(operation, error)
    case (.cleaning, _), (.removingLeft, _), (.lookingAround, _): return stepCleaning(event)
    default: return fail("rename", .ioError)
    }
  }

  private mutating func displaced() -> Action {
    wasDisplaced = true
    takesName = false
    name += 1
    namesTried += 1
    if namesTried > Self.mostNames { return clear("rename", .fileExists) }
    guard let new else { return fail("rename", .fileExists) }
    return go(.rememberingFilled, .rememberBoth(note(new)))
  }

  /// A call that was answered by an error was carried out all the same. What it has replaced may be under the
  /// temporary name.
  private mutating func carriedOut() -> Action { go(.lookingAtWhatCameOut, .look(.temporary(temporary))) }

  /// The new one has the name.
  private mutating func placed() -> Action {
    guard let new else { return fail("rename", .ioError) }
    takesName = false
    if stray != nil {
      // What came out is not known: both files stay noted until it is.
      isSettled = false
      ours.append(new)
      return go(.noting, .syncDirectory)
    }
    ours = [new]
    notes = []
    notedLink = nil
    return go(.noting, .remember(TargetNote(identity: new, name: name)))
  }

  private mutating func clear(_ operation: String, _ error: Errno) -> Action {
    // It may get there yet: a call that timed out is carried out later.
    if let new { ours.append(new) }
    leftNames.insert(temporary)
    return go(.clearing(operation, error), .remove(.temporary(temporary)))
  }

  /// A temporary name that may have another's file: it gets its name back.
  private mutating func stepStray(_ event: Event) -> Action {
    func isMade(_ found: FileIdentity) -> Bool { isOurs(found) || wasMade(found) }
    switch (step, event) {
    case (.lookingAtStray(let number), .found(let found)):
      if !isMade(found) { return go(.returningStray(number), .exchange(.temporary(number), place)) }
      leftNames.insert(number)
      stray = nil
      isSettled = false
      return create()
    case (.lookingAtStray(let number), .absent):
      // It may be away with its directory.
      suspectNames.insert(number)
      stray = nil
      isSettled = false
      return create()
    case (.returningStray(let number), .done):
      // Under the temporary name is ours now, if anything.
      leftNames.insert(number)
      stray = nil
      isSettled = false
      return create()
    case (.returningStray(let number), .failed(_, .noSuchFileOrDirectory)):
      // Nothing has the name that it had.
      return go(.returningStray(number), .giveName(.temporary(number), to: place))
    case (.lookingAtWhatWentBack(let operation, let error), .found(let found)):
      if isMade(found) || isNew(found) { return displaced() }
      stray = temporary
      return fail(operation, error)
    case (.lookingAtWhatWentBack(let operation, let error), .absent): return fail(operation, error)
    case (.lookingAtWhatWentBack(let operation, let error), .failed):
      stray = temporary
      return fail(operation, error)
    case (_, .failed(let operation, let error)): return fail(operation, error)
    default: return fail("rename", .ioError)
    }
  }

  private mutating func fail(_ operation: String, _ error: Errno) -> Action {
    step = .idle
    return .failed(operation, error)
  }

  // MARK: What failing calls have left

  private mutating func clean(_ names: [Int]) -> Action {
    guard let number = names.first else {
      if cleansFirst {
        cleansFirst = false
        return start()
      }
      // What was not found may have been away with its directory.
      if !leftNames.isEmpty { return go(.lookingAround, .look(place)) }
      if isLast, stray != nil { return fail("stat", .ioError) }
      step = .idle
      return .finished
    }
    return go(.cleaning(names), .look(.temporary(number)))
  }

  private mutating func stepCleaning(_ event: Event) -> Action {
    switch (step, event) {
    case (.cleaning(let names), .found(let found)):
      // The name has the run's id in it: what is this user's there was made by the run, but for what an exchange that
      // was broken off may have put there.
      let number = names[0]
      let isLeft =
        found.kind == .regular && found.links == 1 && found.owner == owner && number != stray
      if isLeft || wasMade(found) { return go(.removingLeft(names), .remove(.temporary(names[0]))) }
      leftNames.remove(names[0])
      return clean(Array(names.dropFirst()))
    case (.cleaning(let names), .absent):
      if cleansFirst {
        leftNames.remove(names[0])
        suspectNames.insert(names[0])
      }
      return clean(Array(names.dropFirst()))
    case (.removingLeft(let names), .done):
      leftNames.remove(names[0])
      return clean(Array(names.dropFirst()))
    case (.lookingAround, .found):
      leftNames = couldNotClean
      if isLast, stray != nil { return fail("stat", .ioError) }
      step = .idle
      return .finished
    case (.lookingAround, .absent): return fail("stat", .noSuchFileOrDirectory)
    case (.lookingAround, .failed(let operation, let error)): return fail(operation, error)
    case (.cleaning(let names), .failed(let operation, let error)),
      (.removingLeft(let names), .failed(let operation, let error)):
      if isLast || cleansFirst { return fail(operation, error) }
      // With the next replacement.
      couldNotClean.insert(names[0])
      return clean(Array(names.dropFirst()))
    default:
      step = .idle
      return .finished
    }
  }
}
