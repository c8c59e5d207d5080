internal import SlurmJobs
internal import SystemCalls

/// Sessions of the run's processes, with the times of their being seen.
struct SeenSessions {
  /// A session that a process is in.
  private struct Present {
    var sighting: SessionSighting
    var lastLook: Int
  }

  /// By session id, as /proc has it.
  private var present: [Int32: Present] = [:]
  /// The session that the command shares with others tells nothing.
  private let shared: Int32?
  private var look = 0
  /// New ones and such as have gone, by the last look.
  private(set) var changed: [SessionSighting] = []

  init(shared: Int32?) { self.shared = shared }

  /// - Parameter name: what it is called in this process's pid namespace.
  mutating func add(_ session: Int32, name: Int32) {
    guard name > 0 else { return }
    let sighting = SessionSighting(sid: UInt32(name), firstSeen: WallTime.now.seconds)
    present[session] = Present(sighting: sighting, lastLook: look)
    changed.append(sighting)
  }

  mutating func begin() {
    look += 1
    if look > 1 { changed.removeAll(keepingCapacity: true) }
  }

  /// A process of that session is there.
  ///
  /// - Parameter name: as for `add`.
  mutating func note(_ session: Int32, name: Int32) {
    if session <= 0 || session == shared { return }
    if present[session] == nil { add(session, name: name) }
    present[session]?.lastLook = look
  }

  mutating func finish() {
    for (session, one) in present where one.lastLook != look {
      var sighting = one.sighting
      sighting.goneBy = WallTime.now.seconds
      changed.append(sighting)
      present[session] = nil
    }
  }
}
