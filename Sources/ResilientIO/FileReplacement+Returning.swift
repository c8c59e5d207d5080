internal import SystemCalls
internal import SystemPackage

/// Gives back a name: after an exchange, a temporary name may have another's file (the stray). It gets its name
/// back. If a third file has that name by now, the stray gets the next free name. Another's file is never
/// removed.
extension FileReplacement {
  enum Returning: Sendable, Equatable {
    case lookingAtStray(Int)
    /// Checks that the new temporary file is there. Then the directory is reachable, and the result of the check
    /// before is valid.
    case lookingForOwn(Int)
    case lookingAtPlace(Int)
    case exchanging(Int)
    case lookingAtWhatCameBack(Int)
    case naming(Int, as: Int)
    /// Checks the name right before the rename, if the file system has no rename that checks for itself.
    case lookingAtName(Int, as: Int)
    case lookingAtWhatWentBack(String, Errno)
  }

  mutating func returnStray(_ number: Int) -> Action {
    go(.returning(.lookingAtStray(number)), .look(.temporary(number)))
  }

  mutating func step(_ step: Returning, _ event: Event) -> Action {
    switch step {
    case .lookingAtStray(let number): return stepStray(number, event)
    case .lookingForOwn(let number):
      switch event {
      case .found:
        leftNames.suspect(number)
        return returned()
      default: return failReturning(event)
      }
    case .lookingAtPlace(let number):
      switch event {
      case .found(let found) where isOurs(found) || wasMade(found):
        return go(.returning(.exchanging(number)), .exchange(.temporary(number), place))
      case .found: return nameStray(number, as: name + 1)
      case .absent: return nameStray(number, as: name)
      default: return failReturning(event)
      }
    case .exchanging(let number):
      guard event == .done else { return failReturning(event) }
      return go(.returning(.lookingAtWhatCameBack(number)), .look(.temporary(number)))
    case .lookingAtWhatCameBack(let number):
      switch event {
      case .found(let found) where isOurs(found) || wasMade(found):
        leftNames.insert(number)
        return returned()
      // A third run has put its file there between the check and the exchange. That file is now the stray.
      case .found: return failReturning(.failed("rename", .fileExists))
      default: return failReturning(event)
      }
    case .naming(let number, as: let name):
      switch event {
      case .done: return returned()
      case .failed(_, .fileExists) where name < self.name + Self.mostNames:
        return nameStray(number, as: name + 1)
      case .failed(_, let error) where error.meansNoSecondName && !cannotGiveName:
        // This file system has neither RENAME_NOREPLACE nor hard links.
        cannotGiveName = true
        return nameStray(number, as: name)
      default: return failReturning(event)
      }
    case .lookingAtName(let number, as: let name):
      switch event {
      case .found where name < self.name + Self.mostNames: return nameStray(number, as: name + 1)
      case .found: return failReturning(.failed("rename", .fileExists))
      case .absent:
        return go(
          .returning(.naming(number, as: name)), .rename(.temporary(number), to: .place(name)))
      default: return failReturning(event)
      }
    case .lookingAtWhatWentBack(let operation, let error):
      switch event {
      case .found(let found) where isOurs(found) || wasMade(found) || isNew(found): return displaced()
      case .found, .failed:
        stray = temporary
        return fail(operation, error)
      default: return fail(operation, error)
      }
    }
  }

  private mutating func stepStray(_ number: Int, _ event: Event) -> Action {
    switch event {
    case .found(let found):
      if !isOurs(found), !wasMade(found) { return go(.returning(.lookingAtPlace(number)), .look(place)) }
      leftNames.insert(number)
      return returned()
    case .absent:
      // It may be unreachable together with its directory. Check again after a file could be created there.
      return new == nil
        ? create() : go(.returning(.lookingForOwn(number)), .look(.temporary(temporary)))
    default: return failReturning(event)
    }
  }

  private mutating func nameStray(_ number: Int, as name: Int) -> Action {
    cannotGiveName
      ? go(.returning(.lookingAtName(number, as: name)), .look(.place(name)))
      : go(.returning(.naming(number, as: name)), .giveName(.temporary(number), to: .place(name)))
  }

  /// Fails. The stray stays, and the next try starts with it.
  private mutating func failReturning(_ event: Event) -> Action {
    if new != nil { leftNames.insert(temporary) }
    switch event {
    case .failed(let operation, let error): return fail(operation, error)
    default: return fail("rename", event == .absent ? .noSuchFileOrDirectory : .ioError)
    }
  }

  /// The stray is gone. Find out again which file has the name.
  private mutating func returned() -> Action {
    stray = nil
    isSettled = false
    return new == nil ? create() : settle(namesToSettle)
  }
}
