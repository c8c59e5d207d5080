import RecordText
import Testing

@testable import SlurmJobs

/// A record reads the members that it writes. `duct-slurm` prints its answer, and duct reads it.
@Suite struct RecordMemberTests {
  private func isReadAsWritten<Value: Record & Equatable>(_ value: Value) throws {
    #expect(try Value(json: value.json()) == value)
  }

  @Test func withoutValues() throws {
    try isReadAsWritten(OutputPaths())
    try isReadAsWritten(JobScope())
    try isReadAsWritten(JobRecord())
    try isReadAsWritten(JobRun())
    try isReadAsWritten(SubmittedJob())
    try isReadAsWritten(ClusterConfiguration())
    try isReadAsWritten(SlurmFailure())
    try isReadAsWritten(SlurmAnswer())
    try isReadAsWritten(SlurmQuestion())
  }

  @Test func withValues() throws {
    var paths = OutputPaths(stdout: "%A_%a.out", stderr: "e")
    (paths.rules, paths.nodeName, paths.mayBeFilledIn) = (.since2511, "n1", true)
    try isReadAsWritten(paths)

    var job = SubmittedJob(record: JobRecord(state: .running))
    (job.uid, job.wckey, job.allocSID, job.allocNode, job.outputPaths) = (3, "*", 7, "login", paths)
    try isReadAsWritten(job)

    var answer = SlurmAnswer()
    (answer.jobs, answer.controllerTime, answer.hostNames) = ([job], 9, ["login"])
    try isReadAsWritten(answer)
  }
}
