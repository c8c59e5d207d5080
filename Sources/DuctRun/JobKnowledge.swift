internal import DuctRecords
internal import OrderedCollections
internal import ProcessSampling
internal import SlurmJobs
internal import SystemCalls

/// A job id that the command printed, but that belongs to no known job. The cluster is nil for the local cluster.
struct JobHint: Hashable, Sendable {
  var id: UInt32
  var cluster: String?
}

/// What duct knows of Slurm and of the run's jobs. Only this type changes that state. It sends no requests.
///
/// `JobWatcher` holds it. `JobQuestions` sends requests to Slurm and passes the answers to it.
struct JobKnowledge: Sendable {
  private(set) var detection: JobDetection
  private(set) var ledger = JobLedger()
  /// Statistics of each kind of request, by its name.
  private(set) var queries: OrderedDictionary<String, QueryStatistics> = [:]
  private(set) var configuration: ClusterConfiguration?
  /// How duct obtained the latest answer.
  private(set) var askedBy: SlurmWay?
  /// Whether any process has started or ended below the command in this run.
  private(set) var hasSeenActivity = false
  /// When duct sent the latest request that slurmctld has answered.
  private(set) var lastAnswered: MonotonicInstant?
  /// The cluster's name in slurm.conf; nil if not known.
  private let clusterName: String?
  /// Why the last request of each kind failed, by the name of the request. The latest failure is last.
  private(set) var problems: OrderedDictionary<String, String> = [:]
  /// How often slurmdbd has answered a request that contained the printed id.
  private(set) var lookUpCounts: [JobHint: Int] = [:]
  private var hasAskedHostNames = false
  /// Sessions that are known not to be the command's.
  private var otherSessions: Set<UInt32> = []
  /// Seconds by which slurmctld's clock is ahead of the local clock.
  private var skew = 0.0

  /// - Parameter clusterName: from slurm.conf; nil if not known.
  init(detection: JobDetection, clusterName: String?) {
    self.detection = detection
    self.clusterName = clusterName
  }

  // MARK: Derived facts

  /// The failure that limits what is known; nil if no kind of request fails at present. A failure of slurmctld
  /// comes first, because duct asks slurmdbd only for what slurmctld does not know.
  var problem: String? { controllerProblem ?? problems.values.last }
  private var controllerProblem: String? { problems[SlurmRequest.jobsOfUser(uid: 0).name] }

  /// Whether the command ran sbatch, but slurmctld has never answered or does not answer at present.
  var mayHaveUnknownJobs: Bool {
    detection.hasSeenSbatch && (lastAnswered == nil || controllerProblem != nil)
  }

  /// Whether the command may have submitted jobs, judged by its processes and its output.
  var mayHaveSubmitted: Bool { hasSeenActivity || !ledger.isEmpty || !detection.mentionedIDs.isEmpty }

  /// Why not every job of a run that ended with exit code 0 has ended well, as far as that is known; nil if all have.
  ///
  /// - Parameter end: when the command ended, in seconds since 1970.
  func failureOfJobs(commandEnd end: Double) -> String? {
    let own = OwnCancellation(uid: detection.uid, start: detection.runStart, end: end)
    let bad = ledger.unsortedJobs.filter { $0.needsAttention && !own.isOf($0) }
    if !bad.isEmpty { return "\(JobSummary.count(bad)) of its Slurm jobs did not end well" }
    let open = ledger.unsortedJobs.filter { !$0.hasEnded || $0.stale }
    if !open.isEmpty {
      let count = JobSummary.count(open)
      return count == 1
        ? "1 of its Slurm jobs has not ended, or is not known to have"
        : "\(count) of its Slurm jobs have not ended, or are not known to have"
    }
    let unknown = unknownSentences(nil).count
    if unknown > 0 {
      return "Slurm does not know \(unknown) of the job ids that sbatch printed"
    }
    if mayHaveSubmitted, lastAnswered == nil || controllerProblem != nil {
      return "which Slurm jobs it has is not known: \(problem ?? "Slurm did not answer")"
    }
    return nil
  }

  /// The name of the local cluster; nil while not known.
  var localCluster: String? { configuration?.clusterName ?? clusterName }

  /// Whether to request the configuration. It matters only once there are jobs.
  var needsConfiguration: Bool { !ledger.isEmpty && configuration == nil }

