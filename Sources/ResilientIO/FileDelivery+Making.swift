internal import SystemCalls
internal import SystemPackage

/// Creates a new file under a temporary name that only this run uses, then gives it its name without taking that
/// from another file.
extension FileDelivery {
  enum Making: Sendable, Equatable {
    /// The candidate of an earlier turn, which did not get its name.
    case lookingForCandidate
    case openingCandidate
    /// Removes temporary files, because there are many.
    case cleaning
    case creating
    /// Checks whether an earlier file of this process has the name. A call may have given it the name although an
    /// error was reported, or although the directory was unreachable.
    case lookingForEarlier
    /// Checks that the new temporary file is there. Then the directory is reachable, and the result of the check
    /// before is valid.
    case lookingForOwn
    case rememberingCandidate
    case naming
    case lookingWhoHasName
    case takingName
    case removingTemporary
    case rememberingNamed
  }

  /// The name is free or another's: create a new file and write into it what the old one held.
  mutating func remake() -> Action {
    restoreTo = max(restoreTo, proven)
    return create()
  }

  mutating func create() -> Action {
    if let candidate, !isMadeInPlace {
      // A directory may take new files and refuse to rename them: then each turn would leave one more.
      if !hasTriedCandidate {
        hasTriedCandidate = true
        return go(.making(.lookingForCandidate), .look(.temporary(candidate.number)))
      }
      leftNames.insert(candidate.number)
    }
    // A call may have given it its name even if that call reported an error.
    if let candidate, abandoned.last != candidate { abandoned.append(candidate) }
    if leftNames.names.count >= LeftNames.most, !hasCleaned {
      hasCleaned = true
      return clean(leftNames.begin(.first, place))
    }
    // Successors look only under the first numbers.
    temporary = (0...).first { !leftNames.names.contains($0) && links[$0] == nil } ?? 0
    return go(.making(.creating), .create(isMadeInPlace ? place : .temporary(temporary)))
  }

  mutating func step(_ step: Making, _ event: Event) -> Action {
    switch step {
    case .lookingForCandidate, .openingCandidate: return stepCandidate(step, event)
    case .cleaning: return clean(goOnCleaning(event, needsLinks: true))
    case .creating: return stepCreating(event)
    case .lookingForEarlier, .lookingForOwn: return stepEarlier(step, event)
    case .rememberingCandidate: return isMadeInPlace ? named() : giveName()
    case .naming, .lookingWhoHasName, .takingName: return stepNaming(step, event)
    case .removingTemporary:
      let number = candidate?.number
      let action = named()
      if let number, event != .done { leftNames.insert(number) }
      return action
    case .rememberingNamed: return begun()
    }
  }

  private mutating func stepCreating(_ event: Event) -> Action {
    switch event {
    case .opened(let made):
      candidate = Candidate(identity: made, number: temporary)
      return hasCandidate()
    case .failed(.fileExists):
      if isMadeInPlace { return go(.making(.lookingWhoHasName), .look(place)) }
      leftNames.insert(temporary)
      namesTried += 1
      if namesTried > Self.mostNames { return fail("create", .fileExists, at: .temporary(temporary)) }
      return create()
    case .failed(let error):
      // The file may have been created even if the call reported an error.
      if !isMadeInPlace { leftNames.insert(temporary) }
      return fail("create", error)
    default: return fail("create", .ioError)
    }
  }

  /// The candidate is open.
  private mutating func hasCandidate() -> Action {
    if isMadeInPlace || abandoned.isEmpty && !missedNote { return rememberCandidate() }
    return go(.making(.lookingForEarlier), .look(place))
  }

