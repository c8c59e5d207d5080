internal import OutputRelay

/// How a run ends, once its command has and its jobs are known. Decides, and calls nothing. docs/architecture.md
/// draws it.
struct RunEnd: Sendable, Equatable {
  enum State: Sendable, Equatable {
    case running
    case delivering
    case discarding
    /// What is left to others is on the page.
    case ended(RelayStatus.Ending)
  }

  enum Event: Sendable, Equatable {
    /// - Parameter removes: the command failed at once, and its records are not wanted.
    case jobsAreKnown(removes: Bool)
    /// - Parameter streamsHadEnded: nobody could print any more when the delivery of the rest began. Daemons of the
    ///   command may.
    case delivered(isAll: Bool, streamsHadEnded: Bool)
    case discarded(isAll: Bool, streamsHaveEnded: Bool)
  }

  enum Action: Sendable, Equatable {
    /// To the log directory. → delivered
    case deliver
    /// Away with what has been put there. → discarded
    case discard
    /// For the relay, which outlives duct.
    case note(RelayStatus.Ending)
    case removeSpool
  }

  private(set) var state = State.running

  mutating func step(_ event: Event) -> [Action] {
    switch (state, event) {
    case (.running, .jobsAreKnown(let removes)):
      state = removes ? .discarding : .delivering
      // Noted first: should duct be killed, `recover` goes on with the removal, and makes nothing again.
      return removes ? [.note(.removed), .discard] : [.deliver]
    case (.delivering, .delivered(let isAll, let streamsHadEnded)):
      // The relay has what came since, and the spool stays.
      if !streamsHadEnded { return end(.leftToRelay, removesSpool: false) }
      return isAll ? end(.done, removesSpool: true) : end(.told, removesSpool: false)
    case (.discarding, .discarded(let isAll, let streamsHaveEnded)):
      // What comes is dropped, and nothing is made again. The relay removes what is left, and the spool.
      let isOver = isAll && streamsHaveEnded
      return end(isOver ? .done : .removed, removesSpool: isOver)
    default: return []
    }
  }

  private mutating func end(_ ending: RelayStatus.Ending, removesSpool: Bool) -> [Action] {
    state = .ended(ending)
    // The spool first: without it nobody has anything to go on with.
    return (removesSpool ? [.removeSpool] : []) + [.note(ending)]
  }
}
