internal import DuctRecords
internal import OrderedCollections
internal import ProcessSampling
internal import SlurmJobs
internal import SystemCalls

/// A job id that the command printed and that no job is known for. The cluster is nil for the local cluster.
struct JobHint: Hashable, Sendable {
  var id: UInt32
  var cluster: String?
}

/// What duct knows of Slurm and of the run's jobs. This type alone changes that state; it asks nobody.
///
/// `JobWatcher` keeps it, `JobQuestions` asks Slurm and hands the answers in.
struct JobKnowledge: Sendable {
  private(set) var detection: JobDetection
  private(set) var ledger = JobLedger()
  /// By the name of the request.
  private(set) var queries: OrderedDictionary<String, QueryStatistics> = [:]
  private(set) var configuration: ClusterConfiguration?
  /// By which way the last answer came.
  private(set) var askedBy: SlurmWay?
  /// Whether a process came or went below the command since the run began.
  private(set) var hasSeenActivity = false
  /// When the last request was sent that slurmctld has answered.
  private(set) var lastAnswered: MonotonicInstant?
  /// The cluster's name in slurm.conf; nil if not known.
  private let clusterName: String?
  /// Why the last request of a kind failed, by the name of the request. The latest failure is the last.
  private(set) var problems: OrderedDictionary<String, String> = [:]
  /// How often slurmdbd has answered a request that contained the printed id.
  private(set) var lookUpCounts: [JobHint: Int] = [:]
  private var hasAskedHostNames = false
  /// Sessions whose jobs are not the command's.
  private var otherSessions: Set<UInt32> = []
  /// Seconds that the controller's clock is ahead of the local one.
  private var skew = 0.0

  /// - Parameter clusterName: from slurm.conf; nil if not known.
  init(detection: JobDetection, clusterName: String?) {
    self.detection = detection
    self.clusterName = clusterName
  }

  // MARK: What follows from it

  /// What is not known, and why; nil while all requests were answered. slurmctld's failure comes first: slurmdbd is
  /// only asked for what slurmctld does not know.
  var problem: String? { controllerProblem ?? problems.values.last }
  private var controllerProblem: String? { problems[SlurmRequest.jobsOfUser(uid: 0).name] }

  /// Whether the command ran sbatch while slurmctld has never answered, or does not answer at present.
  var mayHaveUnknownJobs: Bool {
    detection.hasSeenSbatch && (lastAnswered == nil || controllerProblem != nil)
  }

  /// Whether the command may have submitted jobs, judged by its processes and its output.
  var mayHaveSubmitted: Bool { hasSeenActivity || !ledger.isEmpty || !detection.mentionedIDs.isEmpty }

  /// The local cluster; nil while not known.
  var localCluster: String? { configuration?.clusterName ?? clusterName }

  /// Whether the configuration is to be asked for: it matters only once there are jobs.
  var needsConfiguration: Bool { !ledger.isEmpty && configuration == nil }

  /// Whether waiting cannot change the state of a job any more.
  func isSettled(_ job: JobRecord) -> Bool { job.hasEnded || job.canNeverStart || ledger.isLost(job) }

  /// Whether slurmdbd answers, but has not heard yet of a job that ended in the last ten seconds.
  var awaitsAccounting: Bool {
    problems[Self.lookUpName] == nil
      && ledger.lacksAccounting(ofJobsEndedSince: WallTime.now.seconds + skew - 10)
  }

  /// The request for the jobs that can be the command's.
  func jobsOfUser(_ uid: UInt32) -> SlurmRequest {
    .jobsOfUser(
      uid: uid, scope: detection.scope(known: ledger.ids, skew: skew, otherSessions: otherSessions))
  }

  private static let lookUpName = SlurmRequest.accountingJobs(ids: [], cluster: nil).name

  // MARK: What the processes and the output show

  mutating func note(_ news: TreeNews) {
    for session in news.sessions { detection.note(session) }
    if news.hasNewSbatch { detection.hasSeenSbatch = true }
    if news.hasChanged { hasSeenActivity = true }
  }

  mutating func note(_ mentions: [JobMention]) {
    let now = WallTime.now.seconds
    for mention in mentions { detection.note(mention, at: now) }
  }

  // MARK: What Slurm answers

