internal import SlurmJobs
internal import SystemCalls

/// The sessions that the run's processes are in, and when samples saw them first and last.
struct SeenSessions {
  private struct Present {
    var sighting: SessionSighting
    /// Number of the last sample that saw it.
    var lastSample: Int
  }

  /// By session id in /proc.
  private var present: [Int32: Present] = [:]
  /// A session that the command shares with other programs. It is left out, because a job submitted from it need not
  /// be the command's.
  private let shared: Int32?
  private var sampleNumber = 0
  /// The sessions that are new or have gone since the previous sample.
  private(set) var changed: [SessionSighting] = []

  init(shared: Int32?) { self.shared = shared }

  /// - Parameter name: the session's id in duct's own pid namespace. 0 if it has none: then it is not recorded.
  mutating func add(_ session: Int32, name: Int32) {
    guard name > 0 else { return }
    let sighting = SessionSighting(sid: UInt32(name), firstSeen: WallTime.now.seconds)
    present[session] = Present(sighting: sighting, lastSample: sampleNumber)
    changed.append(sighting)
  }

  mutating func beginSample() {
    sampleNumber += 1
    // What `add` noted before the first sample is still to be handed over.
    if sampleNumber > 1 { changed.removeAll(keepingCapacity: true) }
  }

  /// Notes that a process of that session exists.
  ///
  /// - Parameter name: as for `add`.
  mutating func note(_ session: Int32, name: Int32) {
    if session <= 0 || session == shared { return }
    if present[session] == nil { add(session, name: name) }
    present[session]?.lastSample = sampleNumber
  }

  mutating func endSample() {
    for (session, one) in present where one.lastSample != sampleNumber {
      var sighting = one.sighting
      sighting.goneBy = WallTime.now.seconds
      changed.append(sighting)
      present[session] = nil
    }
  }
}
