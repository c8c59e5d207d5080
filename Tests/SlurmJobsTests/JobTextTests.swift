import RecordText
import Testing

@testable import SlurmJobs

@Suite struct ArrayTasksTests {
  @Test(
    arguments: [
      ("0-3", [0, 1, 2, 3]), ("5", [5]), ("1,3,5-7", [1, 3, 5, 6, 7]), ("0-9:3", [0, 3, 6, 9]),
      ("2-4%2", [2, 3, 4]),
      ("7-7", [7]),
    ] as [(String, [UInt32])])
  func expands(_ expression: String, _ ids: [UInt32]) { #expect(ArrayTasks.ids(in: expression) == ids) }

  @Test(arguments: ["", "3-1", "a", "1,...", "0-3:0", "1-2-3", "0-4000000", "1:2:3", "-1"])
  func refuses(_ expression: String) { #expect(ArrayTasks.ids(in: expression) == nil) }

  @Test func aTaskHasNoIdOfItsOwnBeforeItStarts() {
    var record = JobRecord(state: .pending)
    record.jobID = 12
    record.arrayJobID = 12
    record.arrayTasks = "0-1%1"
    let tasks = SubmittedJob(record: record).unfolded
    #expect(tasks.map(\.arrayTaskID) == [0, 1])
    #expect(tasks.allSatisfy { $0.jobID == nil && $0.arrayJobID == 12 && $0.arrayTasks == nil })
    #expect(tasks[1].displayID == "12_1")
    record.arrayTasks = "1,..."
    #expect(SubmittedJob(record: record).unfolded == [record])
    #expect(record.displayID == "12_[1,...]")
  }

  @Test func setsAreWrittenAsSlurmWritesThem() throws {
    for text in ["0", "0-3", "1,3,5-7", "0-3999999", "2,4,6,8"] {
      let tasks = try #require(ArrayTasks.set(in: text))
      #expect(ArrayTasks.expression(of: tasks) == text)
    }
    // slurmdbd's masks, as Slurm 22.05 wrote them for 2-5, for 6-9 and for 1,3,100.
    for (mask, text) in [("0x3C", "2-5"), ("0x3C0", "6-9"), ("0x1000000000000000000000000A%3", "1,3,100")] {
      let tasks = try #require(ArrayTasks.set(in: mask))
      #expect(ArrayTasks.expression(of: tasks) == text)
    }
    for wrong in ["0x", "0x0", "0xG", "0x-1", "0x" + String(repeating: "F", count: 1_000_002)] {
      #expect(ArrayTasks.set(in: wrong) == nil)
    }
    #expect(ArrayTasks.count(in: "0-199999%4") == 200_000)
    #expect(ArrayTasks.set(in: "0-4000001") == nil && ArrayTasks.count(in: "1,...") == nil)
  }
}

@Suite struct JobScopeTests {
  /// Which jobs of the user a query must return: those that could be the run's.
  @Test func whatCanBeMeant() {
    var scope = JobScope()
    (scope.tags, scope.ids, scope.since, scope.otherSessions) = (["duct-a"], [7], 100, [9])
    func contains(_ ids: [UInt32], _ submit: Int64, sid: UInt32 = 1, _ wckey: String? = nil) -> Bool {
      scope.contains(ids: ids, submit: submit, sid: sid, wckey: { wckey })
    }
    #expect(contains([1, 0, 0], 100) && !contains([1, 0, 0], 99))
    #expect(contains([1, 7, 0], 5), "a task of an array that is known")
    #expect(contains([1, 0, 0], 5, sid: 9, "duct-a") && contains([1, 0, 0], 5, "*duct-a"))
    #expect(!contains([1, 0, 0], 200, "duct-b"), "another run's")
    #expect(contains([1, 0, 0], 200, "mine"))
    #expect(!contains([1, 0, 0], 200, sid: 9))
    scope.since = nil
    #expect(!contains([1, 0, 0], 200) && contains([7, 0, 0], 200))
  }
}

@Suite struct TresTextTests {
  @Test func namesOfTheController() {
    let tres = TresText.parse("cpu=2,mem=1.50G,node=1,billing=2,gres/gpu:a100=4")
    #expect(tres?["cpu"] == 2)
    #expect(tres?["mem"] == 1_610_612_736)
    #expect(tres?["gres/gpu:a100"] == 4)
    #expect(TresText.parse("mem=500")?["mem"] == 524_288_000)
  }

  @Test func numbersOfAccounting() {
    let names = TresText.standardNames.merging([1001: "gres/gpu"]) { $1 }
    let tres = TresText.parse("1=2,2=500,3=18446744073709551614,4=1,1001=2,1002=7", names: names)
    #expect(tres?.members.keys.elements == ["cpu", "mem", "node", "gres/gpu", "tres/1002"])
    #expect(tres?["mem"] == 524_288_000)
  }

  @Test(arguments: [nil, "", "nonsense", "=", "3=18446744073709551615"] as [String?])
  func nothing(_ text: String?) { #expect(TresText.parse(text) == nil) }

  /// A number that is too large for its unit is nil.
  @Test func whatIsBeyondEveryNumberIsNotKnown() {
    let tres = TresText.parse("1=2,2=8796093022208,4=18446744073709551000")
    #expect(tres?["cpu"] == 2 && tres?["mem"] == nil && tres?["node"] == .max)
    #expect(TresText.parse("mem=1e300P") == nil)
    var job = JobRecord(state: .completed)
    job.startTime = .max
    job.eligibleTime = -5
    #expect(job.waitSeconds == nil)
    job.eligibleTime = 5
    #expect(job.waitSeconds == .max - 5)
  }

  @Test func valuesOfStatistics() {
    #expect(TresText.value(2, in: "1=2780,2=120246272,6=1") == 120_246_272)
    #expect(TresText.value(2, in: "1=2780,12=5") == nil)
    #expect(TresText.value(2, in: "2=18446744073709551614") == nil)
    #expect(TresText.value(2, in: nil) == nil)
  }
}

@Suite struct SubmissionTextTests {
  private func scan(_ chunks: [String], finish: Bool = false) -> [JobMention] {
    var text = SubmissionText()
    var mentions = chunks.flatMap { chunk in Array(chunk.utf8).withUnsafeBytes { text.feed($0) } }
    if finish { mentions += text.finish() }
    return mentions
  }
  private func sentence(_ id: UInt32, _ cluster: String? = nil) -> JobMention {
    JobMention(jobID: id, cluster: cluster, form: .sentence)
  }

  @Test func sentencesOfTheClients() {
    #expect(scan(["Submitted batch job 17\n"]) == [sentence(17)])
    #expect(scan(["Submitted batch job 17 on cluster far-one\n"]) == [sentence(17, "far-one")])
    #expect(scan(["12:01 [info] Submitted batch job 17.\n"]) == [sentence(17)])
    #expect(scan(["salloc: Granted job allocation 8\n"]) == [sentence(8)])
    #expect(scan(["salloc: Pending job allocation 9\r\n"]) == [sentence(9)])
    #expect(scan(["srun: job 10 queued and waiting for resources\n"]) == [sentence(10)])
  }

  /// duct finds a sentence that is split between two reads at any place.
  @Test func acrossTheBordersOfWhatIsRead() {
    let line = "x\nSubmitted batch job 4711\ny\n"
    for cut in 0...line.count {
      #expect(
        scan([String(line.prefix(cut)), String(line.dropFirst(cut))]) == [sentence(4711)], "cut at \(cut)")
    }
  }

  /// A line with only a number counts as a hint, not as a sentence.
  @Test func numbersAreHints() {
    #expect(scan(["123\n"]) == [JobMention(jobID: 123, cluster: nil, form: .number)])
    #expect(scan(["123;far\n"]) == [JobMention(jobID: 123, cluster: "far", form: .number)])
    #expect(
      scan(["1 2\n", "12a\n", "0\n", "-5\n", "99999999999\n", "3.5\n", " 7\n", "12;\n", "12;a b\n"]) == [])
  }

  /// Lines that resemble sbatch's sentence.
  @Test func whatOnlyLooksAlike() {
    #expect(
      scan([
        "Submitted batch job\n", "Submitted batch job x\n", "submitted batch job 5\n",
        "Submitted batch job 0\n",
        "Submitted batch job 12abc\n", "job 5\n", "Submitted batch job 99999999999\n",
      ]) == [])
  }

