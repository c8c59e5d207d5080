internal import SystemCalls

/// Counts the signals that arrive after the command ended, and decides what duct still waits for.
final class FinalPatience: Sendable {
  private struct State: Sendable {
    var waitsForJobs = false
    /// The user does not want to wait for jobs any longer. duct asks for their states once more, then ends as
    /// usual.
    var hasEnoughOfJobs = false
    /// How many signals asked to stop waiting for the rest.
    var hurries = 0
    /// The main thread runs the last steps itself, because no thread could be started. It reads no signals
    /// meanwhile.
    var isAlone = false
  }

  /// What duct does after a signal.
  enum Effect {
    case stopsWaitingForJobs
    case stopsWaiting
    /// duct exits immediately.
    case leaves
  }

  private let state = Monitor(State())

  /// Handles a signal that asks duct to end. If duct waits for jobs, the first one ends that wait. The next one ends
  /// all waits, and the last one ends duct.
  func hurry() -> Effect {
    state.update { state in
      if state.waitsForJobs, !state.hasEnoughOfJobs {
        state.hasEnoughOfJobs = true
        return .stopsWaitingForJobs
      }
      state.hurries += 1
      return state.hurries > 1 ? .leaves : .stopsWaiting
    }
  }

  /// Records that the main thread runs the last steps itself.
  func noteAlone() { state.update { $0.isAlone = true } }

  /// Records that duct starts to wait for a slow reader of its own output. If no thread reads signals, no signal
  /// could end that wait, so duct acts as if the user had already asked to stop waiting.
  func noteWaitForReaders() { state.update { if $0.isAlone { $0.hurries += 1 } } }

  var isAlone: Bool { state.withLock { $0.isAlone } }
  var isHurried: Bool { state.withLock { $0.hurries > 0 } }
  var hasEnoughOfJobs: Bool { state.withLock { $0.hasEnoughOfJobs } }

  /// Runs `body`, which waits for jobs. While it runs, the next signal sets `hasEnoughOfJobs`.
  func whileWaitingForJobs(_ body: () -> Void) {
    state.update { $0.waitsForJobs = true }
    body()
    state.update { $0.waitsForJobs = false }
  }

  /// A deadline `seconds` from now, or 0.2 seconds from now if the user does not want to wait.
  func deadline(_ seconds: Double) -> MonotonicInstant { .now + (isHurried ? 0.2 : seconds) }
}
