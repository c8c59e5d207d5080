internal import SystemCalls
internal import SystemPackage

/// The removal of a file that is ours, and of nothing else that has come to its name. Decides, and calls nothing.
///
/// The file is taken out of its name first: between a look and unlink(2) another file could get there. Whoever is
/// killed in between, or fails, begins again.
///
/// What is not found is gone, unless its directory is away: moved, or not mounted. Then the removal has failed, and
/// is done later.
struct FileRemoval: Sendable {
  enum Action: Sendable, Equatable {
    /// → found, absent
    case look(TargetName)
    /// To a name that only this run uses, and that nothing had a moment before. In one step, also where the file system
    /// cannot look by itself: what others put under the old name meanwhile is moved with it, or stays. → done
    case move(TargetName, to: TargetName)
    /// To a name that nothing has. → done
    case giveName(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// At the directory of the file. → found, absent
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
    /// Whether something has the name that ours is to be taken to.
    case lookingAtObstacle
    case takingAway
    case lookingAtAway
    /// To the name of that number.
    case puttingBack(FileIdentity, Int)
    case lookingWhoHasPlace(FileIdentity, Int)
    case removing
    case removingSecond
    case removingLink
    case lookingAtDirectory
    case cleaning
  }

  /// For what is taken out of its name. Deliveries use no number as high as that.
  private static let away = TargetName.temporary(99)

  /// The first of them is being removed.
  private var notes: ArraySlice<TargetNote>
  private let owner: UInt32
  /// What has the second name of the first.
  private var linked: FileIdentity?
  private var step = Step.looking
  /// The file system does not give a name without taking it from another.
  private var cannotGiveName = false
  /// More files under our names are not passed by.
  private static let mostNames = 16
  /// What has been taken out of its name is to be found under the other one.
  private var hasTaken = false
  /// The directory was there after the last look that found nothing.
  private var hasSeenDirectory = false
  /// One of ours was there, or what has its name: it is the directory that they were noted in.
  private var hasFound = false
  /// That of the files, as they were noted.
  private let device: UInt64?
  private var obstacles = 0
  /// The temporary name that has the file of another, which gets its name back.
  private var foreign = away
  private var leftNames = LeftNames(isSuccessor: true)
  /// Second names, which may have another's file after an exchange that was broken off.
  private let links: Set<Int>
  private let noted: [FileIdentity]

  /// - Parameters:
  ///   - notes: of the file.
  ///   - owner: who this process is.
  init(_ notes: [TargetNote], owner: UInt32) {
    self.notes = notes[...]
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
      // It may be away with its directory.
      return .failed("find", .noSuchFileOrDirectory)
    case (.takingAway, .failed(.fileExists)) where obstacles < 3:
      return go(.lookingAtObstacle, .look(Self.away))
    case (.takingAway, .failed(let error)): return .failed("rename", error)
    case (.lookingAtObstacle, .found(let found)):
      // Taken there by an earlier try, or another's that was not put back.
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
      // It has both names; or another has its name since, and it goes beside that.
      if found.isSameFile(as: other) {
        return foreign == Self.away
          ? go(.removingSecond, .remove(foreign)) : go(.removingLink, .remove(foreign))
      }
      guard number < note.name + Self.mostNames else { return .failed("rename", .fileExists) }
      return putBack(other, number + 1)
    case (.lookingWhoHasPlace(let other, let number), .absent):
      // Right after a look, where there is nothing better.
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

  /// What has come out is another's: it gets its name back, or the next one that nothing has.
  private mutating func putBack(_ other: FileIdentity, _ number: Int) -> Action {
    cannotGiveName
      ? go(.lookingWhoHasPlace(other, number), .look(.place(number)))
      : go(.puttingBack(other, number), .giveName(foreign, to: .place(number)))
  }

  private mutating func look(_ note: TargetNote) -> Action { go(.looking, .look(note.place)) }

  /// Ours may have been taken out of its name before, whatever is there now.
  private mutating func lookAtAway() -> Action { go(.lookingAtAway, .look(Self.away)) }

  /// Nobody has it open: where its number may have been given again, it must look as it was noted, or have the second
  /// name that it was given for that.
  private func isOurs(_ found: FileIdentity, _ note: TargetNote) -> Bool {
    if found.isFile(noted: note.identity) { return true }
    guard let linked, linked.links > 1 else { return false }
    return found.isSameFile(as: note.identity) && found.isSameFile(as: linked)
  }

  /// The second name, whatever has the first. An exchange that was broken off may have put the file of another there.
  private mutating func removeLink(of note: TargetNote) -> Action {
    guard let link = note.link, let linked else { return next() }
    if linked.isSameFile(as: note.identity) { return go(.removingLink, .remove(.temporary(link))) }
    if noted.contains(where: { linked.isFile(noted: $0) }) { return next() }
    foreign = .temporary(link)
    return putBack(linked, note.name)
  }

  private mutating func next() -> Action {
    notes.removeFirst()
    (hasTaken, foreign) = (false, Self.away)
    return begin()
  }

  // MARK: What failing calls have left

  private mutating func stepCleaning(_ event: Event) -> Action {
    let answer: LeftNames.Answer =
      switch event {
      case .done: .done
      case .found(let found): .found(found)
      case .absent: .absent
      case .failed(let error): .failed(error)
      }
    let (owner, links) = (owner, links)
    return clean(
      leftNames.step(answer) { number, found in
        // The names have the run's id in them.
        found.kind == .regular && found.links == 1 && found.owner == owner && !links.contains(number)
      })
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    switch next {
    case .call(.look(let name)): go(.cleaning, .look(name))
    case .call(.remove(let name)): go(.cleaning, .remove(name))
    case .failed(let operation, let error, _): .failed(operation, error)
    // Without a note nothing was made there.
    case .done:
      hasSeenDirectory || device == nil ? .finished : go(.lookingAtDirectory, .lookAtDirectory)
    }
  }

  /// Where the last looks have found nothing: the directory may have gone at any time.
  private func stepDirectory(_ event: Event) -> Action {
    switch event {
    // Where nothing of ours was, what is mounted there may be another file system, or none.
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
