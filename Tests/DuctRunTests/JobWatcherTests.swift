import Glibc
import Logging
import OrderedCollections
import RecordText
import SystemCalls
import TestSupport
import Testing

@testable import DuctRun
@testable import SlurmJobs
@testable import SlurmClient
@testable import ProcessSampling

/// The watcher with a fake duct-slurm that fails at chosen moments. SlurmTests shows what a real Slurm answers.
@Suite struct JobWatcherTests {
  private let sandbox: Sandbox
  private let lines = Lines()
  /// The submit time of all jobs, in seconds since 1970.
  private let begin = WallTime.now.seconds
  init() throws { sandbox = try Sandbox() }

  /// The messages that the watcher logs.
  private final class Lines: Sendable {
    let all = Monitor<[String]>([])
  }

  private struct Log: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { lines.all.update { $0.append("\(event.message)") } }
  }

  /// A fake duct-slurm. It answers each kind of request with the file of that name, and fails if the file is
  /// missing. If a FIFO NAME.gate exists, it first reads a line from it.
  private let standIn = """
    #!/bin/bash
    cd "${0%/*}"
    read -r question
    name=${question#*'"query": "'}; name=${name%%'"'*}
    echo "$question" >> asked
    [ -p "$name.gate" ] && read -r _ < "$name.gate"
    if [ -e "$name" ]; then cat "$name"; else echo "no $name" >&2; exit 3; fi
    """

  private func watcher(limit: Double = 60, tag: String? = nil) throws -> JobWatcher {
    try sandbox.write(standIn, to: "duct-slurm", executable: true)
    let children = ChildProcesses(reaping: .byWaiters)
    let access = SlurmAccess(
      by: .library, helper: SlurmHelper(program: sandbox["duct-slurm"], children: children),
      commands: SlurmCommands(environment: [], children: children), configuration: nil)
    let detection = JobDetection(
      uid: getuid(), runStart: begin, tag: tag, layers: Set(JobEvidence.allCases),
      hostName: "here")
    let lines = self.lines
    return try JobWatcher(
      SlurmSetup(
        access: access, tag: .off(reason: "test"), clusterName: "one"),
      detection: detection, root: getpid(), limit: limit,
      log: Logger(label: "test") { _ in Log(lines: lines) }, changed: {})
  }

  private func job(_ id: UInt32, _ state: JobState, cluster: String = "one") -> SubmittedJob {
    var record = JobRecord(state: state)
    record.jobID = id
    record.cluster = cluster
    record.submitTime = Int(begin)
    var job = SubmittedJob(record: record)
    job.uid = getuid()
    return job
  }

  private func answer(_ name: String, _ jobs: [SubmittedJob] = []) throws {
    var answer = SlurmAnswer()
    answer.jobs = jobs
    try sandbox.write(answer.jsonLine, to: name + ".new")
    _ = sandbox[name + ".new"].withPlatformString { from in
      sandbox[name].withPlatformString { rename(from, $0) }
    }
  }

  /// Holds back the answers to this kind of request.
  private func holdBack(_ name: String) throws {
    try valueOrErrno { sandbox[name + ".gate"].withPlatformString { mkfifo($0, 0o600) } }
  }

  /// Releases one held answer.
  private func letOneGo(_ name: String) throws { try sandbox.write("\n", to: name + ".gate") }

  /// Releases the held answer, and all later ones.
  private func letGo(_ name: String) throws {
    try letOneGo(name)
    forget(name + ".gate")
  }

  private func forget(_ name: String) { _ = sandbox[name].withPlatformString { unlink($0) } }

  /// The requests of this kind so far.
  private func asked(_ name: String) -> [JSONValue] {
    let lines = (try? sandbox.bytes("asked"))?.split(separator: UInt8(ascii: "\n")) ?? []
    return lines.compactMap { try? JSONParser.parse(Array($0)) }.filter { $0["query"]?.string == name }
  }

  private func sentence(_ id: UInt32, cluster: String? = nil) -> JobMention {
    JobMention(jobID: id, cluster: cluster, form: .sentence)
  }

  /// Waits for jobs as `--wait-jobs` does. False if that took longer than `seconds`.
  private func waitForJobs(
    _ watcher: JobWatcher, within seconds: Double = 60, look: @escaping @Sendable () -> Void = {}
  ) async throws -> Bool {
    let deadline = MonotonicInstant.now + seconds
    let waiter = try OwnThread("waiter") {
      watcher.waitForJobs(progress: { _ in look() }, isCancelled: { deadline <= .now })
    }
    try await eventually(seconds + 20) { waiter.join(until: .now) }
    return MonotonicInstant.now < deadline
  }

  // MARK: Waiting for jobs

  /// A failed request does not make the wait endless: the watcher sends it again.
  @Test func aQuestionThatFailedDoesNotMakeTheWaitEndless() async throws {
    let watcher = try watcher()
    defer { watcher.cancel() }
    async let waiting = waitForJobs(watcher)
    try await eventually { !asked("jobs_of_user").isEmpty }
    try answer("jobs_of_user")
    #expect(try await waiting, "it is asked again")
    #expect(asked("jobs_of_user").count >= 2)
  }

  /// The wait ends if Slurm does not answer and no job is known.
  @Test func whereNobodyAnswersAndNoJobIsKnownTheWaitEnds() async throws {
    let watcher = try watcher(limit: 1)
    defer { watcher.cancel() }
    forget("duct-slurm")
    #expect(try await waitForJobs(watcher))
    #expect(lines.all.withLock { $0 }.contains { $0.contains("no job is known") })
  }

  @Test func anAnswerToAnEarlierQuestionDoesNotEndTheWait() async throws {
    try answer("jobs_of_user")
    try holdBack("jobs_of_user")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { asked("jobs_of_user").count == 1 }
    // The request in progress will be answered without any job. A job has been submitted since.
    let hasBegun = Monitor(false)
    async let waiting = waitForJobs(watcher) { hasBegun.update { $0 = true } }
    try await eventually { hasBegun.withLock { $0 } }
    try letOneGo("jobs_of_user")
    try await eventually { asked("jobs_of_user").count == 2 }
    try answer("jobs_of_user", [job(7, .completed)])
    try letGo("jobs_of_user")
    #expect(try await waiting)
    #expect(asked("jobs_of_user").count >= 2)
    #expect(watcher.snapshot.ledger.jobs.map(\.jobID) == [7])
  }

  @Test func aJobThatSlurmHasLostIsNotWaitedForForEver() async throws {
    try answer("jobs_of_user", [job(7, .running)])
    try answer("configuration")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { !watcher.snapshot.ledger.isEmpty }
    // The job has left slurmctld, and slurmdbd is down.
    try answer("jobs_of_user")
    #expect(try await waitForJobs(watcher))
    #expect(watcher.snapshot.ledger.jobs.map(\.stale) == [true])
    #expect(watcher.snapshot.ledger.jobs.map(\.state) == [.running])
    #expect(lines.all.withLock { $0 }.contains { $0.contains("job 7:") })
  }

  // MARK: When questions are asked

  @Test func whatIsSubmittedDuringAQuestionIsFound() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    try holdBack("jobs_of_user")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note(TreeNews(sessions: [], hasChanged: false, hasNewSbatch: true))
    try await eventually { asked("jobs_of_user").count == 1 }
    // slurmctld has already sent its answer.
    watcher.note(TreeNews(sessions: [], hasChanged: false, hasNewSbatch: true))
    try letGo("jobs_of_user")
    try await eventually { asked("jobs_of_user").count >= 2 }
  }

  @Test func afterAFailureWithoutAnyJobItIsAskedAgain() async throws {
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { watcher.snapshot.problem != nil }
    try answer("jobs_of_user", [job(7, .running)])
    try await eventually { watcher.snapshot.ledger.jobs.count == 1 }
  }

  /// A printed id is looked up until slurmdbd knows the job.
  @Test func aJobThatWasNamedIsLookedForUntilAccountingKnowsIt() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { !asked("accounting_jobs").isEmpty }
    try answer("accounting_jobs", [job(7, .completed)])
    // The pauses between lookups double: if this line comes late, the next lookup may be half a minute away.
    try await eventually(90) { watcher.snapshot.ledger.jobs.count == 1 }
  }

  // MARK: Ids that were only printed

  private func ids(_ question: JSONValue) -> [Int] {
    (question["ids"]?.array ?? []).compactMap { $0.double.map { Int($0) } }
  }

  /// A flood of printed ids is looked up in parts of at most 100.
  @Test func aFloodOfIdsIsAskedForInParts() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note((1...5000).map { JobMention(jobID: 1000 + $0, cluster: nil, form: .number) })
    watcher.note([sentence(7)])
    watcher.note(TreeNews(sessions: [], hasChanged: false, hasNewSbatch: true))
    try await eventually { !asked("accounting_jobs").isEmpty }
    #expect(ids(asked("accounting_jobs")[0]) == [7] + (5902...6000))
    watcher.finish(until: .now + 20, waits: false)
    #expect(asked("accounting_jobs").allSatisfy { ids($0).count <= 100 })
  }

  @Test func jobsOfAnotherClusterAreAskedForThereAlone() async throws {
    try answer("jobs_of_user")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7, cluster: "Far"), sentence(8, cluster: "one")])
    // slurmdbd fails, which does not count as a lookup.
    try await eventually { asked("accounting_jobs").count >= 2 }
    watcher.finish(until: .now + 20, waits: false)
    let questions = asked("accounting_jobs")
    #expect(questions.count >= 4)
    for question in questions {
      #expect(ids(question) == (question["cluster"]?.string == "far" ? [7] : [8]))
    }
    #expect(watcher.snapshot.lookUpCounts.isEmpty)
  }

  /// At the end the watcher looks up a printed id once more.
  @Test func theLastLookTriesOnceMore() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7, cluster: "far")])
    try await eventually(40) { watcher.snapshot.lookUpCounts.values.elementsEqual([3]) }
    try answer("accounting_jobs", [job(7, .completed, cluster: "far")])
    watcher.finish(until: .now + 20, waits: false)
    #expect(watcher.snapshot.ledger.jobs.map(\.cluster) == ["far"])
  }

  // MARK: What is not known

  /// A problem is recorded until its own question gets an answer.
  @Test func aProblemStaysUntilItsOwnQuestionIsAnswered() async throws {
    try answer("jobs_of_user", [job(7, .running)])
    try answer("configuration")
    let watcher = try watcher(tag: "duct-x")
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    watcher.finish(until: .now + 10, waits: false)
    #expect(watcher.snapshot.problem?.contains("accounting_of_user") == true)
    #expect(watcher.snapshot.problems.keys == ["accounting_of_user"])
  }

  @Test func theNamesOfThisHostAreAskedForOnceAndOnlyIfAJobNeedsThem() async throws {
    var submitted = job(7, .running)
    try answer("configuration")
    try answer("jobs_of_user", [submitted])
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { !watcher.snapshot.ledger.isEmpty }
    #expect(asked("host_names").isEmpty)
    submitted.allocNode = "vpn-name"
    submitted.allocSID = UInt32(getsid(0))
    try answer("jobs_of_user", [submitted])
    try sandbox.write(#"{"jobs": [], "host_names": ["vpn-name"]}"#, to: "host_names")
    watcher.finish(until: .now + 10, waits: false)
    #expect(asked("host_names").count == 1)
    watcher.finish(until: .now + 10, waits: false)
    #expect(asked("host_names").count == 1)
  }
}
