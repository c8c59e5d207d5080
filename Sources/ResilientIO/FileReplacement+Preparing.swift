internal import SystemCalls
internal import SystemPackage

/// The new file, under a temporary name: made, noted, filled.
extension FileReplacement {
  enum Preparing: Sendable, Equatable {
    case creating
    /// The first of these names is looked at. Behind another there was nothing.
    case settling([Int], hasMissed: Bool)
    /// The directory is there: so the looks before were at it.
    case lookingForOwn
    case rememberingSettled
    case rememberingCreated
    case filling
    case rememberingFilled
    /// What was made goes again: the turn has failed.
    case clearing(String, Errno)
  }

  mutating func create() -> Action {
    // Few names, so that a successor finds what is left in them.
    temporary = (0...).first { !leftNames.names.contains($0) && $0 != stray && $0 != notedLink } ?? 0
    return go(.preparing(.creating), .create(.temporary(temporary)))
  }

  mutating func step(_ step: Preparing, _ event: Event) -> Action {
    switch (step, event) {
    case (.creating, .written(let identity)):
      new = identity
      made.append(identity)
      if let stray { return returnStray(stray) }
      // The directory is there. Of two notes one is written over: not that of the file that has the name.
      return isSettled ? rememberCreated() : settle(namesToSettle)
    case (.creating, .failed(_, .fileExists)):
      leftNames.insert(temporary)
      namesTried += 1
      return namesTried > Self.mostNames ? fail("create", .fileExists) : create()
    case (.creating, .failed(let operation, let error)):
      // It may have been made all the same.
      leftNames.insert(temporary)
      return fail(operation, error)
    case (.settling(let names, let hasMissed), .found(let found)):
      guard isOurs(found) else { return settle(Array(names.dropFirst()), hasMissed: hasMissed) }
      isSettled = true
      name = names[0]
      ours = [found]
      return go(
        .preparing(.rememberingSettled), .remember(TargetNote(identity: found, name: name)))
    case (.settling(let names, _), .absent): return settle(Array(names.dropFirst()), hasMissed: true)
    case (.lookingForOwn, .found):
      isSettled = true
      return rememberCreated()
    case (.lookingForOwn, .absent): return clear("stat", .noSuchFileOrDirectory)
    case (.lookingForOwn, .failed(let operation, let error)): return clear(operation, error)
    case (.rememberingSettled, _): return rememberCreated()
    case (.settling, .failed(let operation, let error)): return clear(operation, error)
    case (.rememberingCreated, _): return go(.preparing(.filling), .fill)
    case (.filling, .written(let identity)):
      new = identity
      made.append(identity)
      return rememberFilled()
    case (.filling, .failed(let operation, let error)):
      new = nil
      return clear(operation, error)
    case (.rememberingFilled, _): return findPlace()
    case (.clearing(let operation, let error), .done):
      // It was there still: it has no other name, unless it had both.
      if let new, !mayHaveBothNames { ours.removeAll { $0.isSameFile(as: new) } }
      leftNames.remove(temporary)
      return fail(operation, error)
    // Also where it is not there: with its directory it may come back.
    case (.clearing(let operation, let error), _): return fail(operation, error)
    default: return fail("create", .ioError)
    }
  }

  /// Every name that a file of ours may have: a noted one may have got its name without anybody having heard of it.
  var namesToSettle: [Int] {
    notes.reduce(into: [name]) { names, note in
      if !names.contains(note.name) { names.append(note.name) }
    }
  }

  mutating func settle(_ names: [Int], hasMissed: Bool = false) -> Action {
    if let next = names.first {
      return go(.preparing(.settling(names, hasMissed: hasMissed)), .look(.place(next)))
    }
    // What was not there may be away with its directory.
    if hasMissed { return go(.preparing(.lookingForOwn), .look(.temporary(temporary))) }
    isSettled = true
    return rememberCreated()
  }

  private mutating func rememberCreated() -> Action {
    guard let new else { return create() }
    return go(
      .preparing(.rememberingCreated), .rememberBoth(TargetNote(identity: new, name: name)))
  }

  /// With the temporary name, which may get another's file if this process is killed in an exchange.
  mutating func rememberFilled() -> Action {
    guard let new else { return create() }
    notedLink = temporary
    return go(
      .preparing(.rememberingFilled),
      .rememberBoth(TargetNote(identity: new, name: name, link: temporary)))
  }

  /// The turn has failed, and the new file has only its temporary name.
  mutating func clear(_ operation: String, _ error: Errno) -> Action {
    // It may get its name yet: a call that timed out is carried out later.
    if let new { ours.append(new) }
    leftNames.insert(temporary)
    return go(.preparing(.clearing(operation, error)), .remove(.temporary(temporary)))
  }
}