  /// Whether slurmdbd answers, but does not know yet about a job that ended in the last ten seconds.
  var awaitsAccounting: Bool {
    problems[Self.lookUpName] == nil
      && ledger.lacksAccounting(ofJobsEndedSince: WallTime.now.seconds + skew - 10)
  }

  /// The request for all jobs that may be the command's.
  func jobsOfUser(_ uid: UInt32) -> SlurmRequest {
    .jobsOfUser(
      uid: uid, scope: detection.scope(known: ledger.ids, skew: skew, otherSessions: otherSessions))
  }

  private static let lookUpName = SlurmRequest.accountingJobs(ids: [], cluster: nil).name

  // MARK: Input from processes and output

  mutating func note(_ news: TreeNews) {
    for session in news.sessions { detection.note(session) }
    if news.hasNewSbatch { detection.hasSeenSbatch = true }
    if news.hasChanged { hasSeenActivity = true }
  }

  mutating func note(_ mentions: [JobMention]) {
    let now = WallTime.now.seconds
    for mention in mentions { detection.note(mention, at: now) }
  }

  // MARK: Input from Slurm

  /// Merges an answer.
  ///
  /// - Parameter owners: finds out whether a session leader runs below the command.
  /// - Returns: true if a job is new or has changed.
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

  /// Checks only one job of each session, because the check of a session's leader reads several files in /proc.
  private mutating func noteOtherSessions(_ answer: SlurmAnswer, _ owners: SessionOwners) {
    for (sid, jobs) in Dictionary(grouping: answer.jobs, by: \.allocSID) {
      guard let sid, let job = jobs.first, !otherSessions.contains(sid) else { continue }
      if detection.isOfOtherSession(job, skew: skew, owner: owners.owner) { otherSessions.insert(sid) }
    }
  }

  /// Counts an answered request.
  ///
  /// - Returns: true if this kind of request had failed before, and no other kind fails at present.
  mutating func noteAnswer(to request: SlurmRequest, at time: Double, by way: SlurmWay?) -> Bool {
    count(request, at: time) {
      $0.answered += 1
      $0.lastAnswerTime = time
    }
    askedBy = way
    return problems.removeValue(forKey: request.name) != nil && problems.isEmpty
  }

  /// Counts a failed request.
  ///
  /// - Returns: true if no kind of request had failed before.
  mutating func noteFailure(_ failure: SlurmFailure, of request: SlurmRequest, at time: Double) -> Bool {
    count(request, at: time) {
      $0.failed += 1
      $0.lastFailureTime = time
      $0.lastFailure = failure
    }
    let isFirst = problems.isEmpty
    // Remove the entry first, so that the new one is last.
    problems.removeValue(forKey: request.name)
    problems[request.name] = failure.message
    return isFirst
  }

  private mutating func count(
    _ request: SlurmRequest, at time: Double, _ outcome: (inout QueryStatistics) -> Void
  ) {
    var statistics = queries[request.name] ?? QueryStatistics(query: request.name)
    statistics.asked += 1
    statistics.lastTime = time
    outcome(&statistics)
    queries[request.name] = statistics
  }

  mutating func note(_ configuration: ClusterConfiguration?) {
    self.configuration = configuration
    ledger.minJobAge = configuration?.minJobAge
  }

  /// Records that slurmctld has answered a request that duct sent at `asked`.
  mutating func noteControllerAnswer(askedAt asked: MonotonicInstant) { lastAnswered = asked }

  /// Records that slurmctld has not answered.
  mutating func noteSilence() { ledger.noteSilence() }

  /// Marks jobs as stale that Slurm has not reported since `time` (seconds since 1970). True if that changed
  /// anything.
  @discardableResult
  mutating func markStale(notSeenSince time: Double) -> Bool { ledger.markStale(notSeenSince: time) }

  /// Counts an absence for each job that is missing in slurmctld's answer and that slurmdbd has not reported
  /// either.
  ///
  /// - Parameter start: when the requests began, in seconds since 1970.
  mutating func noteAbsences(from answer: SlurmAnswer, askedAt start: Double) {
    ledger.noteAbsences(from: answer, cluster: localCluster, askedAt: start, at: WallTime.now.seconds)
  }

  // MARK: The names of this host

  /// Whether a job was submitted from a host that may be this one under another name. Returns true at most once in
  /// a run, unless the request for the names was interrupted.
  mutating func startAskingHostNames(_ answer: SlurmAnswer) -> Bool {
    let now = WallTime.now.seconds
    let skew = Double(answer.controllerTime ?? Int(now)) - now
    guard !hasAskedHostNames,
      answer.jobs.contains(where: { detection.isFromUnknownHost($0, skew: skew) })
    else { return false }
    hasAskedHostNames = true
    return true
  }

