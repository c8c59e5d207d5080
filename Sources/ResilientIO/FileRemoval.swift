internal import SystemCalls
internal import SystemPackage

/// The removal of a file that is ours. Decides and makes no calls. It removes nothing else that has the file's
/// name.
///
/// The file is first renamed to a name that only this run uses, because another file could get the old name
/// between a check and unlink(2). If the process fails or is killed in between, the removal starts again.
///
/// A file that is not found counts as removed, unless its directory is unreachable (moved, or not mounted). Then
/// the removal fails and is repeated later.
///
/// It also serves for a file that stays and that nobody delivers any more: then it removes only what killed processes
/// have left under the temporary names.
///
/// Example. "A" is our file, "X" belongs to another run, 99 is the number of the name for removal:
///
///     ordinary                                   X replaced A after the check
///     look(place 0)        → found(A)            look(place 0)        → found(A)
///     look(temporary 99)   → absent              look(temporary 99)   → absent
///     move(place 0, to 99) → done                move(place 0, to 99) → done
///     look(temporary 99)   → found(A)            look(temporary 99)   → found(X)
///     remove(temporary 99) → done                giveName(99, to: place 0) → done
///
/// Both continue with the next note, the temporary names, and the directory.
struct FileRemoval: Sendable {
  enum Action: Sendable, Equatable {
    /// Read the identity of what has this name. → found, absent
    case look(TargetName)
    /// Rename to a name that only this run uses and that was free a moment before. In one step, also if the file
    /// system cannot check the new name itself: a file that others put under the old name meanwhile is moved
    /// instead of ours, or stays, but is not lost. → done
    case move(TargetName, to: TargetName)
    /// Rename to a name that must not exist. → done
    case giveName(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// Check the directory of the file. → found, absent
    case lookAtDirectory
    case finished
    case failed(String, Errno)
  }

  enum Event: Sendable, Equatable {
    case done
    case found(FileIdentity)
    case absent
    case failed(Errno)
  }

  private enum Step: Sendable, Equatable {
    case lookingAtLink
    case looking
    /// Whether a file has the name to which ours is to be moved.
    case lookingAtObstacle
    case takingAway
    case lookingAtAway
    /// Give another's file the place with this number.
    case puttingBack(FileIdentity, Int)
    case lookingWhoHasPlace(FileIdentity, Int)
    case removing
    case removingSecond
    case removingLink
    case lookingAtDirectory
    case cleaning
  }

  /// The name to which a file is moved before its removal. Deliveries never use such a high number.
  private static let away = TargetName.temporary(99)

  /// The first of these files is being removed.
  private var notes: ArraySlice<TargetNote>
  private let owner: UInt32
  /// The file that has the second name (`TargetNote.link`) of the first note.
  private var linked: FileIdentity?
  private var step = Step.looking
  /// The file system cannot rename without replacing an existing file.
  private var cannotGiveName = false
  /// The most names that are tried for another's file.
  private static let mostNames = 16
  /// The file was moved away and must be under the name for removal.
  private var hasTaken = false
  /// The directory was reachable after the last check that found nothing.
  private var hasSeenDirectory = false
  /// A file was found, so this is the directory that the notes are about.
  private var hasFound = false
  /// The device of the files, as noted.
  private let device: UInt64?
  private var obstacles = 0
  /// The temporary name of another's file that gets its name back.
  private var foreign = away
  private var leftNames = LeftNames(isSuccessor: true)
  /// Second names. After an interrupted exchange, one of them may have another's file.
  private let links: Set<Int>
  private let noted: [FileIdentity]
  private let keepsFile: Bool

  /// - Parameters:
  ///   - notes: the noted identities of the file.
  ///   - keepsFile: remove only what failed calls have left beside the file.
  ///   - owner: the user id of this process.
  init(_ notes: [TargetNote], keepsFile: Bool = false, owner: UInt32) {
    self.notes = keepsFile ? [] : notes[...]
    self.keepsFile = keepsFile
    self.owner = owner
    links = Set(notes.compactMap(\.link))
    noted = notes.map(\.identity)
    device = notes.first?.identity.device
  }

