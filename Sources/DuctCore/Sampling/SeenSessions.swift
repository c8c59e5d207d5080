internal import SlurmJobs
internal import SystemCalls

/// Sessions of the run's processes, with the times of their being seen.
struct SeenSessions {
  /// In the order of their first sighting; a number can come again.
  private(set) var all: [SessionSighting] = []
  private var lastLooks: [Int] = []
  /// The session that the command shares with others tells nothing.
  private let shared: Int32?
  private var look = 0
  private var hasNew = false

  init(first: Int32?, shared: Int32?) {
    self.shared = shared
    if let first, first > 0 { append(first) }
  }

  private mutating func append(_ session: Int32) {
    all.append(SessionSighting(sid: UInt32(session), firstSeen: WallTime.now.seconds))
    lastLooks.append(look)
  }

  mutating func begin() {
    look += 1
    hasNew = look == 1 && !all.isEmpty
  }

  /// A process of that session is there.
  ///
  /// - Parameter place: where the session of the process was found at the look before.
  /// - Returns: where it is now.
  mutating func note(_ session: Int32, at place: Int?) -> Int? {
    if session <= 0 || session == shared { return nil }
    if let place, all[place].sid == UInt32(session), all[place].goneBy == nil {
      lastLooks[place] = look
      return place
    }
    if let known = all.lastIndex(where: { $0.sid == UInt32(session) && $0.goneBy == nil }) {
      lastLooks[known] = look
      return known
    }
    append(session)
    hasNew = true
    return all.count - 1
  }

  /// Whether there is something new.
  mutating func finish() -> Bool {
    for place in all.indices where lastLooks[place] != look && all[place].goneBy == nil {
      all[place].goneBy = WallTime.now.seconds
      hasNew = true
    }
    return hasNew
  }

  /// The same when the command has ended.
  var atEnd: [SessionSighting] {
    let now = WallTime.now.seconds
    return all.map { sighting in
      var sighting = sighting
      sighting.goneBy = sighting.goneBy ?? now
      return sighting
    }
  }
}