  /// - Parameter isGivenUp: the request was interrupted, so duct sends it again later.
  mutating func note(hostNames: [String], isGivenUp: Bool) {
    detection.add(hostNames)
    if isGivenUp { hasAskedHostNames = false }
  }
}

// MARK: - Jobs to ask slurmdbd for

extension JobKnowledge {
  /// After this many lookups in slurmdbd without a result, duct stops looking up a printed id.
  private static let mostLookUps = 3
  /// The most printed ids in one round of requests, because a text can contain any number of them.
  private static let mostHints = 100
  /// The most clusters in one round that duct knows only from printed text.
  private static let mostClusters = 4

  /// The jobs of one cluster to look up in slurmdbd.
  struct LookUp: Sendable {
    var ids: Set<UInt32>
    /// The ids in `ids` that were only printed.
    var hints: [JobHint] = []
  }

  /// The jobs to look up in slurmdbd, by cluster (nil: the local one): jobs that slurmctld does not list, and
  /// printed ids that belong to no known job.
  ///
  /// - Parameter isLast: the run ends, so also look up jobs whose accounting data is not complete.
  mutating func lookUps(
    missingFrom answer: SlurmAnswer?, isLast: Bool
  ) -> OrderedDictionary<String?, LookUp> {
    let local = localCluster
    var lookUps: OrderedDictionary<String?, LookUp> = [:]
    let others = Set(ledger.unsortedJobs.compactMap(\.cluster)).filter { $0 != local }
    for cluster in [nil] + others.sorted().map(Optional.some) {
      let ids = ledger.idsToLookUp(notIn: answer, cluster: cluster ?? local, withUsage: isLast)
      if !ids.isEmpty { lookUps[cluster] = LookUp(ids: Set(ids)) }
    }
    add(hintsToLookUp(answer, isLast: isLast), to: &lookUps)
    // An earlier failure is irrelevant: other answers have reported what that request asked for.
    if lookUps.isEmpty { problems[Self.lookUpName] = nil }
    return lookUps
  }

  /// The printed ids to look up, the most promising first: ids from sentences of sbatch, then those with the fewest
  /// lookups, then the newest.
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

  /// Counts a lookup of these ids that slurmdbd has answered.
  mutating func noteLookedUp(_ hints: [JobHint]) {
    for hint in hints { lookUpCounts[hint, default: 0] += 1 }
  }

  /// Whether duct still looks up an id that sbatch printed and that belongs to no known job.
  func expectsMore(_ answer: SlurmAnswer?) -> Bool {
    unknownSentences(answer).contains { lookUpCounts[$0, default: 0] < Self.mostLookUps }
  }

  /// The ids in sentences of sbatch that belong to no known job, without those that were refuted.
  private func unknownSentences(_ answer: SlurmAnswer?) -> [JobHint] {
    newHints(answer).filter { $1.form == .sentence && ledger.doubts[$0.id] == nil }.map(\.0)
  }

  /// The printed ids that belong neither to a known job nor to a job in slurmctld's answer.
  private func newHints(_ answer: SlurmAnswer?) -> [(JobHint, JobMention)] {
    let mentions = detection.hints
    if mentions.isEmpty { return [] }
    let local = localCluster
    // Of many jobs, only those with a printed id matter.
    let printed = Set(mentions.map(\.jobID))
    var seen: Set<JobHint> = []
    func note(_ record: JobRecord) {
      for case let id? in [record.jobID, record.arrayJobID, record.hetJobID] where printed.contains(id) {
        // While the local cluster's name is not known, any job may belong to it.
        if local == nil || record.cluster == local { seen.insert(JobHint(id: id, cluster: nil)) }
        if record.cluster != local { seen.insert(JobHint(id: id, cluster: record.cluster)) }
      }
    }
    for record in ledger.unsortedJobs { note(record) }
    for job in answer?.jobs ?? [] { note(job.record) }
    return mentions.compactMap { mention in
      let cluster = mention.cluster?.lowercased()
      let hint = JobHint(id: mention.jobID, cluster: cluster == local ? nil : cluster)
      return seen.contains(hint) ? nil : (hint, mention)
    }
  }
}
