internal import SystemCalls
internal import SystemPackage

/// A value that a thread of its own works out, because the calls that it takes may never return.
struct Aside<Value: Sendable>: Sendable {
  private enum State {
    case working
    case done(Value)
  }

  private let state = Monitor(State.working)
  private let hasStarted: Bool

  init(_ name: String, _ body: @escaping @Sendable () -> Value) {
    let state = self.state
    do throws(Errno) {
      _ = try OwnThread(name) {
        let value = body()
        state.update { $0 = .done(value) }
      }
      hasStarted = true
    } catch {
      hasStarted = false
    }
  }

  /// The value; nil if it is not there after so many seconds, or if no thread could be started.
  func value(within seconds: Double) -> Value? {
    guard hasStarted else { return nil }
    return state.wait(until: .now + seconds) { state in
      if case .done(let value) = state { value } else { nil }
    }
  }
}
