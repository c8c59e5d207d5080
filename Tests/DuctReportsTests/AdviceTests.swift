import RecordText
import SlurmJobs
import Testing

@testable import DuctRecords
@testable import DuctReports

/// What to ask for next time. The figures are computed by hand.
@Suite struct AdviceTests {
  private let gibibyte = Double(1 << 30)

  private func advice(_ jobs: [JobRecord], _ rule: ReportAdvice.Rule) -> [ReportAdvice] {
    let report = CampaignReport([ReportSource(jobs, outputOwners: [])], problem: nil, .init(lines: 0))
    return report.advice.filter { $0.rule == rule }
  }

  /// Jobs named prep that asked for 8 GiB each.
  private func jobs(_ used: [Double], _ change: (inout JobRecord) -> Void = { _ in }) -> [JobRecord] {
    used.enumerated().map { index, used in
      var one = job(UInt32(index) + 1, name: "prep", asked: 8 << 30, used: Int64(used * gibibyte))
      change(&one)
      return one
    }
  }

  // MARK: Memory

  @Test func memoryIsThePeakAndAFifthMore() throws {
    // 2 GiB and 20 % are 2.4 GiB, in steps of a quarter 2.5.
    let advice = advice(jobs([1, 1.5, 2]), .memory)
    #expect(advice.map(\.line) == ["#SBATCH --mem=2560M"])
    #expect(advice.first?.group == "the 3 jobs named prep")
    #expect(advice.first?.figures == "1.5 GiB used (median), 2.0 GiB at most, of 8.0 GiB asked for")
    // Three jobs of an hour with 5.5 GiB less.
    #expect(advice.first?.effect.hasPrefix("5.5 GiB less for each job: 17 GiB·h free") == true)
  }

  @Test func oneOddJobDoesNotDecide() throws {
    let advice = advice(jobs(Array(repeating: 1, count: 30) + [7]), .memory)
    // 1 GiB and 20 %: 1.2 GiB, in steps of a quarter 1.25.
    #expect(advice.map(\.line) == ["#SBATCH --mem=1280M"])
    #expect(advice.first?.figures.contains("without 31 (7.0 GiB), which used much more") == true)
    // Of few jobs none is odd: 7 GiB and 20 % are more than was asked for.
    #expect(self.advice(jobs([1, 1, 1, 7]), .memory).isEmpty)
    // Two kinds of jobs of one name.
    #expect(self.advice(jobs(Array(repeating: 1, count: 20) + [7, 7, 7]), .memory).isEmpty)
  }

  @Test func whoAskedForWhatItNeedsGetsNoAdvice() {
    #expect(advice(jobs([5.5, 6]), .memory).isEmpty)
    #expect(advice(jobs([1, 1]) { $0.maxRSSAllTasksBytes = nil }, .memory).isEmpty)
    #expect(advice(jobs([1, 1]) { $0.state = .failed }, .memory).isEmpty)
  }

  @Test func jobsOnSeveralNodesGetNoLess() {
    // How the memory was spread over several nodes is not known.
    #expect(advice(jobs([1]) { $0.nodeCount = 4 }, .memory).isEmpty)
  }

