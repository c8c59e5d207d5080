internal import SystemCalls
internal import SystemPackage

/// The replacement of a whole file, so that a reader sees either the old content or the new at every moment.
/// Decides and makes no calls. docs/architecture.md draws it.
///
/// A temporary file is written, made durable, and gets the name. It replaces only a file that is known to be
/// ours. A call may have been carried out although it reported an error: after an error the machine checks, and
/// only ENOENT means that nothing is there.
///
/// A turn has these parts, each in its own file: returning another's file, preparing the new file, placing it.
/// Then it removes what failed calls have left.
///
/// Example. "A" is our old file, "B" the new one, "X" belongs to another run. Both columns begin with create,
/// rememberBoth(B), fill and rememberBoth(B, link: 0):
///
///     ordinary                                   X replaced A after the check
///     look(place 0)              → found(A)      look(place 0)              → found(A)
///     exchange(temporary 0,      → done          exchange(temporary 0,      → done
///              place 0)                                   place 0)
///     look(temporary 0)          → found(A)      look(temporary 0)          → found(X)
///     remove(temporary 0)        → done          exchange(temporary 0,      → done
///     syncDirectory              → done                   place 0)
///     remember(B)                → done          look(temporary 0)          → found(B)
///     finished                                   rememberBoth(B, name: 1)   → done
///                                                look(place 1)              → absent
///                                                giveName(temporary 0,      → done
///                                                         to: place 1)
///                                                syncDirectory              → done
///                                                remember(B, name: 1)       → done
///                                                finished
///
/// If the first exchange reports ETIMEDOUT, look(place 0) follows. If it finds B, the exchange was carried out,
/// and the turn continues with look(temporary 0).
struct FileReplacement: Sendable {
  enum Action: Sendable, Equatable {
    /// Create an empty file with O_EXCL. → written
    case create(TargetName)
    /// Write the content into the created file, sync and close it. → written
    case fill
    /// Read the identity of what has this name. → found, absent
    case look(TargetName)
    /// Note the file as ours, and no other. → done
    case remember(TargetNote)
    /// Note a file that may take the other's place at any moment: both are ours. → done
    case rememberBoth(TargetNote)
    /// Rename to a name that must not exist. → done
    case giveName(TargetName, to: TargetName)
    /// Exchange the two names. → done
    case exchange(TargetName, TargetName)
    /// Rename; a file that has the new name loses it. → done
    case rename(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// Make the new name durable. → done
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

  /// The purpose of the last action, by part of the turn.
  enum Step: Sendable, Equatable {
    case idle
    case returning(Returning)
    case preparing(Preparing)
    case placing(Placing)
    case cleaning
  }

  /// The most names that a turn tries before it fails.
  static let mostNames = 16

  /// The number of the name that the file has.
  var name: Int
  /// Another file had the name since the last turn that succeeded before this one.
  var wasDisplaced = false
  private var hasFailed = false
  /// Files that are ours: the one that has the name, and those that may have got it by a call that reported an
  /// error.
  var ours: [FileIdentity] = []
  /// The file that this turn has created.
  var new: FileIdentity?
  var step = Step.idle
  /// The number of the temporary name in this turn.
  var temporary = 0
  var leftNames: LeftNames
  /// Only one file is noted, and it is the one that has the name.
  var isSettled: Bool
  /// Temporary files that this process has created, and that may still have a name.
  var made: [FileIdentity] = []
  /// A temporary name that has another's file, which could not be put back yet.
  var stray: Int?
  /// The temporary name in the notes. No other file of ours is created under it, so that it stays clear which
  /// file has it.
  var notedLink: Int?
  /// Calls that the file system is known not to support.
  var cannotExchange = false
  var cannotGiveName = false
  var namesTried = 0
  /// A call of this turn that should give the new file its name has failed. If that call is link(2) and
  /// unlink(2), the file may have both names.
  var mayHaveBothNames = false
  private var isLast = false
  private var cleansFirst = false
  /// Make the file's own name ours, even if another file has it.
  var takesName: Bool
  /// Notes of earlier processes about the file that has the name.
  var notes: [TargetNote]
  /// The initial notes, which stay when `notes` is cleared.
  private let noted: [TargetNote]
  private let owner: UInt32

  init(notes: [TargetNote] = [], isSuccessor: Bool = false, takesName: Bool = false, owner: UInt32) {
    self.notes = notes
    noted = notes
    // If there are two notes, start with the file that was about to get the name: a file that it displaced
    // belongs at that name.
    name = notes.first?.name ?? 0
    isSettled = notes.count < 2
    stray = notes.compactMap(\.link).first
    notedLink = stray
    leftNames = LeftNames(isSuccessor: isSuccessor)
    self.takesName = takesName
    self.owner = owner
  }

  var place: TargetName { .place(name) }
  /// Failed calls have left temporary names, so one more turn is needed before the end.
  var hasLeftNames: Bool { !leftNames.isEmpty || stray != nil }

  // MARK: A turn

  /// - Parameter isLast: no turn follows, so leave no temporary file.
  mutating func begin(isLast: Bool) -> Action {
    self.isLast = isLast
    if !hasFailed { wasDisplaced = false }
    hasFailed = false
    namesTried = 0
    mayHaveBothNames = false
    (new, cleansFirst) = (nil, false)
    return leftNames.names.count < LeftNames.most ? start() : cleanFirst()
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
    hasFailed = true
    step = .idle
    return .failed(operation, error)
  }

  // MARK: Whose file

  /// No process has these files open, so the file system may have reused their inode numbers. Without a certain
  /// identity, they must not have changed.
  func isOurs(_ found: FileIdentity) -> Bool {
    ours.contains { found.isFile(noted: $0) } || notes.contains { found.isFile(noted: $0.identity) }
  }

  /// Whether this run is known to have created the file.
  func wasMade(_ found: FileIdentity) -> Bool {
    (made + noted.map(\.identity)).contains { found.isFile(noted: $0) }
  }

  func isNew(_ found: FileIdentity) -> Bool { new.map { found.isFile(noted: $0) } ?? false }

  // MARK: Temporary files of failed calls

  /// Removes temporary files before another one is created, because a successor looks only under the first numbers.
  mutating func cleanFirst() -> Action {
    cleansFirst = true
    return clean(leftNames.begin(.first, place))
  }

  /// The new file has the name; removes temporary files.
  mutating func cleanAfterSuccess() -> Action {
    clean(leftNames.begin(isLast ? .atTheEnd : .afterSuccess, place))
  }

  private mutating func stepCleaning(_ event: Event) -> Action {
    // The names contain the run id, so a file of this user under them was created by the run. The exception is a
    // file that an interrupted exchange may have put there (the stray).
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
      // A run may write its record for months.
      if isSettled, stray == nil, leftNames.areClean { made = ours }
      step = .idle
      return .finished
    }
  }
}
