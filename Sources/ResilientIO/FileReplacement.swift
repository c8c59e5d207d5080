internal import SystemCalls
internal import SystemPackage

/// The replacement of a whole file, so that a reader sees the old content or the new at every moment. Decides, and
/// calls nothing. docs/architecture.md draws it.
///
/// A temporary file is written, made durable, and takes the name. What is there is replaced only if it is known to
/// be ours. A call that was answered by an error may have been carried out: the machine looks, and only ENOENT means
/// that nothing is there.
///
/// A turn goes through these parts, each in a file of its own: returning what is another's, preparing the new file,
/// placing it; then what failing calls have left is cleaned.
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

  /// What the last action was for, by the part of the turn.
  enum Step: Sendable, Equatable {
    case idle
    case returning(Returning)
    case preparing(Preparing)
    case placing(Placing)
    case cleaning
  }

  /// More files under our names are not passed by in one turn.
  static let mostNames = 16
  /// Where failing calls have left so many temporary names, these go first: a successor looks at the first few.
  private static let mostLeft = 6

  /// Which of its names it has.
  var name: Int
  /// Another had the name in this turn.
  var wasDisplaced = false
  /// Files that are ours: what is there, and what may have got there by a call that was answered by an error.
  var ours: [FileIdentity] = []
  /// What this turn has made.
  var new: FileIdentity?
  var step = Step.idle
  /// The number of the temporary name in this turn.
  var temporary = 0
  var leftNames: LeftNames
  /// One file is noted, and it is the one that has the name.
  var isSettled: Bool
  /// Every temporary file that this process has made.
  var made: [FileIdentity] = []
  /// A temporary name that has the file of another, which could not be put back yet.
  var stray: Int?
  /// The temporary name in the notes: no other file of ours is made under it, so that it can be told what is there.
  var notedLink: Int?
  /// What the file system is known to have no call for.
  var cannotExchange = false
  var cannotGiveName = false
  var namesTried = 0
  /// A call of this turn that was to give the new file its name has failed: where that is link(2) and unlink(2), the file
  /// may have both names.
  var mayHaveBothNames = false
  private var isLast = false
  private var cleansFirst = false
  /// Its own name shall be ours, whoever has it.
  var takesName: Bool
  /// What earlier processes have noted of the file that is there.
  var notes: [TargetNote]
  /// The same, also when there is another since.
  private let noted: [TargetNote]
  private let owner: UInt32

  init(notes: [TargetNote] = [], isSuccessor: Bool = false, takesName: Bool = false, owner: UInt32) {
    self.notes = notes
    noted = notes
    // That of the file which was about to be named, if there is one: what it has put out belongs there.
    name = notes.first?.name ?? 0
    isSettled = notes.count < 2
    stray = notes.compactMap(\.link).first
    notedLink = stray
    leftNames = LeftNames(isSuccessor: isSuccessor)
    self.takesName = takesName
    self.owner = owner
  }

  var place: TargetName { .place(name) }
  /// Failing calls have left temporary names: one more turn is due before the end.
  var hasLeftNames: Bool { !leftNames.isEmpty || stray != nil }

  // MARK: A turn

  /// - Parameter isLast: nothing is left for a next time: not a temporary file either.
  mutating func begin(isLast: Bool) -> Action {
    self.isLast = isLast
    wasDisplaced = false
    namesTried = 0
    mayHaveBothNames = false
    new = nil
    cleansFirst = leftNames.names.count >= Self.mostLeft
    return cleansFirst ? clean(leftNames.begin(.first, place)) : start()
  }

  private mutating func start() -> Action { stray.map { returnStray($0) } ?? create() }

  mutating func step(_ event: Event) -> Action {
    switch step {
    case .idle: .finished
    case .returning(let step): self.step(step, event)
    case .preparing(let step): self.step(step, event)
    case .placing(let step): self.step(step, event)
    case .cleaning: stepCleaning(event)
    }
  }

  mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  mutating func fail(_ operation: String, _ error: Errno) -> Action {
    step = .idle
    return .failed(operation, error)
  }

  // MARK: Whose file

  /// Nobody has these files open: their numbers may have been given again, so they must look as they did.
  func isOurs(_ found: FileIdentity) -> Bool {
    ours.contains { found.isFile(noted: $0) } || notes.contains { found.isFile(noted: $0.identity) }
  }

  /// Any that this run is known to have made.
  func wasMade(_ found: FileIdentity) -> Bool {
    (made + noted.map(\.identity)).contains { found.isFile(noted: $0) }
  }

  func isNew(_ found: FileIdentity) -> Bool { new.map { found.isFile(noted: $0) } ?? false }

  // MARK: What failing calls have left

  /// The new file has the name.
  mutating func cleanAfterSuccess() -> Action {
    clean(leftNames.begin(isLast ? .atTheEnd : .afterSuccess, place))
  }

  private mutating func stepCleaning(_ event: Event) -> Action {
    // The names have the run's id in them: what is this user's there was made by the run, but for what an exchange
    // that was broken off may have put there.
    let (owner, stray, known) = (owner, stray, made + noted.map(\.identity))
    let isLeft: (Int, FileIdentity) -> Bool = { number, found in
      found.kind == .regular && found.links == 1 && found.owner == owner && number != stray
        || known.contains { found.isFile(noted: $0) }
    }
    switch event {
    case .found(let found): return clean(leftNames.step(.found(found), isOurs: isLeft))
    case .absent: return clean(leftNames.step(.absent, isOurs: isLeft))
    case .done: return clean(leftNames.step(.done, isOurs: isLeft))
    case .failed(_, let error): return clean(leftNames.step(.failed(error), isOurs: isLeft))
    case .written: return fail("unlink", .ioError)
    }
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    switch next {
    case .call(.look(let name)): return go(.cleaning, .look(name))
    case .call(.remove(let name)): return go(.cleaning, .remove(name))
    case .failed(let operation, let error, _): return fail(operation, error)
    case .done:
      if cleansFirst {
        cleansFirst = false
        return start()
      }
      if isLast, stray != nil { return fail("stat", .ioError) }
      step = .idle
      return .finished
    }
  }
}