  @Test func whoRanOutOfMemoryGetsMore() {
    let short = jobs([8, 8, 1]) { if $0.jobID != 3 { $0.state = .outOfMemory } }
    let some = advice(short, .memory)
    #expect(some.map(\.line) == ["#SBATCH --mem=12G"])
    #expect(some.first?.figures == "2 of 3 jobs ran out of memory, with 8.0 GiB asked for")
    // Slurm ended it after it had used more.
    let beyond = jobs([9]) { $0.state = .outOfMemory }
    #expect(
      advice(beyond, .memory).first?.figures
        == "it ran out of memory, with 8.0 GiB asked for and 9.0 GiB used")
    // If they are few, the others still need less.
    let few = advice(
      jobs([8] + Array(repeating: 1, count: 30)) { if $0.jobID == 1 { $0.state = .outOfMemory } }, .memory)
    #expect(few.map(\.line) == ["#SBATCH --mem=12G", "#SBATCH --mem=1280M"])
    #expect(few.first?.effect.contains("for those alone") == true)
  }

  @Test(
    arguments: [
      (1.0, "64M"), (65.0, "128M"), (1024, "1G"), (1025, "1280M"), (4097, "5G"), (1e300, "1073741824G"),
    ])
  func memoryAsAPersonWouldWriteIt(_ mebibytes: Double, _ text: String) {
    #expect(MemoryOption(atLeast: mebibytes * 1_048_576).line == "#SBATCH --mem=\(text)")
  }

  // MARK: Time

  @Test func timeIsTheLongestAndAFifthMore() {
    // 50 min and 20 %: an hour.
    let some = jobs([1, 1]) {
      ($0.elapsedSeconds, $0.timeLimitSeconds) = ($0.jobID == 1 ? 3000 : 1000, 86400)
    }
    let advice = advice(some, .time)
    #expect(advice.map(\.line) == ["#SBATCH --time=01:00:00"])
    #expect(advice.first?.figures == "ran for 33:20 (median), 50:00 at most, of 1-00:00:00 asked for")
    #expect(self.advice(jobs([1]) { ($0.elapsedSeconds, $0.timeLimitSeconds) = (3000, 7000) }, .time).isEmpty)
    #expect(self.advice(jobs([1]) { ($0.elapsedSeconds, $0.timeLimitSeconds) = (10, 600) }, .time).isEmpty)
  }

  @Test func whoReachedTheLimitGetsMore() {
    let late = jobs([1, 1]) { ($0.state, $0.elapsedSeconds, $0.timeLimitSeconds) = (.timeout, 1800, 1800) }
    #expect(advice(late, .time).map(\.line) == ["#SBATCH --time=01:00:00"])
    #expect(advice(late, .time).first?.figures == "2 of 2 jobs reached the limit of 30:00")
  }

  @Test(
    arguments: [
      (1.0, "00:05:00"), (301, "00:10:00"), (3601, "01:15:00"), (50000, "14:00:00"), (90000, "1-01:00:00"),
    ])
  func timeAsAPersonWouldWriteIt(_ seconds: Double, _ text: String) {
    #expect(TimeOption(atLeast: seconds).line == "#SBATCH --time=\(text)")
  }

  // MARK: CPUs

  @Test func asManyCPUsAsAreBusy() {
    func busy(_ seconds: Double, cpus: Int = 8, asked: Int64? = nil, elapsed: Int = 3600) -> [ReportAdvice] {
      advice(
        jobs([1, 1]) {
          ($0.cpus, $0.cpuSeconds, $0.elapsedSeconds) = (cpus, seconds, elapsed)
          $0.tresRequested = asked.map { OrderedFields(["cpu": $0]) }
        }, .cpus)
    }
    // 1.5 of 8 CPUs. A job can have asked for tasks and not for CPUs.
    #expect(busy(5400).map(\.line) == ["#SBATCH --ntasks=1 --cpus-per-task=2"])
    #expect(busy(5400).first?.effect.contains("--nodes=1 --ntasks=2") == true)
    #expect(busy(3600).map(\.line) == ["#SBATCH --ntasks=1 --cpus-per-task=1"])
    #expect(busy(3600).first?.effect.contains("--nodes") == false)
    #expect(busy(5400).first?.figures == "1.5 CPUs busy on average (median), 1.5 at most, of 8 asked for")
    // 6.5 CPUs of each were idle for an hour.
    #expect(busy(5400).first?.effect.hasPrefix("13 h of CPU were allocated and idle") == true)
    #expect(busy(18000).isEmpty)
    #expect(busy(80, elapsed: 59).isEmpty)
    #expect(busy(900, cpus: 1).isEmpty)
    // Slurm allocates whole cores: one CPU was asked for.
    #expect(busy(1800, cpus: 2, asked: 1).isEmpty)
  }

  // MARK: Bundles, nodes, outliers

  @Test func manyShortJobsAreBundled() {
    let short = jobs(Array(repeating: 1, count: 100)) { $0.elapsedSeconds = 20 }
    let advice = advice(short, .bundle)
    // 600 s / 20 s.
    #expect(advice.map(\.line) == ["#SBATCH --array=0-3  # task i then does i*30 to i*30 + 29 of 0 to 99"])
    #expect(
      advice.first?.effect
        == "30 of them one after another in a job: 4 jobs of about 10:00 in place of 100")
    #expect(self.advice(Array(short.prefix(19)), .bundle).isEmpty)
    #expect(self.advice(jobs(Array(repeating: 1, count: 100)) { $0.elapsedSeconds = 60 }, .bundle).isEmpty)
  }

  /// A site that sets no MaxArraySize refuses a task id above 1,000.
  @Test func aBundleFitsIntoAnArrayOfADefaultSite() {
    let most = jobs(Array(repeating: 1, count: 100_100)) { $0.elapsedSeconds = 50 }
    // In bundles of 10 min, these were 8,342 tasks.
    let advice = advice(most, .bundle)
    #expect(
      advice.map(\.line) == ["#SBATCH --array=0-1000  # task i then does i*100 to i*100 + 99 of 0 to 100099"])
    #expect(
      advice.first?.effect
        == "100 of them one after another in a job: 1,001 jobs of about 01:23:20 in place of 100,100; shorter ones would be more than 1,001 tasks, which a site with Slurm's default for MaxArraySize refuses"
    )
  }

  /// A time limit of one job does not tell of nodes of another cluster.
  @Test func aNodeOfTheSameNameOnAnotherCluster() {
    let some = jobs(Array(repeating: 1, count: 40)) { job in
      let index = Int(job.jobID ?? 0) - 1
      job.cluster = index < 20 ? "c1" : "c2"
      job.nodeList = "n\(index % 4)"
      if index < 20, index % 4 == 1 { (job.state, job.exitCode) = (.failed, 1) }
    }
    let advice = advice(some, .exclude)
    #expect(advice.map(\.line) == ["#SBATCH --exclude=n1"])
    #expect(advice.first?.group == "the 5 jobs on n1 of cluster c1")
    #expect(
      advice.first?.figures == "5 of 5 jobs failed there (100 %), elsewhere 0 of 15 (0 %)")
  }

  @Test func aNodeWhereManyFailIsLeftOut() {
    func failing(_ bad: Int, elsewhere: Int, _ state: JobState = .failed) -> [ReportAdvice] {
      advice(
        jobs(Array(repeating: 1, count: 40)) { job in
          let index = Int(job.jobID ?? 0) - 1
          job.nodeList = index < 5 ? "n7" : "n\(index % 3)"
          if index < bad || index >= 40 - elsewhere { (job.state, job.exitCode) = (state, 1) }
        }, .exclude)
    }
    #expect(failing(4, elsewhere: 1).map(\.line) == ["#SBATCH --exclude=n7"])
    #expect(
      failing(4, elsewhere: 1).first?.figures
        == "4 of 5 jobs failed there (80 %), elsewhere 1 of 35 (2.9 %)")
    #expect(failing(2, elsewhere: 0).isEmpty)
    #expect(failing(4, elsewhere: 10).isEmpty)
    #expect(failing(4, elsewhere: 0, .timeout).isEmpty)
  }

  @Test func oddTasksOfAnArrayAreNamed() {
    let tasks = jobs(Array(repeating: 1, count: 30)) { job in
      (job.arrayJobID, job.arrayTaskID) = (41, (job.jobID ?? 0) - 1)
      if job.arrayTaskID == 7 { job.elapsedSeconds = 40000 }
      if job.arrayTaskID == 9 { job.maxRSSAllTasksBytes = 5 << 30 }
    }
    let advice = advice(tasks, .outliers)
    #expect(advice.map(\.group) == ["the 30 tasks of 41", "the 30 tasks of 41"])
    #expect(
      advice.map(\.figures) == [
        "1 task ran much longer than the others (median 01:00:00): 41_7 (11:06:40)",
        "1 task used much more memory than the others (median 1.0 GiB): 41_9 (5.0 GiB)",
      ])
    #expect(self.advice(Array(tasks.prefix(19)), .outliers).isEmpty)
  }

  // MARK: The orchestrator

  private func orchestrator(_ environment: String, wall: Int, cpu: Double, jobs: [JobRecord]) throws
    -> [ReportAdvice]
  {
    let text = record(
      summary: ", \"wall_clock_time\": \(wall), \"cpu_seconds\": \(cpu), \"peak_rss\": 53477376",
      members: ", \"env\": {\(environment)}")
    let report = CampaignReport([ReportSource(try run(text), jobs: jobs)], problem: nil, .init(lines: 0))
    return report.advice.filter { $0.rule == .orchestrator }
  }

  @Test func anOrchestratorThatWaitedInAnAllocation() throws {
    let allocation = "\"SLURM_JOB_ID\": \"77\", \"SLURM_CPUS_ON_NODE\": \"16\""
    let advice = try orchestrator(allocation, wall: 3600, cpu: 30, jobs: [job(1)])
    #expect(advice.map(\.line) == ["#SBATCH --ntasks=1 --cpus-per-task=1 --mem=64M"])
    #expect(advice.first?.figures == "it used 00:30 of CPU in 01:00:00, and held 16 CPUs of job 77 for it")
    #expect(try orchestrator("", wall: 3600, cpu: 30, jobs: [job(1)]).isEmpty)
    #expect(try orchestrator(allocation, wall: 3600, cpu: 400, jobs: [job(1)]).isEmpty)
    #expect(try orchestrator(allocation, wall: 599, cpu: 1, jobs: [job(1)]).isEmpty)
    #expect(try orchestrator(allocation, wall: 3600, cpu: 30, jobs: []).isEmpty)
  }
}