  /// Merges an answer.
  ///
  /// - Parameter owners: tells whose session a job was submitted from.
  /// - Returns: whether a job is new or has changed.
  mutating func take(_ answer: SlurmAnswer, from source: JobSource, owners: SessionOwners) -> Bool {
    let now = WallTime.now.seconds
    if let time = answer.controllerTime { skew = (Double(time) - now).rounded() }
    detection.add(answer.hostNames)
    if source == .slurmctld { noteOtherSessions(answer, owners) }
    let (detection, skew) = (self.detection, self.skew)
    return ledger.apply(
      answer, from: source, at: now,
      evidence: { detection.evidence(for: $0, skew: skew, owner: owners.owner) },
      doubt: { detection.doubt(about: $0, skew: skew, owner: owners.owner) })
  }

  /// Checks one job of each session, because a check of the session's leader reads several files in /proc.
  private mutating func noteOtherSessions(_ answer: SlurmAnswer, _ owners: SessionOwners) {
    for (sid, jobs) in Dictionary(grouping: answer.jobs, by: \.allocSID) {
      guard let sid, let job = jobs.first, !otherSessions.contains(sid) else { continue }
      if detection.isOfOtherSession(job, skew: skew, owner: owners.owner) { otherSessions.insert(sid) }
    }
  }

  /// Counts a request that was answered.
  ///
  /// - Returns: whether it was the last kind of request that had failed.
  mutating func noteAnswer(to request: SlurmRequest, at time: Double, by way: SlurmWay?) -> Bool {
    var statistics = queries[request.name] ?? QueryStatistics(query: request.name)
    statistics.asked += 1
    statistics.lastTime = time
    statistics.answered += 1
    statistics.lastAnswerTime = time
    queries[request.name] = statistics
    askedBy = way
    return problems.removeValue(forKey: request.name) != nil && problems.isEmpty
  }

  /// Counts a request that failed.
  ///
  /// - Returns: whether no other kind of request had failed before.
  mutating func noteFailure(_ failure: SlurmFailure, of request: SlurmRequest, at time: Double) -> Bool {
    var statistics = queries[request.name] ?? QueryStatistics(query: request.name)
    statistics.asked += 1
    statistics.lastTime = time
    statistics.failed += 1
    statistics.lastFailureTime = time
    statistics.lastFailure = failure
    queries[request.name] = statistics
    let isFirst = problems.isEmpty
    // Removed first, so that it becomes the last.
    problems.removeValue(forKey: request.name)
    problems[request.name] = failure.message
    return isFirst
  }

  mutating func note(_ configuration: ClusterConfiguration?) {
    self.configuration = configuration
    ledger.minJobAge = configuration?.minJobAge
  }

  /// slurmctld has answered a request that was sent at `asked`.
  mutating func noteControllerAnswer(askedAt asked: MonotonicInstant) { lastAnswered = asked }

  /// slurmctld has not answered.
  mutating func noteSilence() { ledger.noteSilence() }

  /// Marks as stale what has not been seen since `time`, in seconds since 1970. True if that changed something.
  @discardableResult
  mutating func markStale(notSeenSince time: Double) -> Bool { ledger.markStale(notSeenSince: time) }

  /// Counts the jobs that slurmctld has answered without, and that slurmdbd does not report either.
  ///
  /// - Parameter start: when the requests began, in seconds since 1970.
  mutating func noteAbsences(from answer: SlurmAnswer, askedAt start: Double) {
    ledger.noteAbsences(from: answer, cluster: localCluster, askedAt: start, at: WallTime.now.seconds)
  }

  // MARK: The names of this host

  /// Whether a job was submitted from a host whose name is not known to be this one's. True once in a run.
  mutating func startAskingHostNames(_ answer: SlurmAnswer) -> Bool {
    let now = WallTime.now.seconds
    let skew = Double(answer.controllerTime ?? Int(now)) - now
    guard !hasAskedHostNames,
      answer.jobs.contains(where: { detection.isFromUnknownHost($0, skew: skew) })
    else { return false }
    hasAskedHostNames = true
    return true
  }

  /// - Parameter isGivenUp: the request was interrupted, and is to be sent again later.
  mutating func note(hostNames: [String], isGivenUp: Bool) {
    detection.add(hostNames)
    if isGivenUp { hasAskedHostNames = false }
  }
}

// MARK: - Jobs to ask slurmdbd for

