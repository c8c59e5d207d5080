internal import OutputRelay

/// Decides how a run ends, after its command has ended and its jobs are known. Makes no calls. docs/architecture.md
/// has a diagram.
struct RunEnd: Sendable, Equatable {
  enum State: Sendable, Equatable {
    case running
    case delivering
    case discarding
    /// The run has ended. The page records the ending, for the relay and `recover`.
    case ended(RelayStatus.Ending)
  }

  enum Event: Sendable, Equatable {
    /// - Parameter removes: remove the records, because the command failed within `--fail-time`.
    case jobsAreKnown(removes: Bool)
    /// - Parameter streamsHadEnded: whether the streams had ended when the last delivery began. If not, daemons of
    ///   the command may still print.
    case delivered(isAll: Bool, streamsHadEnded: Bool)
    case discarded(isAll: Bool, streamsHaveEnded: Bool)
  }

  enum Action: Sendable, Equatable {
    /// Deliver everything to the log directory. → delivered
    case deliver
    /// Remove this run's files from the log directory. → discarded
    case discard
    /// Record the ending in the page, for the relay, which outlives duct.
    case note(RelayStatus.Ending)
    case removeSpool
  }

  private(set) var state = State.running

  mutating func step(_ event: Event) -> [Action] {
    switch (state, event) {
    case (.running, .jobsAreKnown(let removes)):
      state = removes ? .discarding : .delivering
      // Record the removal first: if duct is killed, `recover` continues it and creates no files again.
      return removes ? [.note(.removed), .discard] : [.deliver]
    case (.delivering, .delivered(let isAll, let streamsHadEnded)):
      // The relay still reads what is printed after that, so the spool stays.
      if !streamsHadEnded { return end(.leftToRelay, removesSpool: false) }
      return isAll ? end(.done, removesSpool: true) : end(.told, removesSpool: false)
    case (.discarding, .discarded(let isAll, let streamsHaveEnded)):
      // The relay drops further output, and no file is created again. If something is left, the relay starts
      // `recover`, which removes it and the spool.
      let isOver = isAll && streamsHaveEnded
      return end(isOver ? .done : .removed, removesSpool: isOver)
    default: return []
    }
  }

  private mutating func end(_ ending: RelayStatus.Ending, removesSpool: Bool) -> [Action] {
    state = .ended(ending)
    // Remove the spool first: without it, no other process can continue the run.
    return (removesSpool ? [.removeSpool] : []) + [.note(ending)]
  }
}
