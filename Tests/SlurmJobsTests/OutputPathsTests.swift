import Testing

@testable import SlurmJobs

/// The expected names are those of files that slurmd 22.05 made for these patterns.
@Suite struct OutputPathsTests {
  private func path(
    _ pattern: String?, id: UInt32? = 7, array: UInt32? = nil, task: UInt32? = nil, host: String? = "vm",
    isLater: Bool = false
  ) -> String? {
    var record = JobRecord(state: .running)
    (record.jobID, record.arrayJobID, record.arrayTaskID) = (id, array, task)
    (record.name, record.user, record.workingDir) = ("na me", "root", "/w")
    var paths = OutputPaths(stdout: pattern, stderr: nil)
    paths.hostName = host
    (paths.hasTaskDigit, paths.mayBeFilledIn) = (isLater, isLater)
    paths.set(&record)
    #expect(record.stderrPath == record.stdoutPath)
    return record.stdoutPath
  }

  @Test(
    arguments: [
      ("%x-%N.log", "na me-vm.log"), ("z-%5j-%n-%t-%s.o", "z-00007-0-0-batch.o"), ("%A-%J.out", "7-7.out"),
      ("a\\%j-%x.o", "a%j-%x.o"), ("a\\\\%j.o", "a\\%j.o"),
      ("%12j-%05j-%5x-%5u-%3N.o", "0000000007-00007-na me-root-vm.o"),
      ("%j%", "7%"), ("end-%5", "end-5"), ("plain-%b-%a.o", "plain-%b-4294967294.o"),
      ("%i-%W-%c-%r.o", "%i-%W-%c-%r.o"), ("%%j-%%5j.o", "%j-%5j.o"), ("sp  ace %u.o", "sp  ace root.o"),
      ("\\%j", "%j"), ("%1000j.o", "0000000007.o"), ("e1.o", "e1.o"),
    ])
  func asTheNodeFillsThemIn(_ pattern: String, _ name: String) { #expect(path(pattern) == "/w/\(name)") }

  @Test func ofTasks() {
    #expect(path("b%b-%a-%3a-%%-%q.o", id: 4, array: 4, task: 12) == "/w/b%b-12-012-%-%q.o")
    #expect(path("b%b-%2b.o", id: 4, array: 4, task: 12, isLater: true) == "/w/b2-02.o")
    #expect(path("%A_%a_%4A_%2a.o", id: 12, array: 11, task: 3) == "/w/11_3_0011_03.o")
    #expect(path(nil, id: 12, array: 11, task: 3) == "/w/slurm-11_3.out")
    #expect(path(nil) == "/w/slurm-7.out")
    #expect(path("/abs/%j") == "/abs/7")
  }

  @Test func whatIsNotKnownYetIsNotMadeUp() {
    #expect(path("%j.o", id: nil, array: 11, task: 3) == nil, "a task gets its id when it starts")
    #expect(path("%A-%a.o", id: nil, array: 11, task: 3) == "/w/11-3.o")
    #expect(path("%N.o", host: nil) == nil)
    #expect(path(nil, array: 7) == nil && path("%A.o", array: 7) == "/w/7.o", "one record of several tasks")
    #expect(path("/w/slurm-7_4294967294.out", array: 7, isLater: true) == nil)
    #expect(path("\\%N.o", host: nil) == "/w/%N.o")
  }

  @Test func filledInBySlurmForAWholeArray() {
    func later(_ pattern: String) -> String? { path(pattern, id: nil, array: 11, task: 3, isLater: true) }
    #expect(later("/w/slurm-11_4294967294.out") == "/w/slurm-11_3.out")
    #expect(later("/w/o-4294967294.out") == "/w/o-3.out")
    #expect(later("/w/o-11-4294967294.out") == nil, "it may be %j")
  }
}
