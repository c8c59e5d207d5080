import Testing

@testable import SlurmJobs

/// The expected names are those of files that slurmd of 22.05, 24.11 and 26.05 created for these patterns.
@Suite struct OutputPathsTests {
  private func path(
    _ pattern: String?, id: UInt32? = 7, array: UInt32? = nil, task: UInt32? = nil, node: String? = "vm",
    _ rules: OutputPaths.Rules = .upTo2311
  ) -> String? {
    var record = JobRecord(state: .running)
    (record.jobID, record.arrayJobID, record.arrayTaskID) = (id, array, task)
    (record.name, record.user, record.workingDir) = ("na me", "root", "/w")
    var paths = OutputPaths(stdout: pattern, stderr: nil)
    paths.nodeName = node
    (paths.rules, paths.mayBeFilledIn) = (rules, rules >= .since2405)
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
      ("\\%j", "%j"), ("%1000j.o", "0000000007.o"), ("e1.o", "e1.o"), ("B%5q", "B5q"), ("C%q%", "C%q%"),
      ("D%10%", "D0%"), ("E%5%x", "E5na me"), ("F%5%%j", "F5%j"), ("L%%%j", "L%7"), ("M%5%%%j", "M5%7"),
      ("P%5u%3", "Proot3"), ("R%-5j", "R%-5j"), ("S%5J%3A", "S00007007"), ("A%r-%3r-%5S", "A%r-3r-5S"),
    ])
  func asTheNodeFillsThemIn(_ pattern: String, _ name: String) {
    #expect(path(pattern) == "/w/\(name)")
    #expect(pattern.contains("%b") || path(pattern, .since2405) == "/w/\(name)")
  }

  @Test(
    arguments: [
      ("A%5", "A%5"), ("B%5q", "B%5q"), ("C%q%", "C%q"), ("D%10%", "D%10%"), ("E%5%x", "E%5%x"),
      ("F%5%%j", "F%5%7"), ("G%12j%", "G0000000007"), ("I%N-%5N", "In3-n3"), ("K%5x", "Kna me"),
      ("L%%%j", "L%7"), ("M%5%%%j", "M%5%%j"), ("N%%5j", "N%5j"), ("P%5u%3", "Proot%3"),
      ("Q%3b%12b", "Q0040000000004"), ("R%-5j", "R%-5j"), ("S%5J%3A", "S00007007"), ("A%r-%3r", "A0-000"),
      ("D%c-%i-%W-%m", "D%c-%i-%W-%m"), ("E%\\%j", "E%%j"),
    ])
  func asTheNodeFillsThemInSince2511(_ pattern: String, _ name: String) {
    #expect(path(pattern, node: "n3", .since2511) == "/w/\(name)")
  }

  @Test func rulesOfReleases() {
    func rules(_ version: String) -> OutputPaths.Rules? { SlurmRelease(version: version).map { .init($0) } }
    #expect(rules("slurm-wlm 22.05.8\n") == .upTo2311 && rules("slurm 23.11.10") == .upTo2311)
    #expect(rules("24.05.0") == .since2405 && rules("25.05.3-2") == .since2405)
    #expect(rules("slurm 25.11.0") == .since2511 && rules("slurm-wlm 26.05.5") == .since2511)
    #expect(SlurmRelease(protocolVersion: 10752) == SlurmRelease(24, 11))
    #expect(SlurmRelease(protocolVersion: 45 << 8) == SlurmRelease(26, 5))
    #expect(
      SlurmRelease(protocolVersion: 9728) == SlurmRelease(22, 5) && SlurmRelease(protocolVersion: 7) == nil)
    #expect(rules("Slurm") == nil && "\(SlurmRelease(24, 5))" == "24.05")
  }

  @Test(arguments: [
    ("n[03-05,7],m1", "n03"), ("n1", "n1"), ("a-[2]-ib,b", "a-2-ib"), ("r[1-2]n[1-4]", "r1n1"),
    ("m,n[1-2]", "m"),
  ])
  func theFirstNodeOfAccounting(_ nodes: String, _ first: String) {
    var job = SlurmJobFields(jobID: 1, state: .completed)
    job.nodes = nodes
    let later = OutputPaths(accounted: "o", nil, of: job, release: SlurmRelease(25, 11))
    #expect(later?.nodeName == first)
    #expect(OutputPaths(accounted: "o", nil, of: job, release: SlurmRelease(25, 5))?.nodeName == nil)
  }

  @Test func ofTasks() {
    #expect(path("b%b-%a-%3a-%%-%q.o", id: 4, array: 4, task: 12) == "/w/b%b-12-012-%-%q.o")
    #expect(path("b%b-%2b.o", id: 4, array: 4, task: 12, .since2405) == "/w/b2-02.o")
    #expect(path("%A_%a_%4A_%2a.o", id: 12, array: 11, task: 3) == "/w/11_3_0011_03.o")
    #expect(path(nil, id: 12, array: 11, task: 3) == "/w/slurm-11_3.out")
    #expect(path(nil) == "/w/slurm-7.out")
    #expect(path("/abs/%j") == "/abs/7")
  }

  /// The path is nil if a pattern needs a value that is not known yet.
  @Test func whatIsNotKnownYetIsNotMadeUp() {
    #expect(path("%j.o", id: nil, array: 11, task: 3) == nil, "a task gets its id when it starts")
    #expect(path("%A-%a.o", id: nil, array: 11, task: 3) == "/w/11-3.o")
    #expect(path("%N.o", node: nil) == nil)
    #expect(path("%S.o", .since2511) == nil)
    #expect(path(nil, array: 7) == nil && path("%A.o", array: 7) == "/w/7.o", "one record of several tasks")
    #expect(path("/w/slurm-7_4294967294.out", array: 7, .since2405) == nil)
    #expect(path("\\%N.o", node: nil) == "/w/%N.o")
  }

  /// Slurm has expanded the pattern for the whole array, with 4294967294 in place of the task.
  @Test func filledInBySlurmForAWholeArray() {
    func later(_ pattern: String) -> String? { path(pattern, id: nil, array: 11, task: 3, .since2405) }
    #expect(later("/w/slurm-11_4294967294.out") == "/w/slurm-11_3.out")
    #expect(later("/w/o-4294967294.out") == nil, "the task's number may be padded")
    #expect(later("/w/o-00011.out") == nil && later("/w/all.out") == "/w/all.out")
    #expect(later("/w/o-11-4294967294.out") == nil, "it may be %j")
  }
}
