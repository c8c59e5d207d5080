internal import SystemCalls
internal import SystemPackage

/// The removal of a file that is ours, and of nothing else that has come to its name. Decides, and calls nothing.
///
/// The file is taken out of its name first: between a look and unlink(2) another file could get there. Whoever is
/// killed in between, or fails, begins again.
struct FileRemoval: Sendable {
  enum Action: Sendable, Equatable {
    /// → found, absent
    case look(TargetName)
    /// To a name that nothing has. → done
    case giveName(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
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
    case takingAway
    case lookingAtAway
    case puttingBack
    case removing
    case removingLink
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
  /// The file system gives a name without taking it from another.
  private var canTakeAway = true
  private var leftNames = LeftNames(isSuccessor: true)
  /// Second names, which may have another's file after an exchange that was broken off.
  private let links: Set<Int>

  /// - Parameters:
  ///   - notes: of the file.
  ///   - owner: who this process is.
  init(_ notes: [TargetNote], owner: UInt32) {
    self.notes = notes[...]
    self.owner = owner
    links = Set(notes.compactMap(\.link))
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
    if step == .cleaning { return stepCleaning(event) }
    guard let note = notes.first else { return .failed("stat", .ioError) }
    switch (step, event) {
    case (.lookingAtLink, .found(let found)):
      linked = found
      return look(note)
    case (.lookingAtLink, .absent): return look(note)
    case (.looking, .found(let found)):
      guard isOurs(found, note) else { return lookAtAway() }
      return canTakeAway
        ? go(.takingAway, .giveName(note.place, to: Self.away)) : go(.removing, .remove(note.place))
    case (.looking, .absent), (.takingAway, .failed(.noSuchFileOrDirectory)), (.takingAway, .done):
      return lookAtAway()
    case (.takingAway, .failed(let error)) where error.meansNoSecondName:
      // Then there is nothing better than a look just before.
      canTakeAway = false
      return look(note)
    case (.takingAway, .failed(let error)): return .failed("rename", error)
    case (.lookingAtAway, .found(let found)):
      return isOurs(found, note)
        ? go(.removing, .remove(Self.away)) : go(.puttingBack, .giveName(Self.away, to: note.place))
    case (.lookingAtAway, .absent), (.removing, .done), (.removing, .failed(.noSuchFileOrDirectory)),
      (.puttingBack, .done):
      return removeLink(of: note)
    case (.puttingBack, .failed(let error)): return .failed("rename", error)
    case (.removing, .failed(let error)): return .failed("unlink", error)
    case (.removingLink, .failed(let error)) where error != .noSuchFileOrDirectory:
      return .failed("unlink", error)
    case (.removingLink, _): return next()
    case (_, .failed(let error)): return .failed("stat", error)
    default: return .failed("stat", .ioError)
    }
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

  /// The second name, whatever has the first.
  private mutating func removeLink(of note: TargetNote) -> Action {
    guard let link = note.link, let linked, linked.isSameFile(as: note.identity) else { return next() }
    return go(.removingLink, .remove(.temporary(link)))
  }

  private mutating func next() -> Action {
    notes.removeFirst()
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
    case .done: .finished
    }
  }
}

extension TargetNote {
  fileprivate var place: TargetName { .place(name) }
}
