import SlurmJobs
import Testing

@testable import DuctReports

/// `con-duct jobs --state`, `--failed` and `--ids`.
@Suite struct JobListingTests {
  private func job(_ id: UInt32, _ state: JobState) -> JobRecord {
    var job = JobRecord(state: state)
    job.jobID = id
    return job
  }

  private var listing: JobListing {
    var task = job(11, .failed)
    (task.arrayJobID, task.arrayTaskID) = (10, 4)
    var waiting = JobRecord(state: .pending)
    (waiting.arrayJobID, waiting.arrayTasks) = (10, "5-9,20%2")
    var component = job(31, .running)
    (component.hetJobID, component.hetJobOffset) = (30, 1)
    var step = job(40, .completed)
    step.derivedExitCode = 7
    return JobListing([
      .init(prefix: "a_", runID: "r1", jobs: [task, waiting, component]),
      .init(prefix: "b_", runID: "r2", jobs: [step, job(41, .completed), component]),
    ])
  }

  private func ids(_ jobs: [JobRecord], of cluster: String? = nil) -> String {
    CancelIDs(jobs, ofCluster: cluster).text
  }

  @Test func idsAreThoseOfScancelAndEachIsThereOnce() {
    #expect(ids(listing.jobs) == "10_4\n10_[5-9,20]\n30+1\n40\n41\n")
    #expect(ids([]) == "")
  }

  /// Without a cluster, scancel would end a local job that has the same id.
  @Test func idsOfOtherClustersAreLeftOutAndTold() {
    var (here, there, unknown) = (job(1, .running), job(2, .running), job(3, .running))
    (here.cluster, there.cluster) = ("Alpha", "beta")
    unknown.cluster = nil
    let local = CancelIDs([here, there, unknown], ofCluster: "alpha")
    #expect(local.text == "1\n3\n")
    #expect(
      local.problem
        == "ids of jobs are left out, 1 of cluster beta: scancel would look for them on alpha; use --cluster beta --ids | xargs -r scancel -M beta"
    )
    #expect(CancelIDs([there], ofCluster: "beta") == CancelIDs([job(2, .failed)], ofCluster: nil))
    let nowhere = CancelIDs([here, there, unknown], ofCluster: nil)
    #expect(
      nowhere.text == "3\n" && nowhere.problem?.contains("1 of cluster alpha, 1 of cluster beta") == true)
    var choice = JobChoice()
    choice.cluster = "alpha"
    #expect(choice.contains(here) && !choice.contains(there) && !choice.contains(unknown))
  }

  /// What was asked for with `sbatch --mem=1G` looks like that, and like in a report.
  @Test func memoryIsInSlurmsUnits() {
    var asked = job(1, .completed)
    (asked.memoryRequestedBytes, asked.maxRSSBytes) = (1 << 30, 300 << 20)
    let text = JobListing([.init(prefix: "a_", runID: "r1", jobs: [asked])]).text(width: nil)
    #expect(text.contains("300 MiB  1.0 GiB"), "\(text)")
  }

  @Test func onlyWhatIsWanted() {
    var choice = JobChoice()
    choice.onlyFailed = true
    #expect(ids(listing.filtered(choice).jobs) == "10_4\n40\n")
    choice.states = [.failed]
    #expect(ids(listing.filtered(choice).jobs) == "10_4\n")
    choice = JobChoice()
    choice.states = [.pending]
    let pending = listing.filtered(choice)
    #expect(pending.runs.map(\.prefix) == ["a_"] && ids(pending.jobs) == "10_[5-9,20]\n")
    choice.states = [.outOfMemory]
    #expect(listing.filtered(choice).text == "")
    #expect(listing.filtered(JobChoice()).runs.count == 2)
  }

  /// No such jobs, and jobs that are not known, are different results.
  @Test func runsWhoseJobsAreNotKnownStay() {
    let runs = JobListing([
      .init(prefix: "a_", runID: nil, jobs: [job(1, .running)]),
      .init(prefix: "b_", runID: nil, jobs: [], problem: "no answer"),
      .init(prefix: "c_", runID: nil, jobs: [job(2, .completed)], unreadableJobs: 2),
      .init(prefix: "d_", runID: nil, jobs: []),
    ])
    var choice = JobChoice()
    choice.states = [.failed]
    #expect(
      runs.filtered(choice).text == """
        b_: whether it has such Slurm jobs is not known: no answer

        c_: no such Slurm jobs are known, but there are 2 that cannot be read

        """)
  }
}