  mutating func begin() -> Action {
    linked = nil
    guard let note = notes.first else { return clean(leftNames.beginAll()) }
    guard let link = note.link else { return look(note) }
    return go(.lookingAtLink, .look(.temporary(link)))
  }

  private mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  mutating func step(_ event: Event) -> Action {
    switch event {
    case .done: hasSeenDirectory = true
    case .found where step != .lookingAtDirectory: (hasSeenDirectory, hasFound) = (true, true)
    case .absent, .failed(.noSuchFileOrDirectory): hasSeenDirectory = false
    case .found, .failed: break
    }
    if step == .cleaning { return stepCleaning(event) }
    if step == .lookingAtDirectory { return stepDirectory(event) }
    guard let note = notes.first else { return .failed("stat", .ioError) }
    switch (step, event) {
    case (.lookingAtLink, .found(let found)):
      linked = found
      return look(note)
    case (.lookingAtLink, .absent): return look(note)
    case (.looking, .found(let found)):
      return isOurs(found, note) ? go(.lookingAtObstacle, .look(Self.away)) : lookAtAway()
    case (.looking, .absent), (.takingAway, .failed(.noSuchFileOrDirectory)): return lookAtAway()
    case (.takingAway, .done):
      hasTaken = true
      return lookAtAway()
    case (.lookingAtAway, .absent) where hasTaken, (.removing, .failed(.noSuchFileOrDirectory)):
      // It may be unreachable together with its directory.
      return .failed("find", .noSuchFileOrDirectory)
    case (.takingAway, .failed(.fileExists)) where obstacles < 3:
      return go(.lookingAtObstacle, .look(Self.away))
    case (.takingAway, .failed(let error)): return .failed("rename", error)
    case (.lookingAtObstacle, .found(let found)):
      // An earlier try moved our file there, or another's file was not put back.
      obstacles += 1
      if obstacles > 3 { return .failed("rename", .fileExists) }
      if isOurs(found, note) { return go(.removingSecond, .remove(Self.away)) }
      return putBack(found, note.name)
    case (.lookingAtObstacle, .absent): return go(.takingAway, .move(note.place, to: Self.away))
    case (.removingSecond, .done), (.removingSecond, .failed(.noSuchFileOrDirectory)): return look(note)
    case (.lookingAtAway, .found(let found)):
      return isOurs(found, note)
        ? go(.removing, .remove(Self.away))
        : putBack(found, note.name)
    case (.puttingBack(let found, let number), .failed(let error))
    where error == .fileExists || error.meansNoSecondName && !cannotGiveName:
      if error != .fileExists { cannotGiveName = true }
      return go(.lookingWhoHasPlace(found, number), .look(.place(number)))
    case (.puttingBack, .failed(let error)): return .failed("rename", error)
    case (.lookingWhoHasPlace(let other, let number), .found(let found)):
      // If it is the same file, it has both names. Otherwise, another file has the name, so this one goes beside
      // it.
      if found.isSameFile(as: other) {
        return foreign == Self.away
          ? go(.removingSecond, .remove(foreign)) : go(.removingLink, .remove(foreign))
      }
      guard number < note.name + Self.mostNames else { return .failed("rename", .fileExists) }
      return putBack(other, number + 1)
    case (.lookingWhoHasPlace(let other, let number), .absent):
      // The rename follows right after a check, if the file system offers nothing better.
      return cannotGiveName
        ? go(.puttingBack(other, number), .move(foreign, to: .place(number))) : putBack(other, number)
    case (.puttingBack, .done) where foreign != Self.away: return next()
    case (.puttingBack, .done): return obstacles > 0 ? look(note) : removeLink(of: note)
    case (.lookingAtAway, .absent), (.removing, .done): return removeLink(of: note)
    case (.removing, .failed(let error)), (.removingSecond, .failed(let error)):
      return .failed("unlink", error)
    case (.removingLink, .failed(let error)) where error != .noSuchFileOrDirectory:
      return .failed("unlink", error)
    case (.removingLink, _): return next()
    case (_, .failed(let error)): return .failed("stat", error)
    default: return .failed("stat", .ioError)
    }
  }

