internal import SystemCalls
internal import SystemPackage

/// Does the same for many values, on a thread for each processor.
enum SideBySide {
  /// What a thread takes at once. Starting a thread takes as long as reading some records.
  private static let portion = 64
  private static let mostThreads = 8

  private struct State<Outcome: Sendable>: Sendable {
    /// The first portion that nobody has taken.
    var next = 0
    var outcomes: [Int: [Outcome]] = [:]
  }

  /// Returns when all is done, with the outcomes in the order of the values.
  static func map<Value: Sendable, Outcome: Sendable>(
    _ values: [Value], _ body: @escaping @Sendable (Value) -> Outcome
  ) -> [Outcome] {
    let count = (values.count + portion - 1) / portion
    let state = Monitor(State<Outcome>())
    let work: @Sendable () -> Void = {
      while true {
        let portion = state.withLock { state in
          state.next += 1
          return state.next - 1
        }
        if portion >= count { return }
        let part = values[portion * Self.portion..<min((portion + 1) * Self.portion, values.count)]
        let outcomes = part.map(body)
        state.update { $0.outcomes[portion] = outcomes }
      }
    }
    let processors = allowedProcessors()
    for _ in 1..<max(min(processors, mostThreads, count), 1) {
      // If no thread can be started, this one does its work, too.
      do throws(Errno) { _ = try OwnThread("duct reader", stackSize: 8 << 20, body: work) } catch { break }
    }
    work()
    let outcomes = state.wait(until: nil) { $0.outcomes.count == count ? $0.outcomes : nil } ?? [:]
    return (0..<count).flatMap { outcomes[$0] ?? [] }
  }
}
