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
  }

  /// For what is taken out of its name. Deliveries use no number as high as that.
  private static let away = TargetName.temporary(99)

  private let note: TargetNote
  private var linked: FileIdentity?
  private var step = Step.looking
  /// The file system gives a name without taking it from another.
  private var canTakeAway = true

  /// - Parameter note: of the file.
  init(_ note: TargetNote) { self.note = note }

  private var place: TargetName { .place(note.name) }

  mutating func begin() -> Action {
    guard let link = note.link else { return go(.looking, .look(place)) }
    return go(.lookingAtLink, .look(.temporary(link)))
  }

  private mutating func go(_ next: Step, _ action: Action) -> Action {
    step = next
    return action
  }

  /// Nobody has it open: where its number may have been given again, it must look as it was noted, or have the second
  /// name that it was given for that.
  private func isOurs(_ found: FileIdentity) -> Bool {
    if found.isFile(noted: note.identity) { return true }
    guard let linked, linked.links > 1 else { return false }
    return found.isSameFile(as: note.identity) && found.isSameFile(as: linked)
  }

  mutating func step(_ event: Event) -> Action {
    switch (step, event) {
    case (.lookingAtLink, .found(let found)):
      linked = found
      return go(.looking, .look(place))
    case (.lookingAtLink, .absent): return go(.looking, .look(place))
    case (.looking, .found(let found)):
      guard isOurs(found) else { return lookAtAway() }
      return canTakeAway ? go(.takingAway, .giveName(place, to: Self.away)) : go(.removing, .remove(place))
    case (.looking, .absent), (.takingAway, .failed(.noSuchFileOrDirectory)), (.takingAway, .done):
      return lookAtAway()
    case (.takingAway, .failed(let error)) where error.meansNoSecondName:
      // Then there is nothing better than a look just before.
      canTakeAway = false
      return go(.looking, .look(place))
    case (.takingAway, .failed(let error)): return .failed("rename", error)
    case (.lookingAtAway, .found(let found)):
      return isOurs(found)
        ? go(.removing, .remove(Self.away)) : go(.puttingBack, .giveName(Self.away, to: place))
    case (.lookingAtAway, .absent), (.removing, .done), (.removing, .failed(.noSuchFileOrDirectory)),
      (.puttingBack, .done):
      return removeLink()
    case (.puttingBack, .failed(let error)): return .failed("rename", error)
    case (.removing, .failed(let error)): return .failed("unlink", error)
    case (.removingLink, .failed(let error)) where error != .noSuchFileOrDirectory:
      return .failed("unlink", error)
    case (.removingLink, _): return .finished
    case (_, .failed(let error)): return .failed("stat", error)
    default: return .failed("stat", .ioError)
    }
  }

  /// Ours may have been taken out of its name before, whatever is there now.
  private mutating func lookAtAway() -> Action { go(.lookingAtAway, .look(Self.away)) }

  /// The second name, whatever has the first.
  private mutating func removeLink() -> Action {
    guard let link = note.link, let linked, linked.isSameFile(as: note.identity) else { return .finished }
    return go(.removingLink, .remove(.temporary(link)))
  }
}
