internal import SystemCalls
internal import SystemPackage

/// A temporary name may have another's file, by an exchange: that gets its name back.
extension FileReplacement {
  enum Returning: Sendable, Equatable {
    case lookingAtStray(Int)
    case exchanging(Int)
    case lookingAtWhatWentBack(String, Errno)
  }

  mutating func returnStray(_ number: Int) -> Action {
    go(.returning(.lookingAtStray(number)), .look(.temporary(number)))
  }

  mutating func step(_ step: Returning, _ event: Event) -> Action {
    switch (step, event) {
    case (.lookingAtStray(let number), .found(let found)):
      if !isOurs(found), !wasMade(found) {
        return go(.returning(.exchanging(number)), .exchange(.temporary(number), place))
      }
      leftNames.insert(number)
      return returned()
    case (.lookingAtStray(let number), .absent):
      // It may be away with its directory.
      leftNames.suspect(number)
      return returned()
    case (.exchanging(let number), .done):
      // Under the temporary name is ours now, if anything.
      leftNames.insert(number)
      return returned()
    case (.exchanging(let number), .failed(_, .noSuchFileOrDirectory)):
      // Nothing has the name that it had.
      return go(.returning(.exchanging(number)), .giveName(.temporary(number), to: place))
    case (.lookingAtWhatWentBack, .found(let found)) where isOurs(found) || wasMade(found) || isNew(found):
      return displaced()
    case (.lookingAtWhatWentBack(let operation, let error), .found),
      (.lookingAtWhatWentBack(let operation, let error), .failed):
      stray = temporary
      return fail(operation, error)
    case (.lookingAtWhatWentBack(let operation, let error), _): return fail(operation, error)
    case (_, .failed(let operation, let error)): return fail(operation, error)
    default: return fail("rename", .ioError)
    }
  }

  /// Which file has the name now is to be found anew.
  private mutating func returned() -> Action {
    stray = nil
    isSettled = false
    return create()
  }
}
