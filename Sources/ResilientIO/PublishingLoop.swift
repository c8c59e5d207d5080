internal import OrderedCollections
internal import SystemCalls
internal import SystemPackage

/// The publisher's thread.
struct PublishingLoop {
  private static let triesAtOnce = 3
  /// Seconds between two looks at the credential cache.
  private static let credentialLook = 1.0

  private struct Pause {
    var end: MonotonicInstant
    var backoff: Backoff
    var kind: FailureKind
  }

  private enum Step {
    case publish(FilePath, Publisher.Work, isLast: Bool)
    /// Something is new: what to wait for is to be found anew.
    case rearm
    case stop
  }

  /// What failed and has not been written since.
  private struct Episode {
    var start: MonotonicInstant
    var tries: Int
  }

  private let state: Monitor<Publisher.State>
  private let label: String
  private var credentials: CredentialCache?
  private var nextCredentialLook: MonotonicInstant?
  private let makesDirectories: Bool
  private let durability: AtomicFile.Durability
  private let notify: @Sendable (Publisher.Notice) -> Void

  private var files: [FilePath: TargetFile] = [:]
  private var wholes: [FilePath: FileIdentity] = [:]
  private var madeDirectories: Set<FilePath> = []
  private var pauses: [FilePath: Pause] = [:]
  private var episode: Episode?

  init(
    state: Monitor<Publisher.State>, label: String, credentials: CredentialCache?, makesDirectories: Bool,
    durability: AtomicFile.Durability, notify: @escaping @Sendable (Publisher.Notice) -> Void
  ) {
    self.state = state
    self.label = label
    self.credentials = credentials
    self.makesDirectories = makesDirectories
    self.durability = durability
    self.notify = notify
  }

  mutating func run() {
    while true {
      let step = nextStep()
      lookAtCredentials()
      switch step {
      case .rearm?, nil: continue
      case .stop?: return
      case .publish(let path, let work, let isLast)?:
        publish(work, at: path, isLast: isLast)
        state.update { $0.current = nil }
      }
    }
  }

