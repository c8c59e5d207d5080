internal import OrderedCollections
internal import SystemCalls
internal import SystemPackage

/// The loop of the deliverer's thread.
struct DeliveryLoop {
  /// Seconds between two checks of the credential cache.
  private static let credentialLook = 1.0

  private struct Pause {
    var end: MonotonicInstant
    var backoff: Backoff
    var kind: FailureKind
  }

  private enum Step {
    case deliver(FilePath, Deliverer.Work, isLast: Bool)
    /// The state has changed: determine again what to wait for.
    case rearm
    case stop
  }

  /// An episode of failures that is not over.
  private struct Episode {
    var start: MonotonicInstant
    var tries: Int
  }

  private let state: Monitor<Deliverer.State>
  private let runID: String
  private var credentials: CredentialCache?
  private var nextCredentialLook: MonotonicInstant?
  private let makesDirectories: Bool
  private let notify: @Sendable (Deliverer.Notice) -> Void

  private var files: [FilePath: TargetFile] = [:]
  private var wholes: [FilePath: ReplacedFile] = [:]
  private var madeDirectories: Set<FilePath> = []
  private var pauses: [FilePath: Pause] = [:]
  private var episode: Episode?

  init(
    state: Monitor<Deliverer.State>, runID: String, credentials: CredentialCache?, makesDirectories: Bool,
    notify: @escaping @Sendable (Deliverer.Notice) -> Void
  ) {
    self.state = state
    self.runID = runID
    self.credentials = credentials
    self.makesDirectories = makesDirectories
    self.notify = notify
  }

  mutating func run() {
    while true {
      let step = nextStep()
      lookAtCredentials()
      switch step {
      case .rearm?, nil: continue
      case .stop?: return
      case .deliver(let path, let work, let isLast)?:
        deliver(work, at: path, isLast: isLast)
        state.update { $0.current = nil }
      }
    }
  }

  /// Checks the cache once a second while something waits for a ticket, even if there is other work.
  private mutating func lookAtCredentials() {
    guard let due = nextCredentialLook, due <= .now else { return }
    nextCredentialLook = nil
    if credentials?.hasChanged() == true { pauses = pauses.filter { $0.value.kind != .credential } }
  }

  private mutating func nextStep() -> Step? {
    let pauses = self.pauses
    let (starts, known) = state.withLock { ($0.starts, $0.work.count) }
    var ends = pauses.values.map(\.end) + starts.values
    if credentials != nil, pauses.values.contains(where: { $0.kind == .credential }) {
      let look = nextCredentialLook ?? .now + Self.credentialLook
      nextCredentialLook = look
      ends.append(look)
    }
    return state.wait(until: ends.min()) { state -> Step? in
      if state.isAbandoned {
        state.leftovers = state.failed
        return .stop
      }
      let now = MonotonicInstant.now
      let due = state.work.keys.filter { path in
        state.isFinishing
          || (pauses[path]?.end ?? now) <= now && (state.starts[path] ?? now) <= now
      }
      // Growing sources first, so that info.json does not name a file that does not exist yet.
      let next = due.first { if case .growth? = state.work[$0] { true } else { false } } ?? due.first
      if let next, let work = state.work.removeValue(forKey: next) {
        state.starts[next] = nil
        state.current = next
        return .deliver(next, work, isLast: state.isFinishing)
      }
      if state.isFinishing, let (path, make) = state.takeOldContent() {
        return .deliver(path, .replacement(make), isLast: true)
      }
      if state.isFinishing {
        state.leftovers = state.failed
        return .stop
      }
      return state.starts != starts || state.work.count != known ? .rearm : nil
    }
  }

  // MARK: One file

  private mutating func deliver(_ work: Deliverer.Work, at path: FilePath, isLast: Bool) {
    defer { endTaking(path) }
    var attempts = DeliveryAttempts(
      mayMakeDirectory: makesDirectories && !work.isCleaning && !madeDirectories.contains(path.parent))
    while true {
      let failure: IOFailure
      do throws(IOFailure) {
        let hasMore = try attemptOnce(work, path, isLast)
        // Cleaning also succeeds where there is no directory.
        if !work.isCleaning { madeDirectories.insert(path.parent) }
        pauses[path] = nil
        noteSuccess(path, isLast: isLast)
        if hasMore { requeue(work, path) }
        return
      } catch { failure = error }
      switch attempts.failed(failure.errno) {
      case .tryAgain: continue
      case .giveUp: return giveUp(work, path, failure, attempts.failures, isLast)
      case .makeDirectory:
        do throws(IOFailure) {
          try makeDirectories(path.parent)
          madeDirectories.insert(path.parent)
          attempts.madeDirectory()
        } catch {
          if attempts.failedToMakeDirectory(error.errno) == .giveUp {
            return giveUp(work, path, error, attempts.failures, isLast)
          }
        }
      }
    }
  }

  /// The name was ours for one turn. A run that takes the name later keeps it.
  private mutating func endTaking(_ path: FilePath) {
    guard state.update({ $0.taken.remove(path) != nil }) else { return }
    files[path]?.leaveNameToOthers()
    wholes[path]?.leaveNameToOthers()
  }

