internal import SystemCalls

/// What the user has said by signals after the command ended: to stop waiting for jobs, or for anything.
final class FinalPatience: Sendable {
  private struct State: Sendable {
    var waitsForJobs = false
    /// The user does not want to wait for jobs any longer: their states are read once more, then the run ends as usual.
    var hasEnoughOfJobs = false
    /// How often the user did not want to wait for the rest.
    var hurries = 0
    /// The main thread itself does the last steps, and cannot read signals meanwhile.
    var isAlone = false
  }

  /// What follows from a signal.
  enum Effect {
    case stopsWaitingForJobs
    case stopsWaiting
    /// duct exits immediately.
    case leaves
  }

  private let state = Monitor(State())

  /// A signal asks for the end. The first one ends the wait for jobs, the next one all waits, the last one duct.
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

  /// The main thread itself does the last steps.
  func noteAlone() { state.update { $0.isAlone = true } }

  /// The run now waits for the slow reader of duct's own output. Without a thread that reads signals, nobody could end
  /// that wait.
  func noteWaitForReaders() { state.update { if $0.isAlone { $0.hurries += 1 } } }

  var isAlone: Bool { state.withLock { $0.isAlone } }
  var isHurried: Bool { state.withLock { $0.hurries > 0 } }
  var hasEnoughOfJobs: Bool { state.withLock { $0.hasEnoughOfJobs } }

  /// Runs `body`, which waits for jobs until `hasEnoughOfJobs`.
  func whileWaitingForJobs(_ body: () -> Void) {
    state.update { $0.waitsForJobs = true }
    body()
    state.update { $0.waitsForJobs = false }
  }

  /// A deadline `seconds` from now, or nearly now if the user does not want to wait.
  func deadline(_ seconds: Double) -> MonotonicInstant { .now + (isHurried ? 0.2 : seconds) }
}
