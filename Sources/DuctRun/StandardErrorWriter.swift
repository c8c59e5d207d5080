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

  /// The thread is started with the first message: a quiet run needs none. Where none can be had (a limit
  /// on processes), the next message tries again.
  private func startThread() {
    let isFirst = state.withLock { state in
      defer { state.hasThread = true }
      return !state.hasThread
    }
    guard isFirst else { return }
    do throws(Errno) {
      _ = try OwnThread("duct log") { [state] in Self.run(state) }
    } catch {
      state.update { $0.hasThread = false }
    }
  }

  /// Lines for people, of whatever stands in them.
  func write(lines text: String) { write(text.linesForDisplay) }

  /// Text as it is.
  func write(_ text: String) {
    state.update { state in
      if state.waiting.count == Self.mostWaiting {
        state.waiting.removeFirst()
        state.dropped += 1
      }
      state.waiting.append(text)
    }
    startThread()
    writeWithoutThread()
  }

  /// Waits until everything is written. False if the deadline passes first.
  @discardableResult
  func flush(until deadline: MonotonicInstant?) -> Bool {
    if writeWithoutThread() { return true }
    return state.wait(until: deadline) { $0.waiting.isEmpty && !$0.isWriting ? true : nil } ?? false
  }

  /// Without a thread of its own, writes as far as standard error takes it at once, and lets the rest go:
  /// nobody would ever write it. False if there is a thread.
  @discardableResult
  private func writeWithoutThread() -> Bool {
    // Under the lock, which nobody else waits for: it is held for no longer than a write that cannot block.
    state.update { state in
      guard !state.hasThread else { return false }
      var rest = Self.takeText(&state).originalBytes[...]
      while !rest.isEmpty {
        guard let ready = try? poll(reading: [], writing: .standardError, until: .now), ready[0].isWritable
        else { break }
        // A pipe that is ready takes a page without blocking, and a terminal a little.
        let part = rest.prefix(256)
        guard (try? FileDescriptor.standardError.writeAll(Array(part))) != nil else { break }
        rest = rest.dropFirst(part.count)
      }
      return true
    }
  }

  private static func takeText(_ state: inout State) -> String {
    defer {
      state.waiting = []
      state.dropped = 0
    }
    let lost = state.dropped == 0 ? "" : "duct: \(state.dropped) messages were let go\n"
    return lost + state.waiting.joined()
  }

  private static func run(_ state: Monitor<State>) -> Never {
    while true {
      let text = state.wait { state -> String? in
        guard !state.waiting.isEmpty else { return nil }
        state.isWriting = true
        return takeText(&state)
      }
      // EPIPE and EIO: the reader or the terminal has gone. The records have what matters.
      try? FileDescriptor.standardError.writeAll((text ?? "").originalBytes)
      state.update { $0.isWriting = false }
    }
  }
}
