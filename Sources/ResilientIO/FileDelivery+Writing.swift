internal import SystemCalls
internal import SystemPackage

/// Writes what the source has, and proves it.
extension FileDelivery {
  enum Writing: Sendable, Equatable {
    case writing(at: Int)
    case givingUp(at: Int)
    /// Extends the file over bytes that were given up, so that their place stays empty.
    case skipping(to: Int)
    case sizing(at: Int)
    case cutting(at: Int)
    /// `hasMore`: the turn ends before the source does.
    case syncing(at: Int, hasMore: Bool)
    case proving(hasMore: Bool)
    case noting(hasMore: Bool)
    case remembering(hasMore: Bool)
  }

  mutating func write(at position: Int) -> Action {
    go(.writing(.writing(at: position)), .writeNext(at: position))
  }

  private mutating func sync(at position: Int, hasMore: Bool) -> Action {
    go(.writing(.syncing(at: position, hasMore: hasMore)), .sync)
  }

  mutating func step(_ step: Writing, _ event: Event) -> Action {
    switch (step, event) {
    case (.writing, .wrote(let next)):
      return next - proven >= turn.most ? sync(at: next, hasMore: true) : write(at: next)
    case (.writing(let at), .nothing(let length, let isComplete)):
      turn.length = length
      turn.isComplete = turn.isComplete && isComplete
      // In the last turn, give up what cannot be read. Otherwise delivery could never get past it.
      if turn.isLast, at < length { return go(.writing(.givingUp(at: at)), .giveUp(at: at)) }
      return wroteAll(at)
    case (.writing, .failed(let error)): return fail("write", error)
    case (.givingUp(let at), .gaveUp(let skip, let missing)):
      if missing > 0 {
        discoveries.append(.lost(missing))
        if skip == 0 { return write(at: at) }
        return go(.writing(.skipping(to: at + skip)), .truncate(at + skip))
      }
      // The bytes wait where they cannot be read. Report that, and deliver nothing behind them. But if there is
      // only no room for another mark until the earlier ones are proven, sync first and try again.
      return at <= proven ? fail("read", .ioError) : sync(at: at, hasMore: true)
    case (.skipping(let next), .done): return write(at: next)
    case (.skipping, .failed(let error)): return fail("truncate", error)
    case (.sizing(let at), .found(let found)):
      // Someone has truncated the file.
      if found.size < at { return fail("write", .staleNFSFileHandle) }
      return found.size > at
        ? go(.writing(.cutting(at: at)), .truncate(at)) : sync(at: at, hasMore: false)
    case (.cutting(let at), .done): return sync(at: at, hasMore: false)
    case (.cutting, .failed(let error)): return fail("truncate", error)
    case (.syncing(let at, let hasMore), .done):
      proven = at
      return go(.writing(.proving(hasMore: hasMore)), .prove(at))
    case (.syncing, .failed(let error)): return fail("fsync", error)
    case (.proving(let hasMore), .proven):
      // A certain identity needs only one note. Otherwise, note size and modification time after each turn.
      guard let known = life.identity, !known.isCertain else { return wroteTurn(hasMore: hasMore) }
      return go(.writing(.noting(hasMore: hasMore)), .size)
    case (.noting(let hasMore), .found(let found)):
      let note = self.note(found)
      lastNote = note
      return go(.writing(.remembering(hasMore: hasMore)), .remember(note))
    case (.noting(let hasMore), .failed), (.remembering(let hasMore), .done):
      return wroteTurn(hasMore: hasMore)
    case (.sizing, .failed(let error)): return fail("stat", error)
    default: return fail("write", .ioError)
    }
  }

  private mutating func wroteAll(_ at: Int) -> Action {
    if turn.isComplete, at >= turn.length { return go(.writing(.sizing(at: at)), .size) }
    return at > proven ? sync(at: at, hasMore: false) : wroteTurn(hasMore: false)
  }

  private mutating func wroteTurn(hasMore: Bool) -> Action {
    turn.isLast && !hasMore ? close() : finish(hasMore: hasMore)
  }
}
