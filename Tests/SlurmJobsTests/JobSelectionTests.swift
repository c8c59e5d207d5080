import SlurmJobs
import Testing

/// Jobs by id, as a command line names them.
@Suite struct JobSelectionTests {
  private func job(_ id: UInt32?, array: UInt32? = nil, task: UInt32? = nil, het: UInt32? = nil) -> JobRecord
  {
    var job = JobRecord(state: .completed)
    (job.jobID, job.arrayJobID, job.arrayTaskID) = (id, array, task)
    (job.hetJobID, job.hetJobOffset) = (het, het.flatMap { first in id.map { $0 - first } })
    return job
  }

  @Test func whatIsSelected() throws {
    let selection = try JobSelection("118, 200_[1-3,9:1],300+1,400_7")
    #expect(selection.ids == [118, 200, 300, 400])
    #expect(selection.contains(job(118)) && selection.contains(job(120, array: 118, task: 5)))
    #expect(
      selection.contains(job(nil, array: 200, task: 9)) && !selection.contains(job(nil, array: 200, task: 4)))
    #expect(!selection.contains(job(200)) && !selection.contains(job(119)))
    #expect(selection.contains(job(301, het: 300)) && !selection.contains(job(300, het: 300)))
    var waiting = job(400, array: 400)
    waiting.arrayTasks = "5-9%2"
    #expect(selection.contains(waiting))
    waiting.arrayTasks = "8-9"
    #expect(!selection.contains(waiting))
  }

  @Test func whatIsMissingIsNamedAsWritten() throws {
    let selection = try JobSelection("118,200_[1-3],300+1")
    #expect(selection.missing(in: [job(118), job(201, array: 200, task: 2)]) == ["300+1"])
    #expect(selection.missing(in: [job(300, het: 300)]) == ["118", "200_[1-3]", "300+1"])
  }

  /// A directory can have an output file for each task.
  @Test func manyTasks() {
    var selection = JobSelection()
    for task in UInt32(0)..<50_000 { selection.add(200, task: task) }
    selection.add(200, task: 4_000_000_000)
    let jobs = (UInt32(1)..<50_001).map { job(nil, array: 200, task: $0) }
    #expect(jobs.count { selection.contains($0) } == 49_999)
    #expect(selection.missing(in: jobs) == ["200_0"])
  }

  @Test(arguments: [
    "", ",", "0", "-1", "118_", "118_[", "118_[]", "118+", "118.0", "1_[1-5%2]", "118_x", "1 2 x", "٣",
    "1_4294967295",
  ])
  func noIds(_ text: String) { #expect(throws: (any Error).self) { try JobSelection(text) } }
}
