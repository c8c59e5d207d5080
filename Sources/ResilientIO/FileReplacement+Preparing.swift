internal import SystemCalls
internal import SystemPackage

/// Prepares the new file under a temporary name: creates, notes and fills it.
extension FileReplacement {
  enum Preparing: Sendable, Equatable {
    case creating
    /// Checks the first of these names. `hasMissed`: an earlier one was absent.
    case settling([Int], hasMissed: Bool)
    /// Checks that the new temporary file is there. Then the directory is reachable, and the results of the
    /// checks before are valid.
    case lookingForOwn
    case rememberingSettled
    case rememberingCreated
    case filling
    case rememberingFilled
    /// Removes the new file, because the turn has failed.
    case clearing(String, Errno)
  }

  mutating func create() -> Action {
    // Use few names, so that a successor finds what is left under them.
    temporary = (0...).first { !leftNames.names.contains($0) && $0 != stray && $0 != notedLink } ?? 0
    return go(.preparing(.creating), .create(.temporary(temporary)))
  }

  mutating func step(_ step: Preparing, _ event: Event) -> Action {
    switch (step, event) {
    case (.creating, .written(let identity)):
      new = identity
      made.append(identity)
      if let stray { return returnStray(stray) }
      // The directory is reachable. The target memory has room for two notes, and the new one must not overwrite
      // that of the file that has the name. So first find out which file has the name.
      return isSettled ? rememberCreated() : settle(namesToSettle)
    case (.creating, .failed(_, .fileExists)):
      leftNames.insert(temporary)
      namesTried += 1
      if namesTried > Self.mostNames { return fail("create", .fileExists) }
      return leftNames.names.count < LeftNames.most ? create() : cleanFirst()
    case (.creating, .failed(let operation, let error)):
      // The file may have been created even if the call reported an error.
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
      // The file still had its temporary name, so it has no other name, unless a call gave it both.
      if let new, !mayHaveBothNames { ours.removeAll { $0.isSameFile(as: new) } }
      leftNames.remove(temporary)
      return fail(operation, error)
    // Also if it was not found: it may come back with its directory.
    case (.clearing(let operation, let error), _): return fail(operation, error)
    default: return fail("create", .ioError)
    }
  }

  /// Every name that a file of ours may have. A noted file may have got its name by a call whose result was never
  /// reported.
  var namesToSettle: [Int] {
    notes.reduce(into: [name]) { names, note in
      if !names.contains(note.name) { names.append(note.name) }
    }
  }

  mutating func settle(_ names: [Int], hasMissed: Bool = false) -> Action {
    if let next = names.first {
      return go(.preparing(.settling(names, hasMissed: hasMissed)), .look(.place(next)))
    }
    // What was absent may only be unreachable together with its directory.
    if hasMissed { return go(.preparing(.lookingForOwn), .look(.temporary(temporary))) }
    isSettled = true
    return rememberCreated()
  }

  private mutating func rememberCreated() -> Action {
    guard let new else { return create() }
    return go(
      .preparing(.rememberingCreated), .rememberBoth(TargetNote(identity: new, name: name)))
  }

  /// Notes the new file with its temporary name: if this process is killed during an exchange, that name may have
  /// another's file.
  mutating func rememberFilled() -> Action {
    guard let new else { return create() }
    notedLink = temporary
    return go(
      .preparing(.rememberingFilled),
      .rememberBoth(TargetNote(identity: new, name: name, link: temporary)))
  }

  /// Removes the new file, which has only its temporary name, and fails.
  mutating func clear(_ operation: String, _ error: Errno) -> Action {
    // The new file may still get its name: the server may carry out a call later that has timed out.
    if let new { ours.append(new) }
    leftNames.insert(temporary)
    return go(.preparing(.clearing(operation, error)), .remove(.temporary(temporary)))
  }
}
