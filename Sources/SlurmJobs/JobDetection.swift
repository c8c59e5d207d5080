internal import RecordText

/// A session that was seen among the command's processes.
public struct SessionSighting: Sendable, Equatable {
  public var sid: UInt32
  /// Seconds since 1970: from when to when a process of it belonged to the command, for sure.
  public var firstSeen: Double
  /// Nil while it is still there.
  public var goneBy: Double?

  public init(sid: UInt32, firstSeen: Double, goneBy: Double? = nil) {
    self.sid = sid
    self.firstSeen = firstSeen
    self.goneBy = goneBy
  }
}

/// Decides whether a job is the command's, by evidence; never by user, time and place alone.
public struct JobDetection: Sendable {
  /// Where a session leader is now, as far as this host's processes tell.
  public enum SessionOwner: Sendable {
    /// Below the command.
    case command
    /// Alive, and not below the command.
    case other
    /// No such process.
    case gone
  }

  /// Seconds of slack for clocks and for Slurm's whole seconds.
  public static let tolerance = 2.0

  public let uid: UInt32
  /// Seconds since 1970.
  public let runStart: Double
  public let tag: String?
  public let layers: Set<JobEvidence>
  /// A session that the command shares with others: a job from it can be anyone's.
  private let sharedSession: UInt32?
  private var sessions: [UInt32: [SessionSighting]] = [:]
  private var mentions = JobMentions()
  /// A process named sbatch was seen below the command: then a bare number may be an id.
  public var hasSeenSbatch = false
  private var hostNames: Set<String>

  /// - Parameter sharedSession: the session of the command, where it is not the command's alone.
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

  /// Ids that the command printed and that may be those of its jobs: sentences before bare numbers, the
  /// newest of each first.
  public var hints: [JobMention] { mentions.latestFirst.filter(isBelievable) }

  /// Their ids.
  public var mentionedIDs: [UInt32] { hints.map(\.jobID).sorted() }

  /// Whether a job of this run's time was submitted on a host whose name may or may not be one of ours.
  ///
  /// - Parameter skew: seconds that the controller's clock is ahead of ours.
  public func isFromUnknownHost(_ job: SubmittedJob, skew: Double) -> Bool {
    guard job.uid == nil || job.uid == uid, let node = job.allocNode?.lowercased(),
      let submit = job.record.submitTime
    else { return false }
    return !hostNames.contains(node) && Double(submit) - skew >= runStart - Self.tolerance
  }

  /// Takes in names by which slurmctld may know this host.
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

  /// The layers by which the job is the command's; empty if it is not.
  ///
  /// - Parameters:
  ///   - skew: seconds that the controller's clock is ahead of ours.
  ///   - owner: looks for a session leader that was not seen in a sample; gets the session and the time of
  ///     the submission by our clock.
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

  /// Why a job that the command named is not taken for one that it submitted.
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
    // 0: the leader of the session is outside of the submitter's pid namespace, and could be anyone's.
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

  /// Whether something speaks for a submission by another than the command.
  private func isElsewhere(_ job: SubmittedJob, _ origin: Origin) -> Bool {
    if JobTag.runID(of: job.wckey) != nil { return true }
    switch origin {
    case .other: return true
    case .command: return false
    // What the command starts here inherits the tag. An environment made anew has lost it, and the session may have
    // gone since: then what sbatch said of the job stands. In a session that others share they can have submitted it.
    case .unknown:
      let mayHaveLostTag = isNamedBySbatch(job) && job.allocSID != sharedSession
      return tag != nil && (job.wckey ?? "").isEmpty && job.allocSID != nil && !mayHaveLostTag
    case .otherHost: return false
    }
  }

  /// The command printed its id in the words of sbatch, srun or salloc. A bare number says less: it is also what squeue
  /// prints, and what a job without the tag is then is another's.
  private func isNamedBySbatch(_ job: SubmittedJob) -> Bool {
    believableMentions(of: job).contains { $0.mention.form == .sentence }
  }

  // MARK: What is to be asked for

  /// The jobs that can be this command's.
  ///
  /// - Parameters:
  ///   - known: ids of those that are.
  ///   - skew: seconds that the controller's clock is ahead of ours.
  ///   - otherSessions: those that were found not to be the command's.
  public func scope(known: Set<UInt32>, skew: Double, otherSessions: Set<UInt32>) -> JobScope {
    var scope = JobScope()
    if let tag { scope.tags = [tag] }
    scope.ids = known.union(mentionedIDs)
    // The clock of the controller is not known before its first answer.
    scope.since = Int(saturating: (runStart + skew - Self.tolerance).rounded(.down) - Self.longestSkew)
    scope.otherSessions = otherSessions.subtracting(sessions.keys)
    return scope
  }

  /// Seconds that the clocks of two hosts may differ without a job being missed.
  private static let longestSkew = 300.0

  /// Whether the session of a job is known not to be the command's, so that no job of it is.
  public func isOfOtherSession(_ job: SubmittedJob, skew: Double, owner: (UInt32, Double) -> SessionOwner)
    -> Bool
  {
    guard let sid = job.allocSID, sid != 0, sessions[sid] == nil, sid != sharedSession,
      let submit = job.record.submitTime.map({ Double($0) - skew })
    else { return false }
    return origin(of: job, submit: submit, owner: owner) == .other
  }
}
