internal import RecordText

/// A session that duct saw among the command's processes.
public struct SessionSighting: Sendable, Equatable {
  public var sid: UInt32
  /// When duct first saw one of its processes below the command, in seconds since 1970.
  public var firstSeen: Double
  /// When duct found that it had ended, in seconds since 1970. Nil while it exists.
  public var goneBy: Double?

  public init(sid: UInt32, firstSeen: Double, goneBy: Double? = nil) {
    self.sid = sid
    self.firstSeen = firstSeen
    self.goneBy = goneBy
  }
}

/// Decides by evidence whether a job is the command's, never by user, time and place alone.
public struct JobDetection: Sendable {
  /// The position of a session leader in this host's process tree.
  public enum SessionOwner: Sendable {
    /// It runs below the command.
    case command
    /// It runs, but not below the command.
    case other
    /// There is no such process.
    case gone
  }

  /// Seconds of tolerance for differences of clocks and for Slurm's whole seconds.
  public static let tolerance = 2.0

  public let uid: UInt32
  /// Seconds since 1970.
  public let runStart: Double
  public let tag: String?
  public let layers: Set<JobEvidence>
  /// A session that the command shares with other processes, which may submit jobs from it too.
  private let sharedSession: UInt32?
  private var sessions: [UInt32: [SessionSighting]] = [:]
  private var mentions = JobMentions()
  /// duct saw a process named sbatch below the command, so a bare number in the output may be a job id.
  public var hasSeenSbatch = false
  private var hostNames: Set<String>

  /// - Parameter sharedSession: the command's session, if other processes share it.
  public init(
    uid: UInt32, runStart: Double, tag: String?, layers: Set<JobEvidence>, hostName: String,
    sharedSession: UInt32? = nil
  ) {
    self.uid = uid
    self.runStart = runStart
    self.tag = tag
    self.layers = layers
    self.sharedSession = sharedSession
    hostNames = ["localhost", hostName.lowercased()]
  }

  /// Ids in the command's output that may be those of its jobs: sentences before bare numbers, newest first.
  public var hints: [JobMention] { mentions.latestFirst.filter(isBelievable) }

  /// The ids in `hints`, in ascending order.
  public var mentionedIDs: [UInt32] { hints.map(\.jobID).sorted() }

  /// Whether a job was submitted since the start of this run, on a host that we cannot yet tell from ours by its
  /// name.
  ///
  /// - Parameter skew: seconds by which the controller's clock is ahead of ours.
  public func isFromUnknownHost(_ job: SubmittedJob, skew: Double) -> Bool {
    guard job.uid == nil || job.uid == uid, let node = job.allocNode?.lowercased(),
      let submit = job.record.submitTime
    else { return false }
    return !hostNames.contains(node) && Double(submit) - skew >= runStart - Self.tolerance
  }

  /// Adds names by which slurmctld may know this host.
  public mutating func add(_ names: [String]) { hostNames.formUnion(names.map { $0.lowercased() }) }

  public mutating func note(_ sighting: SessionSighting) {
    var known = sessions[sighting.sid] ?? []
    if let index = known.firstIndex(where: { $0.firstSeen == sighting.firstSeen }) {
      known[index] = sighting
    } else {
      known.append(sighting)
    }
    sessions[sighting.sid] = known
  }

  public mutating func note(_ mention: JobMention, at time: Double) {
    mentions.note(mention, at: time)
  }

  /// The layers that show that the job is the command's; empty if it is not.
  ///
  /// - Parameters:
  ///   - skew: seconds by which the controller's clock is ahead of ours.
  ///   - owner: looks for a session leader that is in no sample. Receives the session and the submit time by our
  ///     clock.
  public func evidence(
    for job: SubmittedJob, skew: Double, owner: (UInt32, Double) -> SessionOwner
  ) -> Set<JobEvidence> {
    guard job.uid == nil || job.uid == uid else { return [] }
    var found: Set<JobEvidence> = []
    if layers.contains(.tag), hasOurTag(job) { found.insert(.tag) }
    guard let submit = job.record.submitTime.map({ Double($0) - skew }),
      submit >= runStart.rounded(.down) - Self.tolerance
    else { return found }
    let origin = self.origin(of: job, submit: submit, owner: owner)
    if layers.contains(.session), origin == .command { found.insert(.session) }
    if layers.contains(.output), isMentioned(job, submit: submit),
      found.contains(.tag) || origin == .command || !isElsewhere(job, origin)
    {
      found.insert(.output)
    }
    return found
  }

