internal import SystemCalls
internal import SystemPackage

/// Writes again what the file held and has lost, before anything new.
extension FileDelivery {
  enum Restoring: Sendable, Equatable {
    case provingLess
    case rewriting(at: Int, Lost)
    case extending(Lost)
    case syncing(Lost)
    case sizing(Lost)
    case proving(Lost, mustCut: Bool)
    case cutting
    case droppingOld
    case provingAfterDrop
    /// Removes the second names of files that this one has taken the place of.
    case cleaning
  }

  /// The part of the file that is written again.
  struct Lost: Sendable, Equatable {
    var end: Int
    /// Bytes that neither the source nor the old file has any more.
    var missing = 0
    /// The last bytes so far are missing.
    var endsMissing = false
  }

  /// The file is open and ours. `size` is its size in bytes.
  mutating func verified(size: Int) -> Action {
    if size < proven {
      restoreTo = max(restoreTo, proven)
      proven = size
      return proveLess()
    }
    if proven < restoreTo { return rewrite(proven, Lost(end: restoreTo)) }
    if case .suspect(let known) = life {
      life = .open(known)
      if size > proven { return go(.restoring(.cutting), .truncate(proven)) }
    }
    return go(.restoring(.droppingOld), .dropOld)
  }

  /// Records less as proven, until an fsync has covered the bytes again.
  mutating func proveLess() -> Action { go(.restoring(.provingLess), .prove(proven)) }

  private mutating func rewrite(_ at: Int, _ lost: Lost) -> Action {
    if at < lost.end {
      return go(
        .restoring(.rewriting(at: at, lost)),
        .rewrite(at: at, upTo: lost.end, behindHole: lost.endsMissing))
    }
    return lost.endsMissing
      ? go(.restoring(.extending(lost)), .truncate(lost.end)) : go(.restoring(.syncing(lost)), .sync)
  }

  mutating func step(_ step: Restoring, _ event: Event) -> Action {
    switch (step, event) {
    case (.provingLess, .proven): return rewrite(proven, Lost(end: restoreTo))
    case (.rewriting(_, var lost), .wrote(let next)):
      lost.endsMissing = false
      return rewrite(next, lost)
    case (.rewriting(let at, var lost), .missing(let next)):
      lost.missing += next - at
      lost.endsMissing = true
      return rewrite(next, lost)
    case (.rewriting, .failed(let error)): return fail("write", error)
    case (.extending(let lost), .done): return go(.restoring(.syncing(lost)), .sync)
    case (.extending, .failed(let error)), (.cutting, .failed(let error)): return fail("truncate", error)
    case (.syncing(let lost), .done): return go(.restoring(.sizing(lost)), .size)
    case (.syncing, .failed(let error)): return fail("fsync", error)
    case (.sizing(let lost), .found(let found)):
      // Someone has truncated the file in the meantime.
      if found.size < lost.end { return fail("write", .staleNFSFileHandle) }
      proven = lost.end
      restoreTo = 0
      return go(.restoring(.proving(lost, mustCut: found.size > lost.end)), .prove(proven))
    case (.sizing, .failed(let error)): return fail("stat", error)
    case (.proving(let lost, let mustCut), .proven):
      tell(lost)
      if case .suspect(let known) = life { life = .open(known) }
      return mustCut
        ? go(.restoring(.cutting), .truncate(proven)) : go(.restoring(.droppingOld), .dropOld)
    case (.cutting, .done): return go(.restoring(.droppingOld), .dropOld)
    case (.droppingOld, .closeFailed(_, let firstReadable)) where proven > firstReadable:
      // As after the last close: only bytes that the source cannot give any more stay proven.
      proven = firstReadable
      return go(.restoring(.provingAfterDrop), .prove(proven))
    case (.droppingOld, .done), (.droppingOld, .closeFailed): return removeOldLinks()
    case (.cleaning, _): return clean(goOnCleaning(event, needsLinks: true))
    case (.provingAfterDrop, .proven): return go(.restoring(.cutting), .truncate(proven))
    default: return fail("write", .ioError)
    }
  }

  /// The new file has everything. Somebody may have removed the old one to free its space.
  private mutating func removeOldLinks() -> Action {
    let old = oldLinks.filter { !stuckLinks.contains($0) }
    return old.isEmpty ? write(at: proven) : clean(leftNames.begin(.afterSuccess, place, other: old))
  }

  private var oldLinks: [Int] {
    guard let known = life.identity else { return [] }
    return links.filter { !known.isSameFile(as: $0.value) }.map(\.key)
  }

  private mutating func clean(_ next: LeftNames.Next) -> Action {
    switch next {
    case .call(.look(let name)): return go(.restoring(.cleaning), .look(name))
    case .call(.remove(let name)): return go(.restoring(.cleaning), .remove(name))
    case .failed(let operation, let error, let name): return fail(operation, error, at: name)
    case .done:
      for number in oldLinks {
        if leftNames.names.contains(number) { stuckLinks.insert(number) } else { links[number] = nil }
      }
      return write(at: proven)
    }
  }

  private mutating func tell(_ lost: Lost) {
    if cause == .displaced { discoveries.append(.displaced(name: name)) }
    if cause != .displaced || lost.missing > 0 { discoveries.append(.restored(missing: lost.missing)) }
    cause = nil
  }
}