@Suite struct CampaignComparisonTests {
  private func report(_ jobs: [JobRecord]) -> CampaignReport {
    CampaignReport([ReportSource(jobs, outputOwners: [])], problem: nil, .init(lines: 0))
  }

  @Test func groupsOfOneNameStandSideBySide() throws {
    let before = report([job(1, name: "prep", elapsed: 1000), job(2, .failed, name: "old", elapsed: 7200)])
    var after = report([job(3, name: "new", elapsed: 60), job(4, name: "prep", elapsed: 1500)])
    after.compare(with: before, named: "c1")
    let comparison = try #require(after.comparison)
    #expect(comparison.campaign == "c1" && comparison.groups.map(\.name) == [nil, "prep", "new", "old"])
    let prep = comparison.groups[1]
    #expect(prep.elapsedSeconds == .init(before: 1000, after: 1500) && prep.elapsedSeconds.percent == 50)
    #expect(comparison.groups[2].jobs == .init(before: nil, after: 1))
    #expect(comparison.groups[3].failureShare == .init(before: 1, after: nil))
    #expect(comparison.groups[0].failureShare == .init(before: 0.5, after: 0))
    let text = after.text(.text)
    #expect(text.contains("prep      1 → 1 (0 %)   0 % → 0 %"), "\(text)")
    #expect(text.contains("16:40 → 25:00 (+50 %)"), "\(text)")
  }

