internal import SystemCalls
internal import SystemPackage

/// A temporary name may have another's file, by an exchange: that gets its name back. Where a third one has got that
/// name meanwhile, it gets the next one that nothing has: what is another's is not removed.
extension FileReplacement {
  enum Returning: Sendable, Equatable {
    case lookingAtStray(Int)
    /// The directory is there: so the look before was at it.
    case lookingForOwn(Int)
    case lookingAtPlace(Int)
    case exchanging(Int)
    case lookingAtWhatCameBack(Int)
    case naming(Int, as: Int)
    /// Right before the rename, where the file system has nothing that looks by itself.
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
      // Yet another has put its file there between the look and the exchange: that one is the stray now.
      case .found: return failReturning(.failed("rename", .fileExists))
      default: return failReturning(event)
      }
    case .naming(let number, as: let name):
      switch event {
      case .done: return returned()
      case .failed(_, .fileExists) where name < self.name + Self.mostNames:
        return nameStray(number, as: name + 1)
      case .failed(_, let error) where error.meansNoSecondName && !cannotGiveName:
        // Such a file system has neither that rename nor hard links.
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
      // It may be away with its directory: it is looked at again when a file could be made there.
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

  /// The stray stays one: the next try begins with it.
  private mutating func failReturning(_ event: Event) -> Action {
    if new != nil { leftNames.insert(temporary) }
    switch event {
    case .failed(let operation, let error): return fail(operation, error)
    default: return fail("rename", event == .absent ? .noSuchFileOrDirectory : .ioError)
    }
  }

  /// Which file has the name now is to be found anew.
  private mutating func returned() -> Action {
    stray = nil
    isSettled = false
    return new == nil ? create() : settle(namesToSettle)
  }
}
