internal import OrderedCollections
public import SystemCalls
public import SystemPackage

/// Carries records to their directory, on a thread of its own: nobody else waits for that directory.
///
/// A failure is met by trying again at once with a fresh descriptor, three times; then what is to be
/// written is kept and tried again after 1 s, 2 s and so on up to 60 s, until it succeeds or the run
/// ends. An episode is told once when it begins and once when it ends.
public final class Publisher: Sendable {
  /// What is told of an episode.
  public enum Notice: Sendable {
    case began(IOFailure)
    case ended(FilePath, tries: Int)
  }

  enum Work: Sendable {
    /// The whole content, made when it is about to be written: the latest is good enough.
    case replacement(@Sendable () -> [UInt8])
    /// Records for the end of the file. None: what the file still keeps is due again.
    case records([[UInt8]])
  }

  struct State: Sendable {
    var work: OrderedDictionary<FilePath, Work> = [:]
    /// When to begin with a file, where that is not at once.
    var starts: [FilePath: MonotonicInstant] = [:]
    var events: [IOEvent] = []
    var isFinishing = false
    var undelivered: [FilePath] = []
    var isDone = false
  }

  fileprivate static let triesAtOnce = 3
  private static let longestPause = 60.0

  private let state: Monitor<State>

  /// - Parameter notify: called on the publisher's thread.
  public init(notify: @escaping @Sendable (Notice) -> Void) throws(Errno) {
    let state = Monitor(State())
    self.state = state
    _ = try OwnThread("duct publisher") { Self.run(state, notify) }
  }

  /// Replaces the file at `path` by what `content` gives. A replacement that still waits is dropped.
  ///
  /// - Parameters:
  ///   - start: when to begin; at once without it, and in any case when everything is finished.
  ///   - content: called on the publisher's thread.
  public func replace(
    _ path: FilePath, after start: MonotonicInstant? = nil, with content: @escaping @Sendable () -> [UInt8]
  ) {
    state.update { state in
      state.work[path] = .replacement(content)
      state.starts[path] = start
    }
  }

  /// Adds a record at the end of the file at `path`, which is made with the first one.
  public func append(_ record: [UInt8], to path: FilePath) {
    state.update { state in
      var records: [[UInt8]] = []
      if case .records(let waiting)? = state.work[path] { records = waiting }
      state.work[path] = .records(records + [record])
    }
  }

  /// All episodes so far.
  public var events: [IOEvent] { state.withLock { $0.events } }

  /// Tries everything that waits once more, and ends the thread.
  ///
  /// - Returns: the files that were not written by the deadline.
  public func finish(until deadline: MonotonicInstant) -> [FilePath] {
    state.update { $0.isFinishing = true }
    return state.wait(until: deadline) { $0.isDone ? $0.undelivered : nil }
      ?? state.withLock { $0.undelivered + $0.work.keys }
  }

  // MARK: The thread

  private struct Pause {
    var end: MonotonicInstant
    var length: Double
  }

  private enum Step {
    case publish(FilePath, Work, isLast: Bool)
    /// There is something to wait for that was not known.
    case rearm
    case stop
  }

  private static func run(_ state: Monitor<State>, _ notify: (Notice) -> Void) {
    var files: [FilePath: AppendedFile] = [:]
    var pauses: [FilePath: Pause] = [:]
    while true {
      let starts = state.withLock { $0.starts }
      let wake = (pauses.values.map(\.end) + starts.values).min()
      let step = state.wait(until: wake) { state -> Step? in
        let now = MonotonicInstant.now
        if state.starts != starts { return .rearm }
        let due = state.work.keys.first { path in
          state.isFinishing
            || (pauses[path]?.end ?? now) <= now && (starts[path] ?? now) <= now
        }
        if let due, let work = state.work.removeValue(forKey: due) {
          state.starts[due] = nil
          return .publish(due, work, isLast: state.isFinishing)
        }
        guard state.isFinishing else { return nil }
        state.isDone = true
        return .stop
      }
      switch step {
      case .rearm?, nil: continue
      case .stop?: return
      case .publish(let path, let work, let isLast)?:
        if case .records(let records) = work {
          files[path, default: AppendedFile(path: path)].add(contentsOf: records)
        }
        if let failure = publish(work, at: path, &files) {
          let length = min((pauses[path]?.length).map { $0 * 2 } ?? 1, longestPause)
          pauses[path] = Pause(end: .now + length, length: length)
          let bytes = files[path]?.pending.count ?? 0
          let isNew = state.update { $0.note(failure, path, bytes: bytes, failed: work, isLast: isLast) }
          if isNew { notify(.began(failure)) }
        } else {
          pauses[path] = nil
          if let tries = state.update({ $0.noteSuccess(path) }) { notify(.ended(path, tries: tries)) }
        }
      }
    }
  }

  /// One file, with the tries at once. Nil when it is written.
  private static func publish(
    _ work: Work, at path: FilePath, _ files: inout [FilePath: AppendedFile]
  ) -> IOFailure? {
    var last: IOFailure?
    for _ in 0..<triesAtOnce {
      do throws(IOFailure) {
        switch work {
        case .replacement(let content): try AtomicFile.replace(path, with: content())
        case .records: try files[path, default: AppendedFile(path: path)].publish()
        }
        return nil
      } catch {
        last = error
      }
    }
    return last
  }
}

extension Publisher.State {
  /// Keeps what could not be written, and records the failure. True if it begins an episode.
  fileprivate mutating func note(
    _ failure: IOFailure, _ path: FilePath, bytes: Int, failed: Publisher.Work, isLast: Bool
  ) -> Bool {
    if isLast {
      undelivered.append(path)
    } else if work[path] == nil {
      // Unless something newer came meanwhile. Records are in the file's own memory already.
      if case .records = failed { work[path] = .records([]) } else { work[path] = failed }
    }
    let now = WallTime.now.seconds
    let known = openEvent(of: path)
    var event =
      known.map { events[$0] }
      ?? IOEvent(
        path: path.string, operation: "", errnoName: "", firstTime: now, lastTime: now, tries: 0,
        bytesWaiting: 0, outcome: .waiting)
    event.operation = failure.operation
    event.errnoName = failure.errno.name
    event.lastTime = now
    event.tries += Publisher.triesAtOnce
    event.bytesWaiting = bytes
    if isLast { event.outcome = .undelivered }
    if let known { events[known] = event } else { events.append(event) }
    return known == nil
  }

  /// Ends the path's episode, if there is one, and says how many tries it took.
  fileprivate mutating func noteSuccess(_ path: FilePath) -> Int? {
    guard let index = openEvent(of: path) else { return nil }
    events[index].lastTime = WallTime.now.seconds
    events[index].bytesWaiting = 0
    events[index].outcome = .delivered
    return events[index].tries
  }

  private func openEvent(of path: FilePath) -> Int? {
    events.lastIndex { $0.path == path.string && $0.outcome == .waiting }
  }
}
