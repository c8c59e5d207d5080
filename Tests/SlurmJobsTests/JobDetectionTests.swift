import Testing

@testable import SlurmJobs

@Suite struct JobDetectionTests {
  private let start = 1_000_000.0
  private let gone: (UInt32, Double) -> JobDetection.SessionOwner = { _, _ in .gone }

  private func detection(
    tag: String? = "duct-me", layers: Set<JobEvidence> = Set(JobEvidence.allCases)
  ) -> JobDetection {
    JobDetection(uid: 1000, runStart: start, tag: tag, layers: layers, hostName: "login1")
  }

  private func job(
    _ id: UInt32 = 5, after: Double = 10, wckey: String? = nil, sid: UInt32? = 77, node: String? = "login1"
  ) -> SubmittedJob {
    var record = JobRecord(state: .pending)
    record.jobID = id
    record.cluster = "one"
    record.submitTime = Int(start + after)
    var job = SubmittedJob(record: record)
    job.uid = 1000
    job.wckey = wckey
    job.allocSID = sid
    job.allocNode = node
    return job
  }

  private func evidence(
    _ detection: JobDetection, _ job: SubmittedJob, skew: Double = 0,
    owner: ((UInt32, Double) -> JobDetection.SessionOwner)? = nil
  ) -> Set<JobEvidence> {
    detection.evidence(for: job, skew: skew, owner: owner ?? gone)
  }

  // MARK: Never by user, time and place alone

  @Test func aStrangersJobIsNotClaimed() {
    #expect(evidence(detection(), job()) == [])
    #expect(evidence(detection(tag: nil), job()) == [])
    var other = job(wckey: "duct-me")
    other.uid = 1001
    #expect(evidence(detection(), other) == [])
  }

  // MARK: Tag

  @Test func theTagIsEnough() {
    #expect(evidence(detection(), job(wckey: "duct-me", sid: nil, node: nil)) == [.tag])
    #expect(evidence(detection(), job(wckey: "*duct-me")) == [.tag])
    #expect(evidence(detection(), job(wckey: "duct-other")) == [])
    #expect(evidence(detection(tag: nil), job(wckey: "duct-me")) == [])
    #expect(evidence(detection(layers: [.session, .output]), job(wckey: "duct-me")) == [])
  }

  // MARK: Session

  @Test func aSessionOfTheCommandWithinItsTime() {
    var detection = detection(tag: nil, layers: [.session])
    detection.note(SessionSighting(sid: 77, firstSeen: start + 5, goneBy: start + 20))
    #expect(evidence(detection, job(after: 10)) == [.session])
    // Slurm reports whole seconds, and clocks differ a little.
    #expect(evidence(detection, job(after: 3)) == [.session])
    #expect(evidence(detection, job(after: 22)) == [.session])
    // By then another process may have this session id.
    #expect(evidence(detection, job(after: 30)) == [])
    #expect(evidence(detection, job(after: 1)) == [])
    #expect(evidence(detection, job(sid: 78)) == [])
  }

  @Test func theSessionNumberOfAnotherHostMeansNothing() {
    var detection = detection(layers: [.session])
    detection.note(SessionSighting(sid: 77, firstSeen: start))
    #expect(evidence(detection, job(node: "login2")) == [])
    #expect(evidence(detection, job(node: "LOGIN1")) == [.session])
    #expect(evidence(detection, job(node: "localhost")) == [.session])
    detection.add(["vpn-name"])
    #expect(evidence(detection, job(node: "vpn-name")) == [.session])
  }

  /// If no sample saw the session, detection asks who owns it.
  @Test func aSessionThatNoSampleSawIsLookedFor() {
    #expect(evidence(detection(), job(), owner: { sid, _ in sid == 77 ? .command : .gone }) == [.session])
    #expect(evidence(detection(), job(), owner: { _, _ in .other }) == [])
  }

  @Test func theControllersClockMayBeWrong() {
    var detection = detection(layers: [.session])
    detection.note(SessionSighting(sid: 77, firstSeen: start))
    #expect(evidence(detection, job(after: -290), skew: -300) == [.session])
    #expect(evidence(detection, job(after: -290)) == [])
  }

  // MARK: Output