  /// Once a second while something waits for a ticket, however much else there is to do.
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
      let now = MonotonicInstant.now
      let due = state.work.keys.filter { path in
        state.isFinishing || state.isHurried
          || (pauses[path]?.end ?? now) <= now && (state.starts[path] ?? now) <= now
      }
      // What grows goes first: info.json shall not name what is not there.
      let next = due.first { if case .growth? = state.work[$0] { true } else { false } } ?? due.first
      if let next, let work = state.work.removeValue(forKey: next) {
        state.starts[next] = nil
        state.current = next
        return .publish(next, work, isLast: state.isFinishing)
      }
      state.isHurried = false
      if state.isFinishing {
        state.leftovers = state.failed
        return .stop
      }
      return state.starts != starts || state.work.count != known ? .rearm : nil
    }
  }

  // MARK: One file

  private mutating func publish(_ work: Publisher.Work, at path: FilePath, isLast: Bool) {
    defer { state.update { $0.taken.remove(path) } }
    do throws(IOFailure) {
      let hasMore = try attemptThrice(work, path, isLast)
      pauses[path] = nil
      noteSuccess(path, isLast: isLast)
      if hasMore { requeue(work, path) }
    } catch {
      var backoff = pauses[path]?.backoff ?? Backoff(error.errno.failureKind)
      if pauses[path] != nil { backoff.grow() }
      pauses[path] = Pause(end: .now + backoff.length, backoff: backoff, kind: error.errno.failureKind)
      let bytes = max(work.bytesWaiting - (files[path]?.proven ?? 0), 0)
      let tries = error.errno.failureKind == .permanent ? 1 : Self.triesAtOnce
      state.update { $0.note(error, path, bytes: bytes, tries: tries, isLast: isLast) }
      notify(.eventsHaveChanged)
      if !isLast { requeue(work, path) }
      episode?.tries += Self.triesAtOnce
      if episode == nil {
        episode = Episode(start: .now, tries: Self.triesAtOnce)
        notify(.began(error))
      }
    }
  }

  /// Unless something newer came meanwhile.
  private func requeue(_ work: Publisher.Work, _ path: FilePath) {
    state.update { if $0.work[path] == nil { $0.work[path] = work } }
  }

  private mutating func noteSuccess(_ path: FilePath, isLast: Bool) {
    if state.update({ $0.noteSuccess(path) }) { notify(.eventsHaveChanged) }
    guard let known = episode, pauses.isEmpty else { return }
    episode = nil
    notify(.ended(tries: known.tries, seconds: MonotonicInstant.now.seconds(since: known.start)))
  }

  private mutating func attemptThrice(
    _ work: Publisher.Work, _ path: FilePath, _ isLast: Bool
  ) throws(IOFailure) -> Bool {
    for number in 1...Self.triesAtOnce {
      do throws(IOFailure) {
        return try attemptOnce(work, path, isLast)
      } catch {
        if error.errno == .noSuchFileOrDirectory, try makeDirectory(of: path) { continue }
        // What cannot get better is not tried at once again.
        if number == Self.triesAtOnce || error.errno.failureKind == .permanent { throw error }
      }
    }
    return false
  }

  /// True if it is there now, and was not known before.
  private mutating func makeDirectory(of path: FilePath) throws(IOFailure) -> Bool {
    guard makesDirectories, madeDirectories.insert(path.parent).inserted else { return false }
    do throws(IOFailure) {
      try makeDirectories(path.parent)
      return true
    } catch {
      madeDirectories.remove(path.parent)
      throw error
    }
  }

  private mutating func attemptOnce(
    _ work: Publisher.Work, _ path: FilePath, _ isLast: Bool
  ) throws(IOFailure) -> Bool {
    switch work {
    case .replacement(let content):
      try replace(path, content())
      return false
    case .growth(let source):
      let adoption = state.withLock { $0.adopted[path] }
      var file =
        files[path]
        ?? TargetFile(
          path, label: label, proven: adoption?.proven ?? 0, identity: adoption?.identity,
          start: start(of: path, adoption))
      defer { files[path] = file }
      let hasMore = try file.publish(source, isLast: isLast)
      madeDirectories.insert(path.parent)
      tell(file)
      return hasMore
    }
  }

  private func start(of path: FilePath, _ adoption: Publisher.Adoption?) -> TargetFile.Start {
    if state.withLock({ $0.taken.contains(path) }) { return .take }
    return adoption == nil || adoption?.identity != nil ? .new : .adopt
  }

  private func tell(_ file: TargetFile) {
    switch file.discovery {
    case .displaced?:
      state.update { $0.places[file.path] = file.place }
      notify(.displaced(file.path, place: file.place))
    case .restored(let missing)?: notify(.restored(file.path, missing: missing))
    case nil: break
    }
  }

  // MARK: Whole files

  private mutating func replace(_ path: FilePath, _ content: [UInt8]) throws(IOFailure) {
    let (known, adopted, mayTake) = state.withLock {
      ($0.places[path], $0.adopted[path]?.identity, $0.taken.contains(path))
    }
    var place = known ?? path
    // A file there that we did not put there is another's.
    let isOurs = place != path || mayTake
    wholes[place] = try AtomicFile.replace(
      place, with: content, durability: durability,
      replacing: isOurs ? .anything : .only(wholes[path] ?? adopted))
    if wholes[place] == nil {
      place = path.beside(label)
      wholes[place] = try AtomicFile.replace(place, with: content, durability: durability)
      state.update { $0.places[path] = place }
      notify(.displaced(path, place: place))
    }
    madeDirectories.insert(path.parent)
  }
}

extension Publisher.State {
  fileprivate mutating func note(_ failure: IOFailure, _ path: FilePath, bytes: Int, tries: Int, isLast: Bool)
  {
    if isLast { failed.append(.init(path: path, bytes: bytes, failure: failure.description)) }
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
    event.tries += tries
    event.bytesWaiting = bytes
    event.outcome = isLast ? .undelivered : .waiting
    if let known { events[known] = event } else { events.append(event) }
  }

  /// True if that ends an episode.
  fileprivate mutating func noteSuccess(_ path: FilePath) -> Bool {
    guard let known = openEvent(of: path) else { return false }
    events[known].outcome = .delivered
    events[known].bytesWaiting = 0
    events[known].lastTime = WallTime.now.seconds
    return true
  }

  private func openEvent(of path: FilePath) -> Int? {
    events.lastIndex { $0.path == path.string && $0.outcome != .delivered }
  }
}