  /// Only an empty file is used once more: a candidate gets data after it has got its name.
  private mutating func stepCandidate(_ step: Making, _ event: Event) -> Action {
    guard let candidate else { return create() }
    func isIt(_ found: FileIdentity) -> Bool {
      found.isSameFile(as: candidate.identity) && found.kind == .regular && found.size == 0
        && found.links == 1
    }
    switch (step, event) {
    case (.lookingForCandidate, .found(let found)) where isIt(found):
      return go(.making(.openingCandidate), .open(.temporary(candidate.number)))
    case (.lookingForCandidate, .found), (.lookingForCandidate, .absent): return create()
    case (.openingCandidate, .opened(let found)) where isIt(found): return hasCandidate()
    case (.openingCandidate, .opened): return go(.finding(.droppingAnothers(.make)), .dropOpened)
    case (.openingCandidate, .failed(let error)): return fail("open", error)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    switch next {
    case .call(.look(let name)): return go(.making(.cleaning), .look(name))
    case .call(.remove(let name)): return go(.making(.cleaning), .remove(name))
    case .failed(let operation, let error, let name): return fail(operation, error, at: name)
    case .done: return create()
    }
  }

  /// Runs before the new file is noted over an earlier one, because the earlier one may have the name.
  private mutating func stepEarlier(_ step: Making, _ event: Event) -> Action {
    switch (step, event) {
    case (.lookingForEarlier, .found(let found)): return ours(found) ?? rememberCandidate()
    case (.lookingForEarlier, .absent):
      return go(.making(.lookingForOwn), .look(.temporary(candidate?.number ?? temporary)))
    case (.lookingForOwn, .found): return rememberCandidate()
    case (.lookingForOwn, .absent): return fail("stat", .noSuchFileOrDirectory)
    case (_, .failed(let error)): return fail("stat", error)
    default: return fail("stat", .ioError)
    }
  }

  private mutating func rememberCandidate() -> Action {
    guard let candidate else { return create() }
    notesCandidate = true
    return go(.making(.rememberingCandidate), .rememberBoth(note(of: candidate)))
  }

  // MARK: Its name

  /// Whether the file keeps its temporary name until it is complete, because its identity is not certain. While
  /// it has that name, the file system cannot reuse its inode number.
  private func keepsLink(_ made: Candidate) -> Bool { !isMadeInPlace && !made.identity.isCertain }

  private func note(of made: Candidate) -> TargetNote {
    TargetNote(identity: made.identity, name: name, link: keepsLink(made) ? made.number : nil)
  }

  private mutating func giveName() -> Action {
    guard let candidate else { return create() }
    let temporary = TargetName.temporary(candidate.number)
    return go(
      .making(.naming),
      keepsLink(candidate) ? .link(temporary, to: place) : .giveName(temporary, to: place))
  }

  private mutating func stepNaming(_ step: Making, _ event: Event) -> Action {
    switch (step, event) {
    case (.naming, .done): return named()
    case (.naming, .failed(let error)): return couldNotName(error)
    case (.lookingWhoHasName, .found(let found)):
      if let candidate, found.isSameFile(as: candidate.identity) {
        if isMadeInPlace { return go(.finding(.openingCandidate), .open(place)) }
        return keepsLink(candidate)
          ? named() : go(.making(.removingTemporary), .remove(.temporary(candidate.number)))
      }
      return ours(found) ?? nameIsTaken()
    case (.lookingWhoHasName, .absent):
      namesTried += 1
      if namesTried > Self.mostNames { return fail("rename", .fileExists) }
      return isMadeInPlace ? create() : giveName()
    case (.lookingWhoHasName, .failed(let error)): return fail("stat", error)
    case (.takingName, .done), (.takingName, .failed(.noSuchFileOrDirectory)):
      return isMadeInPlace ? create() : giveName()
    case (.takingName, .failed(let error)): return fail("unlink", error)
    default: return fail("rename", .ioError)
    }
  }

  private mutating func couldNotName(_ error: Errno) -> Action {
    switch error {
    case .fileExists: break
    case .noSuchFileOrDirectory:
      namesTried += 1
      // The directory or the new file is gone. If the rename was carried out, the check of the place shows that.
      if namesTried > 2 { return fail("rename", error) }
    case _ where error.meansNoSecondName:
      // This file system has no hard links. If the call was carried out anyway, the next check shows it.
      isMadeInPlace = true
      leftNames.insert(temporary)
    default: return fail("rename", error)
    }
    return go(.making(.lookingWhoHasName), .look(place))
  }

  private mutating func nameIsTaken() -> Action {
    if name == 0, namesToTake > 0 {
      namesToTake -= 1
      return go(.making(.takingName), .remove(place))
    }
    cause = .displaced
    name += 1
    namesTried += 1
    if namesTried > Self.mostNames { return fail("create", .fileExists) }
    return isMadeInPlace ? create() : rememberCandidate()
  }

  /// Handles the case that the file with the name is ours after all: the directory was unreachable when it was
  /// searched before. Nil if the file is not ours.
  private mutating func ours(_ found: FileIdentity) -> Action? {
    if let earlier = abandoned.first(where: { found.isSameFile(as: $0.identity) }) {
      abandonCandidate()
      candidate = earlier
      return go(.finding(.openingCandidate), .open(place))
    }
    if let known = life.identity, found.isSameFile(as: known) {
      abandonCandidate()
      life = .suspect(known)
      return go(.finding(.reopening), .open(place))
    }
    guard case .noted(let notes) = life, missedNote, !hasLookedAgain else { return nil }
    hasLookedAgain = true
    abandonCandidate()
    return lookAtNoted(notes)
  }

  mutating func abandonCandidate() {
    if let candidate { leftNames.insert(candidate.number) }
    candidate = nil
    cause = nil
  }

  // MARK: Named

  /// The new file has its name.
  ///
  /// - Parameter mayHaveTemporary: it may still have its temporary name too.
  mutating func named(mayHaveTemporary: Bool = false) -> Action {
    guard let made = candidate else { return create() }
    let note = self.note(of: made)
    if keepsLink(made) { links[made.number] = made.identity }
    if !isMadeInPlace {
      if mayHaveTemporary { leftNames.insert(made.number) } else { leftNames.remove(made.number) }
    }
    (candidate, abandoned, notesCandidate, namesToTake) = (nil, [], false, 0)
    life = .open(made.identity)
    proven = 0
    return go(.making(.rememberingNamed), .remember(note))
  }

  private mutating func begun() -> Action {
    if restoreTo > 0 { return proveLess() }
    switch cause {
    case .displaced?: discoveries.append(.displaced(name: name))
    case .removed?: discoveries.append(.restored(missing: 0))
    case nil: break
    }
    cause = nil
    return verified(size: 0)
  }
}
