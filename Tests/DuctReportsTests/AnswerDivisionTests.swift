import SlurmJobs
import Testing

@testable import DuctReports

/// Each run gets the jobs of an answer that can be its own, and no others.
@Suite struct AnswerDivisionTests {
  private func submitted(_ id: UInt32, tag: String? = nil, array: UInt32? = nil, het: UInt32? = nil)
    -> SubmittedJob
  {
    var record = JobRecord(state: .completed)
    (record.jobID, record.arrayJobID, record.hetJobID) = (id, array, het)
    var job = SubmittedJob(record: record)
    job.wckey = tag
    return job
  }

  private func ledger(_ ids: UInt32..., array: UInt32? = nil) -> JobLedger {
    JobLedger(
      ids.map { id in
        var record = JobRecord(state: .running)
        (record.jobID, record.arrayJobID, record.arrayTaskID) = (id, array, array.map { _ in 0 })
        return record
      })
  }

  @Test func byTagAndById() {
    var answer = SlurmAnswer()
    answer.controllerTime = 7
    answer.jobs = [
      submitted(1, tag: "duct-a"), submitted(2, tag: "*duct-b"), submitted(3), submitted(4, tag: "duct-c"),
      submitted(12, array: 10), submitted(10), submitted(21, het: 20), submitted(5, tag: "duct-a"),
    ]
    let parts = AnswerDivision.parts(
      of: answer, ["duct-a", "duct-b", nil],
      [ledger(5, 1), ledger(11, 20, array: 10), ledger(3, 1)])
    #expect(parts.map { $0.jobs.map { $0.record.jobID } } == [[1, 5], [2, 12, 10, 21], [1, 3]])
    #expect(parts.map(\.controllerTime) == [7, 7, 7])
  }

  @Test func oneRunGetsTheWholeAnswer() {
    var answer = SlurmAnswer()
    answer.jobs = [submitted(1), submitted(2)]
    #expect(AnswerDivision.parts(of: answer, [nil], [JobLedger()]) == [answer])
  }
}
