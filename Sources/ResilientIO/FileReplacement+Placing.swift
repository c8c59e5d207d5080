internal import SystemCalls
internal import SystemPackage

/// Gives the new file its name, in place of our old file or of nothing.
extension FileReplacement {
  enum Placing: Sendable, Equatable {
    case looking
    case naming
    case exchanging
    case renaming
    case lookingAtWhatCameOut
    case lookingIfAway
    case puttingBack
    case lookingAtWhatWentBack
    /// The owner of the file that was put back has replaced it in the meantime. The newer file gets the name, and
    /// the older one becomes the stray.
    case puttingLaterBack
    /// After an error: checks whether the call was carried out.
    case lookingBack(String, Errno)
    case removingOld
    case syncingDirectory
    case remembering
  }

  private var temporaryName: TargetName { .temporary(temporary) }

  mutating func findPlace() -> Action { go(.placing(.looking), .look(place)) }

  mutating func step(_ step: Placing, _ event: Event) -> Action {
    switch step {
    case .looking: return stepLooking(event)
    case .naming, .exchanging, .renaming, .puttingBack: return stepNaming(step, event)
    case .lookingAtWhatCameOut, .lookingIfAway: return stepOld(step, event)
    case .lookingAtWhatWentBack: return stepWentBack(event)
    case .puttingLaterBack: return failWithStray("rename", .fileExists)
    case .lookingBack(let operation, let error): return stepBack(event, operation, error)
    case .removingOld:
      if event != .done { leftNames.insert(temporary) }
      return placed()
    case .syncingDirectory: return stepSynced(event)
    case .remembering: return cleanAfterSuccess()
    }
  }

  private mutating func stepLooking(_ event: Event) -> Action {
    switch event {
    case .absent:
      return cannotGiveName
        ? rename() : go(.placing(.naming), .giveName(temporaryName, to: place))
    case .found(let found):
      if isNew(found) { return placed() }
      if isOurs(found) {
        return cannotExchange ? rename() : go(.placing(.exchanging), .exchange(temporaryName, place))
      }
      return takesName ? rename() : displaced()
    case .failed(let operation, let error): return clear(operation, error)
    default: return fail("stat", .ioError)
    }
  }

  /// A rename right after the check, if the file system has no rename that checks for itself.
  private mutating func rename() -> Action { go(.placing(.renaming), .rename(temporaryName, to: place)) }

  private mutating func stepNaming(_ step: Placing, _ event: Event) -> Action {
    switch (step, event) {
    case (.naming, .done), (.renaming, .done): return placed()
    case (.exchanging, .done): return go(.placing(.lookingAtWhatCameOut), .look(temporaryName))
    case (.puttingBack, .done): return go(.placing(.lookingAtWhatWentBack), .look(temporaryName))
    case (.naming, .failed(_, let error)) where error.meansNoSecondName:
      // This file system has neither RENAME_NOREPLACE nor hard links.
      cannotGiveName = true
      return findPlace()
    case (.exchanging, .failed(_, let error)) where error.meansNoSuchCall:
      // NFS has no exchange.
      cannotExchange = true
      return findPlace()
    case (.puttingBack, .failed(let operation, let error)):
      return go(.returning(.lookingAtWhatWentBack(operation, error)), .look(temporaryName))
    case (_, .failed(let operation, let error)):
      if step == .naming { mayHaveBothNames = true }
      return go(.placing(.lookingBack(operation, error)), .look(place))
    default: return fail("rename", .ioError)
    }
  }

  /// Handles the file that the exchange has put under the temporary name.
  private mutating func stepOld(_ step: Placing, _ event: Event) -> Action {
    switch (step, event) {
    case (.lookingAtWhatCameOut, .found(let found)):
      if isOurs(found) || isNew(found) { return go(.placing(.removingOld), .remove(temporaryName)) }
      // Another run has put its file there between the check and the exchange. It gets its name back.
      return go(.placing(.puttingBack), .exchange(temporaryName, place))
    case (.lookingAtWhatCameOut, .absent): return go(.placing(.lookingIfAway), .look(place))
    case (.lookingAtWhatCameOut, _):
      stray = temporary
      return placed()
    case (_, .found):
      // The file may have been unreachable during the check before.
      leftNames.insert(temporary)
      return placed()
    default:
      // The file is unreachable together with its directory.
      return failWithStray("stat", .noSuchFileOrDirectory)
    }
  }

  /// After putting back, the file under the temporary name should be the new one.
  private mutating func stepWentBack(_ event: Event) -> Action {
    switch event {
    case .found(let found) where isNew(found) || isOurs(found) || wasMade(found): return displaced()
    case .found: return go(.placing(.puttingLaterBack), .exchange(temporaryName, place))
    case .failed(let operation, let error): return failWithStray(operation, error)
    default: return failWithStray("stat", .noSuchFileOrDirectory)
    }
  }

  private mutating func stepBack(_ event: Event, _ operation: String, _ error: Errno) -> Action {
    let isRace = error == .fileExists || error == .noSuchFileOrDirectory
    switch event {
    // The call was carried out. The old file may be under the temporary name.
    case .found(let found) where isNew(found):
      return go(.placing(.lookingAtWhatCameOut), .look(temporaryName))
    case .found(let found):
      guard isRace, namesTried < Self.mostNames else { return clearUnsettled(operation, error) }
      // Another file got the name after the check.
      namesTried += 1
      return isOurs(found) ? findPlace() : displaced()
    case .absent:
      guard isRace, namesTried < 3 else { return clearUnsettled(operation, error) }
      namesTried += 1
      return findPlace()
    default: return failWithStray(operation, error)
    }
  }

  /// Fails, but the call may have been carried out in a directory that was unreachable for the check. So the next
  /// turn notes no other file before it has checked.
  private mutating func clearUnsettled(_ operation: String, _ error: Errno) -> Action {
    isSettled = false
    return clear(operation, error)
  }

  /// Fails, and it is not known which file has which name. The next turn checks that first.
  private mutating func failWithStray(_ operation: String, _ error: Errno) -> Action {
    stray = temporary
    isSettled = false
    if let new { ours.append(new) }
    return fail(operation, error)
  }

  /// Another file has the name: try the next one.
  mutating func displaced() -> Action {
    wasDisplaced = true
    takesName = false
    name += 1
    namesTried += 1
    return namesTried > Self.mostNames ? clear("rename", .fileExists) : rememberFilled()
  }

  /// The new file has the name.
  private mutating func placed() -> Action {
    takesName = false
    return go(.placing(.syncingDirectory), .syncDirectory)
  }

  /// Until the directory is durable, both files stay noted: if the disk fails now, the old file may have the name
  /// again after its repair.
  private mutating func stepSynced(_ event: Event) -> Action {
    guard let new else { return fail("rename", .ioError) }
    if case .failed(let operation, let error) = event {
      isSettled = false
      ours.append(new)
      return fail(operation, error)
    }
    if stray != nil {
      // The file under the temporary name is not known. Both files stay noted until it is.
      isSettled = false
      ours.append(new)
      return cleanAfterSuccess()
    }
    ours = [new]
    notes = []
    notedLink = nil
    return go(.placing(.remembering), .remember(TargetNote(identity: new, name: name)))
  }
}
