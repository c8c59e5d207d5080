import Glibc
internal import SlurmJobs
internal import SystemCalls

/// The processes of a run, found anew at each look: the command's session, and every descendant, also
/// those that left the session. duct is a subreaper, so that an orphan becomes its child and is kept.
struct ProcessTree {
  struct Member {
    var stat: ProcessStat
    /// Below the command, and not only in its session.
    var isDescendant: Bool
  }

  let root: Int32
  let session: Int32
  /// duct's own session is shared with others (`--mode current-session`).
  let sessionIsShared: Bool
  private let own = getpid()
  private var known: Set<ProcessIdentity> = []
  /// Sessions of others, by the last look. A session is never joined from outside, so its processes
  /// need not be looked at again; one whose number has gone in between is looked at anew.
  private var strangers: Set<Int32> = [0]
  private var sightings: [Int32: SessionSighting] = [:]
  /// The processes named sbatch below the command, by the last look.
  private var submitters: Set<ProcessIdentity> = []

  init(root: Int32, session: Int32, sessionIsShared: Bool) {
    self.root = root
    self.session = session
    self.sessionIsShared = sessionIsShared
    if !sessionIsShared {
      sightings[session] = SessionSighting(sid: UInt32(session), firstSeen: WallTime.now.seconds)
    }
  }

  /// Looks at every process. `helpers` are duct's own children.
  mutating func members(_ files: ProcFiles, helpers: Set<Int32>) -> [Member] {
    var stats: [Int32: ProcessStat] = [:]
    var sessions: [Int32: Int32] = [:]
    for pid in files.pids() {
      // 0 is the kernel's own threads; -1 a process that has just gone.
      let sid = getsid(pid)
      if sid <= 0 || strangers.contains(sid) {
        if sid > 0 { sessions[pid] = sid }
        continue
      }
      if let stat = files.stat(pid) {
        stats[pid] = stat
        sessions[pid] = sid
      }
    }
    var memo: [Int32: Bool] = [own: false, 0: false]
    for helper in helpers { memo[helper] = false }
    var members: [Member] = []
    for stat in stats.values {
      let isDescendant = isDescendant(stat, stats, &memo)
      if isDescendant || stat.session == session {
        members.append(Member(stat: stat, isDescendant: isDescendant))
      }
    }
    let ours = Set(members.lazy.map(\.stat.session))
    strangers = Set(sessions.values).subtracting(ours)
    known = Set(members.lazy.filter(\.isDescendant).map { ProcessIdentity($0.stat) })
    noteSessions(members)
    return members
  }

  /// Whether a process is below the command. A loop, not a recursion: anyone on the host can make a chain
  /// of parents that is deeper than a thread's stack.
  ///
  /// - Parameter memo: what is known already, by pid; every process on the way up is added.
  func isDescendant(
    _ stat: ProcessStat, _ stats: [Int32: ProcessStat], _ memo: inout [Int32: Bool]
  ) -> Bool {
    var path: [Int32] = []
    var next: ProcessStat? = stat
    var answer = false
    while let current = next {
      if let known = memo[current.pid] {
        answer = known
        break
      }
      memo[current.pid] = false  // no endless loop, should pids be used again meanwhile
      path.append(current.pid)
      // Kept once it was seen below the command, whoever is its parent now; and an orphan whose parents
      // came and went between two looks is a child of duct.
      if current.pid == root || known.contains(ProcessIdentity(current)) || current.parent == own {
        answer = true
        break
      }
      next = stats[current.parent]
    }
    for pid in path { memo[pid] = answer }
    return answer
  }

  // MARK: Sessions

  private mutating func noteSessions(_ members: [Member]) {
    let now = WallTime.now.seconds
    var present: Set<Int32> = []
    for member in members where member.isDescendant && member.stat.session > 0 {
      if sessionIsShared, member.stat.session == session { continue }
      present.insert(member.stat.session)
      if sightings[member.stat.session]?.goneBy != nil || sightings[member.stat.session] == nil {
        sightings[member.stat.session] = SessionSighting(
          sid: UInt32(member.stat.session), firstSeen: now)
      }
    }
    for (sid, sighting) in sightings where sighting.goneBy == nil && !present.contains(sid) {
      sightings[sid]?.goneBy = now
    }
  }

  /// Sessions that belong to the command alone, with the times of their being seen.
  var sessions: [SessionSighting] { Array(sightings.values) }

  /// The same when the command has ended before it was looked for.
  var sessionsAtEnd: [SessionSighting] {
    let now = WallTime.now.seconds
    return sightings.values.map { sighting in
      var sighting = sighting
      sighting.goneBy = sighting.goneBy ?? now
      return sighting
    }
  }

  /// Whether an sbatch is among the members that was not there at the look before. `sbatch --wait` stays
  /// as long as its job, and submits once.
  mutating func hasNewSbatch(_ members: [Member]) -> Bool {
    let name = Array("sbatch".utf8)
    let present = Set(
      members.lazy.filter { $0.isDescendant && $0.stat.name == name }.map { ProcessIdentity($0.stat) })
    defer { submitters = present }
    return !present.isSubset(of: submitters)
  }

  /// Grows, shrinks or changes when a child came or went, also between two looks.
  static func activity(of members: [Member]) -> [ProcessIdentity: UInt64] {
    Dictionary(
      members.lazy.filter(\.isDescendant).map { (ProcessIdentity($0.stat), $0.stat.childFaults) },
      uniquingKeysWith: { $1 })
  }
}
