internal import SystemCalls
internal import SystemPackage

/// Finds out which file is ours: compares the files that earlier processes have noted with what has the name now.
extension FileDelivery {
  enum Finding: Sendable, Equatable {
    /// Checks the first of these notes.
    case lookingAtNoted([TargetNote])
    /// Checks whether the found file also has the second name of the first note. Only then is it the noted file.
    case lookingAtLink(FileIdentity, [TargetNote])
    /// Opens a noted file. The identity is the one that the check before has found.
    case openingNoted(TargetNote, FileIdentity, rest: [TargetNote])
    case looking
    case lookingForCandidate
    case openingCandidate
    case reopening
    case droppingAnothers(Then)
    case remembering(FileIdentity)
  }

  /// What to do after closing a file that is another's.
  enum Then: Sendable, Equatable {
    case lookAtNoted([TargetNote])
    case makeBeside
    case make
  }

  mutating func step(_ step: Finding, _ event: Event) -> Action {
    switch step {
    case .lookingAtNoted, .lookingAtLink, .openingNoted: return stepNoted(step, event)
    case .looking: return stepLooking(event)
    case .lookingForCandidate, .openingCandidate: return stepCandidate(step, event)
    case .reopening: return stepReopening(event)
    case .droppingAnothers(let then):
      switch then {
      case .lookAtNoted(let rest): return lookAtNoted(rest)
      case .make: return create()
      case .makeBeside: return makeBeside()
      }
    case .remembering(let found):
      notesCandidate = false
      return verified(size: found.size)
    }
  }

  // MARK: What earlier processes have noted

  mutating func lookAtNoted(_ notes: [TargetNote]) -> Action {
    if let note = notes.first { return go(.finding(.lookingAtNoted(notes)), .look(.place(note.name))) }
    // None of the noted files is there: each was removed, or another file has its name. Write what it held into a
    // new file.
    if proven > 0 { cause = cause ?? .removed }
    restoreTo = max(restoreTo, proven)
    // Remove its second name together with those of this process.
    if case .noted(let all) = life {
      for note in all { if let link = note.link { links[link] = links[link] ?? note.identity } }
    }
    return candidate == nil ? create() : go(.finding(.lookingForCandidate), .look(place))
  }

  private mutating func stepNoted(_ step: Finding, _ event: Event) -> Action {
    switch (step, event) {
    case (.lookingAtNoted(let notes), .found(let found)):
      let (note, rest) = (notes[0], Array(notes.dropFirst()))
      if found.isFile(noted: note.identity) {
        return go(.finding(.openingNoted(note, found, rest: rest)), .open(.place(note.name)))
      }
      // Only the inode number matches, and the file system may have reused it. It has not if our file still has
      // its second name.
      if let link = note.link, found.isSameFile(as: note.identity) {
        return go(.finding(.lookingAtLink(found, notes)), .look(.temporary(link)))
      }
      return lookAtNoted(rest)
    case (.lookingAtLink(let found, let notes), .found(let link)):
      let (note, rest) = (notes[0], Array(notes.dropFirst()))
      guard link.isSameFile(as: found), link.links > 1 else { return lookAtNoted(rest) }
      return go(.finding(.openingNoted(note, found, rest: rest)), .open(.place(note.name)))
    case (.lookingAtLink(_, let notes), .absent): return lookAtNoted(Array(notes.dropFirst()))
    case (.lookingAtNoted(let notes), .absent):
      missedNote = true
      return lookAtNoted(Array(notes.dropFirst()))
    case (.openingNoted(let note, let looked, let rest), .opened(let found)):
      // Without a second name, the file system may have given the inode number to another file since the check.
      let isLooked = found.isFile(noted: looked) || found.isSameFile(as: looked) && found.links > 1
      guard isLooked, found.kind == .regular else {
        return go(.finding(.droppingAnothers(.lookAtNoted(rest))), .dropOpened)
      }
      if let link = note.link { links[link] = found }
      name = note.name
      life = .suspect(found)
      return isThere(found)
    case (.openingNoted(_, _, let rest), .failed(.tooManySymbolicLinkLevels)): return lookAtNoted(rest)
    case (.openingNoted, .failed(let error)): return fail("open", error)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  // MARK: What has its name

  private mutating func stepLooking(_ event: Event) -> Action {
    switch event {
    case .found(let found):
      if let known = life.identity, found.isSameFile(as: known) {
        if case .open = life { return isThere(found) }
        return go(.finding(.reopening), .open(place))
      }
      if let candidate, found.isSameFile(as: candidate.identity) {
        return go(.finding(.openingCandidate), .open(place))
      }
      return makeBeside()
    case .absent:
      cause = cause ?? .removed
      return remake()
    case .failed(let error): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  private mutating func stepReopening(_ event: Event) -> Action {
    switch event {
    case .opened(let found):
      if let known = life.identity, found.isSameFile(as: known), found.kind == .regular {
        return isThere(found)
      }
      return go(.finding(.droppingAnothers(.makeBeside)), .dropOpened)
    case .failed(.tooManySymbolicLinkLevels): return makeBeside()
    case .failed(let error): return fail("open", error)
    default: return fail("open", .ioError)
    }
  }

  private mutating func stepCandidate(_ step: Finding, _ event: Event) -> Action {
    switch (step, event) {
    case (.lookingForCandidate, .found(let found)):
      guard let candidate, found.isSameFile(as: candidate.identity) else { return create() }
      return go(.finding(.openingCandidate), .open(place))
    case (.lookingForCandidate, .absent): return create()
    case (.openingCandidate, .opened(let found)):
      guard let candidate, found.isSameFile(as: candidate.identity) else {
        return go(.finding(.droppingAnothers(.make)), .dropOpened)
      }
      // If the name was given by link(2) and unlink(2), the unlink may not have been carried out.
      return named(mayHaveTemporary: found.links > 1)
    case (.openingCandidate, .failed(let error)): return fail("open", error)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  /// Another file has the name: create ours under the next name.
  private mutating func makeBeside() -> Action {
    cause = .displaced
    name += 1
    return remake()
  }

  /// The file exists and is ours.
  private mutating func isThere(_ found: FileIdentity) -> Action {
    if candidate != nil { abandonCandidate() }
    guard notesCandidate else { return verified(size: found.size) }
    return go(.finding(.remembering(found)), .remember(note(found)))
  }
}
