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

  @Test func idsAreThoseOfScancelAndEachIsThereOnce() {
    #expect(listing.ids == "10_4\n10_[5-9,20]\n30+1\n40\n41\n")
    #expect(JobListing([]).ids == "")
  }

  @Test func onlyWhatIsWanted() {
    #expect(listing.filtered(\.hasFailed).ids == "10_4\n40\n")
    let pending = listing.filtered { $0.state == .pending }
    #expect(pending.runs.map(\.prefix) == ["a_"] && pending.ids == "10_[5-9,20]\n")
    #expect(listing.filtered { _ in false }.text == "")
  }
}
