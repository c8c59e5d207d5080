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

/// The watcher against a stand-in for duct-slurm that fails at given moments. What a real Slurm answers is
/// shown in SlurmTests.
@Suite struct JobWatcherTests {
  private let sandbox: Sandbox
  private let lines = Lines()
  /// When all jobs are submitted, in seconds since 1970.
  private let begin = WallTime.now.seconds
  init() throws { sandbox = try Sandbox() }

  /// What the watcher logs.
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

  /// Each kind of question is answered with the file of its name, and fails while there is none. Where
  /// a FIFO NAME.gate is, that is before a line has been read from it.
  private let standIn = """
    #!/bin/bash
    cd "${0%/*}"
    read -r question
    name=${question#*'"query": "'}; name=${name%%'"'*}
    echo "$question" >> asked
    [ -p "$name.gate" ] && read -r _ < "$name.gate"
    if [ -e "$name" ]; then cat "$name"; else echo "no $name" >&2; exit 3; fi
    """

  private func watcher(limit: Double = 5, tag: String? = nil) throws -> JobWatcher {
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
    try sandbox.write(RecordEncoder().line(answer), to: name + ".new")
    _ = sandbox[name + ".new"].withPlatformString { from in
      sandbox[name].withPlatformString { rename(from, $0) }
    }
  }

  /// From here on a kind of question is not answered.
  private func holdBack(_ name: String) throws {
    try valueOrErrno { sandbox[name + ".gate"].withPlatformString { mkfifo($0, 0o600) } }
  }

  /// Lets the one be answered that waits.
  private func letOneGo(_ name: String) throws { try sandbox.write("\n", to: name + ".gate") }

  /// Lets the one be answered that waits, and all that follow.
  private func letGo(_ name: String) throws {
    try letOneGo(name)
    forget(name + ".gate")
  }

  private func forget(_ name: String) { _ = sandbox[name].withPlatformString { unlink($0) } }

  /// The questions so far.
  private func asked(_ name: String) -> [JSONValue] {
    let lines = (try? sandbox.bytes("asked"))?.split(separator: UInt8(ascii: "\n")) ?? []
    return lines.compactMap { try? JSONParser.parse(Array($0)) }.filter { $0["query"]?.string == name }
  }

  private func sentence(_ id: UInt32, cluster: String? = nil) -> JobMention {
    JobMention(jobID: id, cluster: cluster, form: .sentence)
  }

  /// Waits as `--wait-jobs` does; false if it took longer than `seconds`.
  private func waitForJobs(
    _ watcher: JobWatcher, within seconds: Double = 60, look: () -> Void = {}
  ) -> Bool {
    let deadline = MonotonicInstant.now + seconds
    watcher.waitForJobs(progress: { _ in look() }, isCancelled: { deadline <= .now })
    return MonotonicInstant.now < deadline
  }

  // MARK: Waiting for jobs

  @Test func aQuestionThatFailedDoesNotMakeTheWaitEndless() async throws {
    let watcher = try watcher(limit: 60)
    defer { watcher.cancel() }
    let waiting = Task { waitForJobs(watcher) }
    try await eventually { !asked("jobs_of_user").isEmpty }
    try answer("jobs_of_user")
    #expect(await waiting.value, "it is asked again")
    #expect(asked("jobs_of_user").count >= 2)
  }

  @Test func whereNobodyAnswersAndNoJobIsKnownTheWaitEnds() throws {
    let watcher = try watcher(limit: 1)
    defer { watcher.cancel() }
    forget("duct-slurm")
    #expect(waitForJobs(watcher))
    #expect(lines.all.withLock { $0 }.contains { $0.contains("no job is known") })
  }

  @Test func anAnswerToAnEarlierQuestionDoesNotEndTheWait() async throws {
    try answer("jobs_of_user")
    try holdBack("jobs_of_user")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { asked("jobs_of_user").count == 1 }
    // The question is on its way, and its answer holds no job; one was submitted since.
    let hasBegun = Monitor(false)
    let waiting = Task { waitForJobs(watcher) { hasBegun.update { $0 = true } } }
    try await eventually { hasBegun.withLock { $0 } }
    try letOneGo("jobs_of_user")
    try await eventually { asked("jobs_of_user").count == 2 }
    try answer("jobs_of_user", [job(7, .completed)])
    try letGo("jobs_of_user")
    #expect(await waiting.value)
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
    // It has left slurmctld, and slurmdbd is down.
    try answer("jobs_of_user")
    #expect(waitForJobs(watcher))
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
    // The controller's answer is out already.
    watcher.note(TreeNews(sessions: [], hasChanged: false, hasNewSbatch: true))
    try letGo("jobs_of_user")
    try await eventually { asked("jobs_of_user").count == 2 }
  }

  @Test func afterAFailureWithoutAnyJobItIsAskedAgain() async throws {
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { watcher.snapshot.problem != nil }
    try answer("jobs_of_user", [job(7, .running)])
    try await eventually { watcher.snapshot.ledger.jobs.count == 1 }
  }

  @Test func aJobThatWasNamedIsLookedForUntilAccountingKnowsIt() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7)])
    try await eventually { asked("accounting_jobs").count == 1 }
    try answer("accounting_jobs", [job(7, .completed)])
    try await eventually { watcher.snapshot.ledger.jobs.count == 1 }
  }

  // MARK: Ids that were only printed

  private func ids(_ question: JSONValue) -> [Int] {
    (question["ids"]?.array ?? []).compactMap { $0.double.map { Int($0) } }
  }

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
    // slurmdbd fails: that does not count as a look.
    try await eventually { asked("accounting_jobs").count >= 2 }
    watcher.finish(until: .now + 20, waits: false)
    let questions = asked("accounting_jobs")
    #expect(questions.count >= 4)
    for question in questions {
      #expect(ids(question) == (question["cluster"]?.string == "far" ? [7] : [8]))
    }
    #expect(watcher.snapshot.lookUps.isEmpty)
  }

  @Test func theLastLookTriesOnceMore() async throws {
    try answer("jobs_of_user")
    try answer("accounting_jobs")
    let watcher = try watcher()
    defer { watcher.cancel() }
    watcher.note([sentence(7, cluster: "far")])
    try await eventually(40) { watcher.snapshot.lookUps.values.elementsEqual([3]) }
    try answer("accounting_jobs", [job(7, .completed, cluster: "far")])
    watcher.finish(until: .now + 20, waits: false)
    #expect(watcher.snapshot.ledger.jobs.map(\.cluster) == ["far"])
  }

  // MARK: What is not known

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
    watcher.pollAll(until: .now + 10, waits: false)
    #expect(asked("host_names").count == 1)
  }
}
