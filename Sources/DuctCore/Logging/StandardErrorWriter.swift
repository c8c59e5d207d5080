import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Writes duct's own messages to standard error on a thread of its own: a reader that has stopped must
/// not hold up whoever has something to say.
final class StandardErrorWriter: Sendable {
  /// More than this waits only for a reader that has stopped; then the oldest are let go.
  private static let mostWaiting = 10_000

  private struct State: Sendable {
    var waiting: [String] = []
    var isWriting = false
    var dropped = 0
    var hasThread = false
  }

  private let state = Monitor(State())

  /// The thread is started with the first message: a quiet run needs none.
  private func startThread() {
    do throws(Errno) {
      _ = try OwnThread("duct log") { [state] in Self.run(state) }
    } catch {
      complain("duct: cannot start the thread for messages: \(error.description)")
    }
  }

  func write(_ text: String) {
    let isFirst = state.withLock { state in
      defer { state.hasThread = true }
      return !state.hasThread
    }
    if isFirst { startThread() }
    state.update { state in
      if state.waiting.count == Self.mostWaiting {
        state.waiting.removeFirst()
        state.dropped += 1
      }
      state.waiting.append(text)
    }
  }

  /// Waits until everything is written. False if the deadline passes first.
  @discardableResult
  func flush(until deadline: MonotonicInstant?) -> Bool {
    state.wait(until: deadline) { $0.waiting.isEmpty && !$0.isWriting ? true : nil } ?? false
  }

  private static func run(_ state: Monitor<State>) -> Never {
    while true {
      let text = state.wait { state -> String? in
        guard !state.waiting.isEmpty else { return nil }
        state.isWriting = true
        let lost = state.dropped == 0 ? "" : "duct: \(state.dropped) messages were let go\n"
        defer {
          state.waiting = []
          state.dropped = 0
        }
        return lost + state.waiting.joined()
      }
      // EPIPE and EIO: the reader or the terminal has gone. The records have what matters.
      try? FileDescriptor.standardError.writeAll((text ?? "").originalBytes)
      state.update { $0.isWriting = false }
    }
  }
}