  private func mentioning(
    _ form: JobMention.Form = .sentence, tag: String? = nil, cluster: String? = nil,
    layers: Set<JobEvidence> = Set(JobEvidence.allCases)
  ) -> JobDetection {
    var detection = detection(tag: tag, layers: layers)
    detection.note(JobMention(jobID: 5, cluster: cluster, form: form), at: start + 11)
    return detection
  }

  @Test func whatTheCommandPrintedAndSlurmConfirms() {
    #expect(evidence(mentioning(), job()) == [.output])
    #expect(evidence(mentioning(layers: [.tag, .session]), job()) == [])
    // The command shows an old log.
    #expect(evidence(mentioning(), job(after: -5)) == [])
    // Printed long before the submission, so the id belonged to another job.
    #expect(evidence(mentioning(), job(after: 60)) == [])
    #expect(evidence(mentioning(cluster: "two"), job()) == [])
    #expect(evidence(mentioning(cluster: "One"), job()) == [.output])
  }

  @Test func aNumberAloneCountsOnlyAfterSbatchWasSeen() {
    var detection = mentioning(.number)
    #expect(evidence(detection, job()) == [])
    #expect(detection.mentionedIDs == [])
    detection.hasSeenSbatch = true
    #expect(evidence(detection, job()) == [.output])
    #expect(detection.mentionedIDs == [5])
  }

