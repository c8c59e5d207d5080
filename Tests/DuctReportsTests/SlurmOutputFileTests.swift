import SlurmJobs
import TestSupport
import Testing

@testable import DuctReports

/// Jobs by the names of their output files.
@Suite struct SlurmOutputFileTests {
  @Test func defaultNamesOfSlurm() {
    #expect(SlurmOutputFiles.job(named: "slurm-118.out") == .init(id: 118))
    #expect(SlurmOutputFiles.job(named: "slurm-200_3.out") == .init(id: 200, task: 3))
    for name in [
      "slurm-.out", "slurm-0.out", "slurm-1_.out", "slurm-1_2_3.out", "slurm-1.out.gz", "slurm-x.out",
      "a-1.out",
      "slurm-1_4294967294000.out", "slurm-99999999999.out", "slurm-+1.out",
    ] {
      #expect(SlurmOutputFiles.job(named: name) == nil, "\(name)")
    }
  }

  @Test func filesDirectoriesAndWhatIsLeftForRecords() throws {
    let sandbox = try Sandbox()
    for name in ["a", "b", "c", "d"] { try sandbox.makeDirectory(name) }
    for name in [
      "a/slurm-1.out", "a/slurm-2_7.out", "b/slurm-3.out", "b/x_info.json", "c/other", "slurm-4.out",
    ] {
      try sandbox.write("x", to: name)
    }
    try sandbox.makeDirectory("d/slurm-5.out")
    let names = ["a", "b/", "c", "slurm-4.out", "slurm-9.out", "d", "missing"].map { sandbox[$0].string }
    var files = SlurmOutputFiles(names) { $0.hasSuffix("info.json") }
    #expect(files.jobs.ids == [1, 2, 3, 4])
    #expect(files.others == [names[1], names[2], names[4], names[5], names[6]])
    #expect(files.files[.init(id: 3)]?.path.hasSuffix("b/slurm-3.out") == true)
    var known = JobRecord(state: .completed)
    (known.jobID, known.arrayJobID, known.arrayTaskID) = (9, 2, 7)
    files.leaveOut([known])
    #expect(files.jobs.ids == [1, 3, 4])
  }
}
