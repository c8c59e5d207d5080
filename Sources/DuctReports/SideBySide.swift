internal import SystemCalls
internal import SystemPackage

/// Does the same for many values, on a thread for each processor.
enum SideBySide {
  private static let mostThreads = 8

  private struct State<Outcome: Sendable>: Sendable {
    /// The first value that nobody has taken.
    var next = 0
    var outcomes: [Outcome?]
    var done = 0
  }

  /// Returns when all is done, with the outcomes in the order of the values.
  static func map<Value: Sendable, Outcome: Sendable>(
    _ values: [Value], _ body: @escaping @Sendable (Value) -> Outcome
  ) -> [Outcome] {
    let state = Monitor(State<Outcome>(outcomes: Array(repeating: nil, count: values.count)))
    let work: @Sendable () -> Void = {
      while true {
        // One at a time, because one may be a thousand times larger than another.
        let index = state.withLock { state in
          state.next += 1
          return state.next - 1
        }
        if index >= values.count { return }
        let outcome = body(values[index])
        state.update { state in
          state.outcomes[index] = outcome
          state.done += 1
        }
      }
    }
    let threads = min(allowedProcessors(), mostThreads, values.count)
    for _ in 1..<max(threads, 1) {
      // If no thread can be started, this one does its work, too.
      do throws(Errno) { _ = try OwnThread("duct reader", stackSize: 8 << 20, body: work) } catch { break }
    }
    work()
    let outcomes = state.wait(until: nil) { $0.done == values.count ? $0.outcomes : nil } ?? []
    return outcomes.compactMap(\.self)
  }
}