  private mutating func giveUp(
    _ work: Deliverer.Work, _ path: FilePath, _ failure: IOFailure, _ tries: Int, _ isLast: Bool
  ) {
    var backoff = pauses[path]?.backoff ?? Backoff(failure.errno.failureKind)
    if pauses[path] != nil { backoff.grow() }
    pauses[path] = Pause(end: .now + backoff.length, backoff: backoff, kind: failure.errno.failureKind)
    let bytes = max(work.bytesWaiting - (files[path]?.proven ?? 0), 0)
    state.update { $0.note(failure, path, bytes: bytes, tries: tries, isLast: isLast) }
    notify(.eventsHaveChanged)
    if !isLast { requeue(work, path) }
    episode?.tries += tries
    if episode == nil {
      episode = Episode(start: .now, tries: tries)
      notify(.began(failure))
    }
  }

  /// Queues the work again, unless newer work for the file has arrived.
  private func requeue(_ work: Deliverer.Work, _ path: FilePath) {
    state.update { if $0.work[path] == nil { $0.work[path] = work } }
  }

  private mutating func noteSuccess(_ path: FilePath, isLast: Bool) {
    if state.update({ $0.noteSuccess(path) }) { notify(.eventsHaveChanged) }
    guard let known = episode, pauses.isEmpty else { return }
    episode = nil
    notify(.ended(tries: known.tries, seconds: MonotonicInstant.now.seconds(since: known.start)))
  }

  private mutating func attemptOnce(
    _ work: Deliverer.Work, _ path: FilePath, _ isLast: Bool
  ) throws(IOFailure) -> Bool {
    let (known, takesName) = state.withLock { ($0.known[path] ?? .init(), $0.taken.contains(path)) }
    switch work {
    case .replacement(let content):
      var file =
        wholes[path]
        ?? ReplacedFile(
          path, runID: runID, notes: known.memory?.notes ?? [], isSuccessor: known.isSuccessor,
          takesName: takesName, memory: known.memory)
      defer { wholes[path] = file }
      state.withLock { $0.contents[path] = (content, $0.eventCount) }
      try file.replace(with: content(), isLast: isLast)
      let hasLeftNames = file.hasLeftNames
      state.withLock { state in
        if hasLeftNames, !isLast { state.uncleaned.insert(path) } else { state.uncleaned.remove(path) }
      }
      if file.wasDisplaced {
        tell(.displaced(path, place: file.place), path)
        // The content of the record was made before its new place was known, so write it again.
        requeue(work, path)
      }
      return false
    case .growth(let source):
      var file =
        files[path]
        ?? TargetFile(
          path, runID: runID, notes: known.memory?.notes ?? [], proven: known.proven,
          isSuccessor: known.isSuccessor, takesName: takesName, old: known.old, memory: known.memory)
      defer { files[path] = file }
      let hasMore = try file.deliver(source, isLast: isLast)
      for discovery in file.discoveries {
        switch discovery {
        case .displaced: tell(.displaced(path, place: file.place), path)
        case .restored(let missing): tell(.restored(path, missing: missing), path)
        case .lost(let bytes): tell(.lost(path, bytes: bytes), path)
        }
      }
      return hasMore
    case .cleaning:
      try RecordFile.clean(path, known.memory?.notes ?? [], runID: runID)
      return false
    }
  }

  private func tell(_ notice: Deliverer.Notice, _ path: FilePath) {
    state.update { state in
      switch notice {
      case .displaced(_, let place):
        state.places[path] = place
        state.note(path, "stat", .fileExists, missing: 0, place: place)
      case .restored(_, let missing): state.note(path, "stat", .noSuchFileOrDirectory, missing: missing)
      case .lost(_, let bytes): state.note(path, "read", .ioError, missing: bytes)
      case .began, .ended, .eventsHaveChanged: break
      }
    }
    notify(notice)
    notify(.eventsHaveChanged)
  }
}

extension Deliverer.State {
  /// A record whose content was made before the latest failures, to be written again so that it reports these too.
  fileprivate mutating func takeOldContent() -> (FilePath, @Sendable () -> [UInt8])? {
    guard
      let (path, old) = contents.first(where: {
        $0.value.eventCount != eventCount || uncleaned.contains($0.key)
      })
    else { return nil }
    uncleaned.remove(path)
    current = path
    return (path, old.make)
  }

  fileprivate mutating func note(_ failure: IOFailure, _ path: FilePath, bytes: Int, tries: Int, isLast: Bool)
  {
    if isLast { failed.append(.init(path: path, bytes: bytes, failure: failure.description)) }
    events.note(failure, path, bytes: bytes, tries: tries, isLast: isLast)
    countEvent(path)
  }

  fileprivate mutating func note(
    _ path: FilePath, _ operation: String, _ error: Errno, missing: Int, place: FilePath? = nil
  ) {
    events.note(path, operation, error, missing: missing, place: place)
    countEvent(path)
  }

  /// Records a success. True if it ends an episode.
  fileprivate mutating func noteSuccess(_ path: FilePath) -> Bool {
    guard events.noteSuccess(path) else { return false }
    countEvent(path)
    return true
  }

  /// A failure to write a record itself does not change `eventCount`: the record cannot report that it was not written.
  private mutating func countEvent(_ path: FilePath) { if contents[path] == nil { eventCount += 1 } }
}