extension JobKnowledge {
  /// How often slurmdbd is asked for a printed id before that counts as unknown.
  private static let mostLookUps = 3
  /// The most printed ids in one round of requests, because text can contain any number of them.
  private static let mostHints = 100
  /// The most clusters in one round that are only known from printed text.
  private static let mostClusters = 4

  /// Jobs of one cluster to ask slurmdbd for.
  struct LookUp: Sendable {
    var ids: Set<UInt32>
    /// Those of the ids that were only printed.
    var hints: [JobHint] = []
  }

  /// The jobs to ask slurmdbd for, by cluster; nil is the local one: those that slurmctld does not list, and the
  /// printed ids that no job is known for.
  ///
  /// - Parameter isLast: at the end of the run, also jobs whose use is not known yet.
  mutating func lookUps(
    missingFrom answer: SlurmAnswer?, isLast: Bool
  ) -> OrderedDictionary<String?, LookUp> {
    let local = localCluster
    var lookUps: OrderedDictionary<String?, LookUp> = [:]
    let others = Set(ledger.jobs.compactMap(\.cluster)).filter { $0 != local }
    for cluster in [nil] + others.sorted().map(Optional.some) {
      let ids = ledger.idsToLookUp(notIn: answer, cluster: cluster ?? local, withUsage: isLast)
      if !ids.isEmpty { lookUps[cluster] = LookUp(ids: Set(ids)) }
    }
    add(hintsToLookUp(answer, isLast: isLast), to: &lookUps)
    // A failure of an earlier request does not matter any more: other answers told what it asked for.
    if lookUps.isEmpty { problems[Self.lookUpName] = nil }
    return lookUps
  }

  /// Printed ids, in the order in which they are worth a request: sentences of sbatch first, then those that were
  /// asked for least, then the newest.
  private func hintsToLookUp(_ answer: SlurmAnswer?, isLast: Bool) -> [JobHint] {
    var hints = newHints(answer).map { hint, mention in
      (hint, isSentence: mention.form == .sentence, times: lookUpCounts[hint, default: 0])
    }
    if !isLast { hints.removeAll { $0.times >= Self.mostLookUps } }
    let order = hints.indices.sorted { a, b in
      let (left, right) = (hints[a], hints[b])
      if left.isSentence != right.isSentence { return left.isSentence }
      return (left.times, a) < (right.times, b)
    }
    return order.prefix(Self.mostHints).map { hints[$0].0 }
  }

  private func add(_ hints: [JobHint], to lookUps: inout OrderedDictionary<String?, LookUp>) {
    var clusters: Set<String> = []
    for hint in hints {
      if let cluster = hint.cluster, !clusters.contains(cluster) {
        if clusters.count == Self.mostClusters { continue }
        clusters.insert(cluster)
      }
      lookUps[hint.cluster, default: LookUp(ids: [])].ids.insert(hint.id)
      lookUps[hint.cluster]?.hints.append(hint)
    }
  }

  /// slurmdbd has answered a request that contained these ids.
  mutating func noteLookedUp(_ hints: [JobHint]) {
    for hint in hints { lookUpCounts[hint, default: 0] += 1 }
  }

  /// Whether an id that sbatch printed has not been found yet, and is still worth a request.
  func expectsMore(_ answer: SlurmAnswer?) -> Bool {
    newHints(answer).contains { hint, mention in
      mention.form == .sentence && ledger.doubts[hint.id] == nil
        && lookUpCounts[hint, default: 0] < Self.mostLookUps
    }
  }

  /// Printed ids that belong neither to a known job nor to a job in the controller's answer.
  private func newHints(_ answer: SlurmAnswer?) -> [(JobHint, JobMention)] {
    let mentions = detection.hints
    if mentions.isEmpty { return [] }
    let local = localCluster
    let seen = Set(
      (ledger.jobs + (answer?.jobs ?? []).map(\.record)).flatMap { record in
        // While the local cluster's name is not known, any job may belong to it.
        let clusters: [String?] =
          record.cluster == local ? [nil] : local == nil ? [nil, record.cluster] : [record.cluster]
        return [record.jobID, record.arrayJobID, record.hetJobID].compactMap { $0 }.flatMap { id in
          clusters.map { JobHint(id: id, cluster: $0) }
        }
      })
    return mentions.compactMap { mention in
      let cluster = mention.cluster?.lowercased()
      let hint = JobHint(id: mention.jobID, cluster: cluster == local ? nil : cluster)
      return seen.contains(hint) ? nil : (hint, mention)
    }
  }
}
