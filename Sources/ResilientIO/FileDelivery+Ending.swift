internal import SystemCalls
internal import SystemPackage

/// The last turn: the file is closed, and nothing is left beside it.
extension FileDelivery {
  enum Ending: Sendable, Equatable {
    case closing
    case provingLess(Errno)
    case cleaning
  }

  mutating func close() -> Action { go(.ending(.closing), .close) }

  mutating func step(_ step: Ending, _ event: Event) -> Action {
    switch (step, event) {
    case (.closing, .done):
      // A second name by which it is known stays until its close was heard and nothing comes any more.
      return clean(leftNames.begin(.atTheEnd, place, other: turn.isComplete ? Array(links.keys) : []))
    case (.closing, .closeFailed(let error, let firstReadable)):
      // What was kept back until now leaves nothing certain of what was written since the opening. What the source
      // cannot give any more had been proven by an fsync, and stays.
      proven = min(proven, firstReadable)
      return go(.ending(.provingLess(error)), .prove(proven))
    case (.provingLess(let error), .proven): return fail("close", error)
    case (.cleaning, .found(let found)): return clean(leftNames.step(.found(found), isOurs: isOurs))
    case (.cleaning, .absent): return clean(leftNames.step(.absent, isOurs: isOurs))
    case (.cleaning, .done): return clean(leftNames.step(.done, isOurs: isOurs))
    case (.cleaning, .failed(let error)): return clean(leftNames.step(.failed(error), isOurs: isOurs))
    default: return fail("close", .ioError)
    }
  }

  /// What is empty under a name with the run's id, has no other name and is this user's was made by us; so was what
  /// has our file's other name.
  private var isOurs: (Int, FileIdentity) -> Bool {
    let (owner, links, known) = (owner, links, life.identity)
    return { number, found in
      let isEmpty = found.kind == .regular && found.size == 0 && found.links == 1 && found.owner == owner
      return isEmpty || [known, links[number]].contains { $0.map(found.isSameFile) == true }
    }
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    for number in leftNames.removed { links[number] = nil }
    switch next {
    case .call(.look(let name)): return go(.ending(.cleaning), .look(name))
    case .call(.remove(let name)): return go(.ending(.cleaning), .remove(name))
    case .done:
      life = .closed
      return finish(hasMore: false)
    case .failed(let operation, let error, let name):
      // It is closed, and its second name may be gone: where its number may be given again, it must look as it was
      // noted.
      if let known = life.identity, !known.isCertain, let lastNote { life = .noted([lastNote]) }
      return fail(operation, error, at: name)
    }
  }
}