  /// The moved file is another's. It gets its name back, or the next free one.
  private mutating func putBack(_ other: FileIdentity, _ number: Int) -> Action {
    cannotGiveName
      ? go(.lookingWhoHasPlace(other, number), .look(.place(number)))
      : go(.puttingBack(other, number), .giveName(foreign, to: .place(number)))
  }

  private mutating func look(_ note: TargetNote) -> Action { go(.looking, .look(note.place)) }

  /// Checks the name for removal: an earlier try may have moved our file there.
  private mutating func lookAtAway() -> Action { go(.lookingAtAway, .look(Self.away)) }

  /// Whether a found file is the noted one. No process has it open, so the file system may have reused its inode
  /// number. Then the file must not have changed since the note, or it must still have its second name.
  private func isOurs(_ found: FileIdentity, _ note: TargetNote) -> Bool {
    if found.isFile(noted: note.identity) { return true }
    guard let linked, linked.links > 1 else { return false }
    return found.isSameFile(as: note.identity) && found.isSameFile(as: linked)
  }

  /// Removes the second name, regardless of what has the first. An interrupted exchange may have put another's
  /// file there; that one gets its name back.
  private mutating func removeLink(of note: TargetNote) -> Action {
    guard let link = note.link, let linked else { return next() }
    if linked.isSameFile(as: note.identity) || noted.contains(where: { linked.isFile(noted: $0) }) {
      return go(.removingLink, .remove(.temporary(link)))
    }
    foreign = .temporary(link)
    return putBack(linked, note.name)
  }

  private mutating func next() -> Action {
    notes.removeFirst()
    (hasTaken, foreign) = (false, Self.away)
    return begin()
  }

  // MARK: Temporary files of failed calls

  private mutating func stepCleaning(_ event: Event) -> Action {
    let answer: LeftNames.Answer =
      switch event {
      case .done: .done
      case .found(let found): .found(found)
      case .absent: .absent
      case .failed(let error): .failed(error)
      }
    let (owner, links, noted, keepsFile) = (owner, links, noted, keepsFile)
    return clean(
      leftNames.step(answer) { number, found in
        // The names contain the run id. A file with another name, which somebody gave it, keeps that.
        guard found.kind == .regular, found.owner == owner else { return false }
        if !links.contains(number) { return true }
        // A second name, without which nothing is lost.
        return keepsFile && (found.links > 1 || found.size == 0) && noted.contains(where: found.isSameFile)
      })
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    switch next {
    case .call(.look(let name)): go(.cleaning, .look(name))
    case .call(.remove(let name)): go(.cleaning, .remove(name))
    case .failed(let operation, let error, _): .failed(operation, error)
    // Without a note, the run created nothing there. A file that stays may be in a directory that is not there.
    case .done:
      hasSeenDirectory || device == nil || keepsFile
        ? .finished : go(.lookingAtDirectory, .lookAtDirectory)
    }
  }

  /// The last checks found nothing, but the directory may be unreachable. So check the directory.
  private func stepDirectory(_ event: Event) -> Action {
    switch event {
    // If no file of ours was found, another file system may be mounted there, or ours may be unmounted.
    case .found(let found):
      hasFound || found.device == device ? .finished : .failed("find", .noSuchFileOrDirectory)
    case .failed(let error): .failed("stat", error)
    case .absent, .done: .failed("find", .noSuchFileOrDirectory)
    }
  }
}

extension TargetNote {
  fileprivate var place: TargetName { .place(name) }
}
