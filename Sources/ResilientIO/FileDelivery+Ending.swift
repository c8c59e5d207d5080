internal import SystemCalls
internal import SystemPackage

/// The last turn: closes the file and removes the temporary names beside it.
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
      // The second name that identifies the file (`TargetNote.link`) stays until close has succeeded and the
      // source is complete.
      return clean(leftNames.begin(.atTheEnd, place, other: turn.isComplete ? Array(links.keys) : []))
    case (.closing, .closeFailed(let error, let firstReadable)):
      // A server may report a write error only at close, so nothing written since the open is certain. `proven`
      // goes back to what the source can still give. An fsync has covered the bytes before that, and they cannot
      // be written again, so they stay proven.
      proven = min(proven, firstReadable)
      return go(.ending(.provingLess(error)), .prove(proven))
    case (.provingLess(let error), .proven): return fail("close", error)
    case (.cleaning, _): return clean(goOnCleaning(event, needsLinks: !turn.isComplete))
    default: return fail("close", .ioError)
    }
  }

  /// Hands the result of a call to the cleaning that is under way.
  ///
  /// - Parameter needsLinks: the file still needs its second name.
  mutating func goOnCleaning(_ event: Event, needsLinks: Bool) -> LeftNames.Next {
    let answer: LeftNames.Answer =
      switch event {
      case .found(let found): .found(found)
      case .absent: .absent
      case .done: .done
      case .failed(let error): .failed(error)
      default: .failed(.ioError)
      }
    return leftNames.step(answer, isOurs: isOurs(needsLinks: needsLinks))
  }

  /// Whether a file under a temporary name is ours and not needed. The name contains the run id, so a file of this user
  /// was created by the run. Nothing is lost if it is empty, if it has a name that somebody else gave it, or once the
  /// file that replaced it is complete.
  private func isOurs(needsLinks: Bool) -> (Int, FileIdentity) -> Bool {
    let (owner, links, known) = (owner, links, life.identity)
    return { number, found in
      if needsLinks, let link = links[number], known.map(link.isSameFile) ?? true { return false }
      let isNoLoss = !needsLinks || found.size == 0 || found.links > 1
      if found.kind == .regular, found.owner == owner, isNoLoss { return true }
      return [known, links[number]].contains { $0.map(found.isSameFile) == true }
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
      // The file is closed, and its second name may be gone. If the file system may reuse its inode number, the
      // next turn accepts the file only if it has not changed since the last note.
      if let known = life.identity, !known.isCertain, let lastNote { life = .noted([lastNote]) }
      return fail(operation, error, at: name)
    }
  }
}