  @Test func aLastLineWithoutNewline() {
    #expect(scan(["Submitted batch job 5"]) == [])
    #expect(scan(["Submitted batch job 5"], finish: true) == [sentence(5)])
  }

  @Test func longLinesAndBytesAreNoHarm() {
    let long = String(repeating: "x", count: 1 << 20)
    #expect(scan([long, "\nSubmitted batch job 5\n"]) == [sentence(5)])
    var text = SubmissionText()
    let bytes: [UInt8] = [0xFF, 0x00, 0x0A] + Array("Submitted batch job 6\n".utf8)
    #expect(bytes.withUnsafeBytes { text.feed($0) } == [sentence(6)])
  }
}

@Suite struct JobSummaryTests {
  private func job(_ id: UInt32, _ state: JobState, exit: Int? = nil, stale: Bool = false) -> JobRecord {
    var job = JobRecord(state: state)
    job.jobID = id
    job.exitCode = exit
    job.stale = stale
    return job
  }

  @Test func countsByState() {
    let jobs =
      (1...9).map { job($0, .completed, exit: 0) } + [
        job(10, .running), job(11, .running), job(118, .failed, exit: 3),
      ]
    #expect(JobSummary.text(jobs) == "12 submitted: 9 COMPLETED, 2 RUNNING, 1 FAILED (job 118: exit code 3)")
  }