  @Test func printedButSubmittedByAnother() {
    // Submitted from a session that is alive and does not descend from the command.
    #expect(evidence(mentioning(), job(), owner: { _, _ in .other }) == [])
    // With another run's tag.
    #expect(evidence(mentioning(), job(wckey: "duct-other")) == [])
    // Without our tag, though everything that the command starts here inherits it. The number may come from squeue.
    var numbers = mentioning(.number, tag: "duct-me")
    numbers.hasSeenSbatch = true
    #expect(evidence(numbers, job()) == [])
    #expect(numbers.doubt(about: job(), skew: 0, owner: gone) == "it lacks the tag of this run")
    #expect(
      mentioning().doubt(about: job(), skew: 0, owner: { _, _ in .other })?.contains("session 77") == true)
    #expect(mentioning().doubt(about: job(6), skew: 0, owner: gone) == nil)
  }

  /// Session id 0 stands for a session outside the pid namespace, and is no evidence.
  @Test func aSessionOutsideOfThePidNamespaceIsNobodys() {
    var detection = detection()
    detection.note(SessionSighting(sid: 0, firstSeen: start))
    #expect(evidence(detection, job(sid: 0)) == [])
    #expect(!detection.isOfOtherSession(job(sid: 0), skew: 0, owner: { _, _ in .other }))
  }

  @Test func submittedWithAnEnvironmentMadeAnew() {
    // `env -i setsid sh -c 'sbatch …'` leaves neither tag nor session, but sbatch still prints its sentence.
    #expect(evidence(mentioning(tag: "duct-me"), job()) == [.output])
    #expect(evidence(mentioning(tag: "duct-me"), job(wckey: "duct-other")) == [])
    #expect(evidence(mentioning(tag: "duct-me"), job(after: -60)) == [])
  }

  @Test func printedAndSubmittedElsewhereForTheCommand() {
    // By ssh to another login node, which does not get the tag.
    #expect(evidence(mentioning(tag: "duct-me"), job(node: "login2")) == [.output])
    // The script sets a wckey of its own in place of the tag.
    #expect(evidence(mentioning(tag: "duct-me"), job(wckey: "project7")) == [.output])
  }

  @Test func partsOfAnArrayOrHeterogeneousJobShareItsMention() {
    var task = job(9)
    task.record.arrayJobID = 5
    task.record.arrayTaskID = 3
    #expect(evidence(mentioning(), task) == [.output])
    var component = job(6)
    component.record.hetJobID = 5
    component.record.hetJobOffset = 1
    #expect(evidence(mentioning(), component) == [.output])
  }

  // MARK: A session that is shared with other processes

  /// In a shared session, the session is no evidence for or against a job.
  @Test func aSharedSessionSpeaksNeitherForNorAgainst() {
    func shared(tag: String?) -> JobDetection {
      var detection = JobDetection(
        uid: 1000, runStart: start, tag: tag, layers: Set(JobEvidence.allCases), hostName: "login1",
        sharedSession: 77)
      detection.note(JobMention(jobID: 5, cluster: nil, form: .sentence), at: start + 11)
      return detection
    }
    // The leader of the terminal's session is a shell above duct.
    #expect(evidence(shared(tag: nil), job(), owner: { _, _ in .other }) == [.output])
    #expect(evidence(shared(tag: nil), job(6), owner: { _, _ in .other }) == [])
    #expect(
      evidence(shared(tag: "duct-me"), job(wckey: "duct-me"), owner: { _, _ in .other }) == [.output, .tag])
    #expect(evidence(shared(tag: "duct-me"), job(), owner: { _, _ in .other }) == [])
    #expect(evidence(shared(tag: nil), job(sid: 78), owner: { _, _ in .other }) == [], "of another session")
  }

  /// The session's owner is looked up at the submit time by our clock, without the controller's skew.
  @Test func theOwnerIsAskedForTheTimeOfTheSubmissionByOurClock() {
    var asked: [Double] = []
    _ = detection().evidence(for: job(after: 310), skew: 300) { _, submit in
      asked.append(submit)
      return .gone
    }
    #expect(asked == [start + 10])
  }

  // MARK: Much output

  /// A flood of bare numbers does not push out ids from sbatch's sentence.
  @Test func numbersDoNotKeepSentencesOut() {
    var detection = detection(tag: nil)
    for id in 1...50_000 {
      detection.note(JobMention(jobID: UInt32(1_000_000 + id), cluster: nil, form: .number), at: start + 5)
    }
    detection.note(JobMention(jobID: 5, cluster: nil, form: .sentence), at: start + 11)
    #expect(evidence(detection, job()) == [.output])
    #expect(detection.mentionedIDs == [5])
    detection.hasSeenSbatch = true
    #expect(detection.hints.prefix(3).map(\.jobID) == [5, 1_050_000, 1_049_999])
    #expect(detection.hints.count < 20_001, "the oldest are forgotten")
  }

  @Test func theNewestOfVeryManySentencesStay() {
    var detection = detection(tag: nil)
    for id in 10...150_000 {
      detection.note(JobMention(jobID: UInt32(id), cluster: nil, form: .sentence), at: start + 5)
    }
    detection.note(JobMention(jobID: 5, cluster: nil, form: .sentence), at: start + 11)
    #expect(evidence(detection, job()) == [.output])
    #expect(detection.hints.prefix(2).map(\.jobID) == [5, 150_000])
  }

  @Test func oneIdOfTwoClusters() {
    var detection = detection(tag: nil)
    for cluster in ["two", "One"] {
      detection.note(JobMention(jobID: 5, cluster: cluster, form: .sentence), at: start + 11)
    }
    #expect(evidence(detection, job()) == [.output])
    #expect(detection.hints.map(\.cluster) == ["One", "two"])
  }

  // MARK: Doubts

  /// A printed number that duct does not take for a job id leads to no doubt.
  @Test func aNumberThatNobodyBelievesRaisesNoDoubt() {
    var detection = mentioning(.number, tag: "duct-me")
    #expect(detection.doubt(about: job(), skew: 0, owner: gone) == nil)
    detection.hasSeenSbatch = true
    #expect(detection.doubt(about: job(), skew: 0, owner: gone) != nil)
    #expect(mentioning(cluster: "two").doubt(about: job(after: 60), skew: 0, owner: gone) == nil)
    #expect(
      mentioning().doubt(about: job(after: 60), skew: 0, owner: gone)
        == "it was submitted after its id was printed")
  }

  /// duct asks for this host's names only if they could decide about a job.
  @Test func namesOfThisHostAreAskedForOnlyWhereTheyMatter() {
    #expect(!detection().isFromUnknownHost(job(), skew: 0))
    #expect(detection().isFromUnknownHost(job(node: "vpn-name"), skew: 0))
    #expect(!detection().isFromUnknownHost(job(after: -5, node: "vpn-name"), skew: 0))
    #expect(detection().isFromUnknownHost(job(after: -5, node: "vpn-name"), skew: -10))
    var others = job(node: "vpn-name")
    others.uid = 1001
    #expect(!detection().isFromUnknownHost(others, skew: 0))
  }
}
