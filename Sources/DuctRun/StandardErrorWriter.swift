import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Writes duct's own messages to stderr, on a thread of its own: a reader that does not read must not delay the
/// threads that log.
final class StandardErrorWriter: Sendable {
  /// The most messages that may wait. If the reader does not read, the oldest messages beyond that are dropped.
  private static let mostWaiting = 10_000

  private struct State: Sendable {
    var waiting: [String] = []
    var isWriting = false
    var dropped = 0
    var hasThread = false
  }

  private let state = Monitor(State())

  /// Starts the thread with the first message, because a quiet run needs none. If that fails (a limit on
  /// processes), the next message tries again.
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

  /// Writes lines for people. Escapes everything that is not safe for a terminal.
  func write(lines text: String) { write(text.linesForDisplay) }

  /// Writes text as it is.
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

  /// If there is no thread, writes as much as stderr takes immediately, and drops the rest, because no thread would
  /// write it. Returns false if there is a thread.
  @discardableResult
  private func writeWithoutThread() -> Bool {
    // Holds the lock meanwhile. That takes no longer than writes that cannot block.
    state.update { state in
      guard !state.hasThread else { return false }
      var rest = Self.takeText(&state).originalBytes[...]
      while !rest.isEmpty {
        guard let ready = try? poll(reading: [], writing: .standardError, until: .now), ready[0].isWritable
        else { break }
        // A pipe that is ready takes a page without blocking, and a terminal takes a little.
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
      // EPIPE and EIO: the reader or the terminal has gone. The records contain what matters.
      try? FileDescriptor.standardError.writeAll((text ?? "").originalBytes)
      state.update { $0.isWriting = false }
    }
  }
}