  /// The summary names only a few of many failed jobs, and marks stale states.
  @Test func namesAFewOfManyAndWhatMayBeOld() {
    let jobs = (1...7).map { job($0, .failed, exit: 1) } + [job(8, .running, stale: true)]
    #expect(
      JobSummary.text(jobs)
        == "8 submitted: 1 RUNNING when last seen, 7 FAILED (jobs 1, 2, 3 and 4 more: exit code 1)")
    let different = (1...7).map { job($0, .failed, exit: Int($0)) } + [job(8, .failed, exit: 2)]
    #expect(
      JobSummary.text(different)
        == "8 submitted: 8 FAILED (job 1: exit code 1; jobs 2, 8: exit code 2; job 3: exit code 3; job 4: exit code 4; job 5: exit code 5; and 2 more)"
    )
  }

  @Test func whyAJobFailed() {
    var killed = job(5, .failed, exit: 0)
    killed.signal = 9
    #expect(JobSummary.text([killed]) == "1 submitted: 1 FAILED (job 5: signal 9 (SIGKILL))")
    var late = job(6, .timeout, exit: 0)
    late.stateReason = "TimeLimit"
    #expect(JobSummary.text([late]) == "1 submitted: 1 TIMEOUT (job 6: time limit reached)")
  }
}

@Suite struct JobStateTests {
  @Test func numbersOfSlurm() {
    #expect(JobState(number: 3) == .completed)
    #expect(JobState(number: 0x8005) == .failed)
    #expect(JobState(number: 11) == .outOfMemory)
    #expect(JobState(number: 14).rawValue == "UNKNOWN_14")
  }

  @Test func aCompletingJobHasNotEnded() {
    var job = JobRecord(state: .cancelled)
    job.stateFlags = ["COMPLETING"]
    #expect(!job.hasEnded)
    job.stateFlags = []
    #expect(job.hasEnded)
  }
}
