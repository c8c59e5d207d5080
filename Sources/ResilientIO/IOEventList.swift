internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The episodes of failures in the log directory, for `io_events` of info.json.
///
/// A directory may fail and recover for weeks. So the list has one entry for each episode only up to a number. After
/// that, a further episode is added to the latest entry of the same path and error.
struct IOEventList: Sendable {
  /// The number of entries from which on episodes are added up.
  static let mostApart = 100

  private(set) var events: [IOEvent] = []

  /// - Parameters:
  ///   - bytes: bytes that wait.
  ///   - tries: failed tries since the last call.
  ///   - isLast: the run ends without the data.
  mutating func note(_ failure: IOFailure, _ path: FilePath, bytes: Int, tries: Int, isLast: Bool) {
    let place = String(escaping: path.bytes)
    let index = open(place) ?? begin(place, failure.operation, failure.errno)
    events[index].operation = failure.operation
    events[index].errnoName = failure.errno.name
    events[index].lastTime = WallTime.now.seconds
    events[index].tries += tries
    events[index].bytesWaiting = bytes
    events[index].outcome = isLast ? .undelivered : .waiting
  }

  /// Notes what others did to a file. It is repaired as far as possible.
  ///
  /// - Parameters:
  ///   - missing: bytes that nobody has any more.
  ///   - place: where the file is, if another file has its name.
  mutating func note(
    _ path: FilePath, _ operation: String, _ error: Errno, missing: Int, place: FilePath? = nil
  ) {
    var event = IOEvent(
      path: String(escaping: path.bytes), place: place.map { String(escaping: $0.bytes) },
      operation: operation, errnoName: error.name, firstTime: WallTime.now.seconds,
      lastTime: WallTime.now.seconds, tries: 1, bytesWaiting: missing,
      outcome: missing == 0 ? .delivered : .lost)
    if let index = like(event) {
      event.firstTime = events[index].firstTime
      event.tries += events[index].tries
      event.episodes += events[index].episodes
      event.bytesWaiting += events[index].bytesWaiting
      events[index] = event
      return
    }
    // A success ends the last event of the path, so that one stays the last.
    events.insert(event, at: open(event.path) ?? events.endIndex)
  }

  /// Notes a success. True if it ends an episode.
  mutating func noteSuccess(_ path: FilePath) -> Bool {
    guard let index = open(String(escaping: path.bytes)) else { return false }
    events[index].outcome = .delivered
    events[index].bytesWaiting = 0
    events[index].lastTime = WallTime.now.seconds
    return true
  }

  /// The episode of a path that is not over.
  private func open(_ path: String) -> Int? {
    events.lastIndex { $0.path == path && [.waiting, .undelivered].contains($0.outcome) }
  }

  private mutating func begin(_ path: String, _ operation: String, _ error: Errno) -> Int {
    let now = WallTime.now.seconds
    let event = IOEvent(
      path: path, operation: operation, errnoName: error.name, firstTime: now, lastTime: now, tries: 0,
      bytesWaiting: 0, outcome: .delivered)
    guard let index = like(event) else {
      events.append(event)
      return events.count - 1
    }
    events[index].episodes += 1
    return index
  }

  /// The entry to which an episode is added; nil if it gets one of its own.
  private func like(_ event: IOEvent) -> Int? {
    guard events.count >= Self.mostApart else { return nil }
    return events.lastIndex {
      ($0.path, $0.place, $0.operation, $0.errnoName, $0.outcome)
        == (event.path, event.place, event.operation, event.errnoName, event.outcome)
    }
  }
}