  /// With many names, one side had `sim_#` and the other `sim_1`.
  @Test func namesAreFoldedAlikeOnBothSides() throws {
    let few = report((1...3).map { job($0, name: "sim_\($0)") } + [job(9, name: "plot")])
    let many = report((1...60).map { job($0, name: "sim_\($0)") } + [job(99, name: "plot")])
    var after = many
    after.compare(with: few, named: "c1")
    #expect(after.comparison?.groups.map(\.name) == [nil, "sim_#", "plot"])
    #expect(after.comparison?.groups[1].jobs == .init(before: 3, after: 60))
    after = few
    after.compare(with: many, named: "c1")
    #expect(after.comparison?.groups.map(\.name) == [nil, "sim_#", "plot"])
    #expect(after.comparison?.groups[1].jobs == .init(before: 60, after: 3))
  }

  /// When each name was searched for among all others, this took 40 s.
  @Test func manyNamesAreMatchedAtOnce() throws {
    func letters(_ number: Int) -> String {
      String(String(number).map { Character(UnicodeScalar(97 + UInt8(String($0))!)) })
    }
    // The costliest of the one are the cheapest of the other.
    func jobs(_ elapsed: (Int) -> Int) -> [JobRecord] {
      (0..<30_000).map { job(UInt32($0) + 1, name: letters($0), elapsed: elapsed($0)) }
    }
    let before = report(jobs { $0 })
    var after = report(jobs { 30_000 - $0 })
    let start = ContinuousClock.now
    after.compare(with: before, named: "c1")
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(after.comparison?.groups.count == 30_001)
    #expect(after.comparison?.groups.allSatisfy { $0.jobs.before == $0.jobs.after } == true)
  }

  @Test func changesThatHaveNoPercentage() {
    #expect(CampaignComparison.Change(before: 0, after: 5).percent == nil)
    #expect(CampaignComparison.Change(before: -2, after: -1).percent == 50)
    #expect(CampaignComparison.Change(before: nil, after: 5).percent == nil)
  }
}