  /// Why a job whose id the command printed does not count as submitted by the command.
  public func doubt(
    about job: SubmittedJob, skew: Double, owner: (UInt32, Double) -> SessionOwner
  ) -> String? {
    let times = believableMentions(of: job).map(\.time)
    guard let latest = times.max() else { return nil }
    if let uid = job.uid, uid != self.uid { return "it is the job of another user" }
    guard let submit = job.record.submitTime.map({ Double($0) - skew }) else { return nil }
    if submit < runStart - Self.tolerance { return "it was submitted before this run" }
    if submit > latest + Self.tolerance { return "it was submitted after its id was printed" }
    if let run = JobTag.runID(of: job.wckey) { return "it carries the tag of run \(run)" }
    switch origin(of: job, submit: submit, owner: owner) {
    case .other: return "session \(job.allocSID ?? 0) that submitted it is not of this command"
    default: return "it lacks the tag of this run"
    }
  }

  // MARK: The single pieces

  private func hasOurTag(_ job: SubmittedJob) -> Bool {
    guard let tag, let run = JobTag.runID(of: job.wckey) else { return false }
    return JobTag.tag(ofRun: run) == tag
  }

  private enum Origin { case command, other, unknown, otherHost }

  private func origin(
    of job: SubmittedJob, submit: Double, owner: (UInt32, Double) -> SessionOwner
  ) -> Origin {
    // 0: the session leader is outside the submitter's pid namespace, so the session may belong to anyone.
    guard let sid = job.allocSID, sid != 0 else { return .unknown }
    if let node = job.allocNode?.lowercased(), !hostNames.contains(node) { return .otherHost }
    if sid == sharedSession { return .unknown }
    let isOurs = (sessions[sid] ?? []).contains { session in
      submit >= session.firstSeen.rounded(.down) - Self.tolerance
        && submit <= (session.goneBy ?? .infinity) + Self.tolerance
    }
    if isOurs { return .command }
    switch owner(sid, submit) {
    case .command: return .command
    case .other: return .other
    case .gone: return .unknown
    }
  }

  private func isBelievable(_ mention: JobMention) -> Bool {
    mention.form == .sentence || hasSeenSbatch
  }

  private func believableMentions(of job: SubmittedJob) -> [JobMentions.Noted] {
    let ids = [job.record.jobID, job.record.arrayJobID, job.record.hetJobID].compactMap { $0 }
    return ids.flatMap { mentions[$0, job.record.cluster] }.filter { isBelievable($0.mention) }
  }

  private func isMentioned(_ job: SubmittedJob, submit: Double) -> Bool {
    believableMentions(of: job).contains { submit <= $0.time + Self.tolerance }
  }

  /// Whether anything indicates that something other than the command submitted the job.
  private func isElsewhere(_ job: SubmittedJob, _ origin: Origin) -> Bool {
    if JobTag.runID(of: job.wckey) != nil { return true }
    switch origin {
    case .other: return true
    case .command: return false
    // Jobs submitted below the command inherit the tag, unless a process made a new environment and lost it. The
    // session may have ended since then, so a sentence printed by sbatch still counts. In a shared session, other
    // processes may have submitted the job.
    case .unknown:
      let mayHaveLostTag = isNamedBySbatch(job) && job.allocSID != sharedSession
      return tag != nil && (job.wckey ?? "").isEmpty && job.allocSID != nil && !mayHaveLostTag
    case .otherHost: return false
    }
  }

  /// Whether the command printed the job's id in a sentence of sbatch, srun or salloc. A bare number is weaker
  /// evidence: squeue prints those too, so a job without the tag is then not the command's.
  private func isNamedBySbatch(_ job: SubmittedJob) -> Bool {
    believableMentions(of: job).contains { $0.mention.form == .sentence }
  }

  // MARK: What to ask Slurm for

  /// Describes the jobs that can be this command's.
  ///
  /// - Parameters:
  ///   - known: ids of the jobs that are.
  ///   - skew: seconds by which the controller's clock is ahead of ours.
  ///   - otherSessions: sessions that are not the command's.
  public func scope(known: Set<UInt32>, skew: Double, otherSessions: Set<UInt32>) -> JobScope {
    var scope = JobScope()
    if let tag { scope.tags = [tag] }
    scope.ids = known.union(mentionedIDs)
    // Before the controller's first answer, the difference of its clock is not known.
    scope.since = Int(saturating: (runStart + skew - Self.tolerance).rounded(.down) - Self.longestSkew)
    scope.otherSessions = otherSessions.subtracting(sessions.keys)
    return scope
  }

  /// Seconds by which the clocks of two hosts may differ without duct missing a job.
  private static let longestSkew = 300.0

  /// Whether the job's session is known not to be the command's, so that none of its jobs is.
  public func isOfOtherSession(_ job: SubmittedJob, skew: Double, owner: (UInt32, Double) -> SessionOwner)
    -> Bool
  {
    guard let sid = job.allocSID, sid != 0, sessions[sid] == nil, sid != sharedSession,
      let submit = job.record.submitTime.map({ Double($0) - skew })
    else { return false }
    return origin(of: job, submit: submit, owner: owner) == .other
  }
}
