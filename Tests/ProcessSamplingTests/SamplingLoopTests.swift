import SystemCalls
import TestSupport
import Testing

@testable import DuctRecords
@testable import ProcessSampling

/// The sampling loop on a recorded tree, one sample after the other.
@Suite struct SamplingLoopTests {
  private let sandbox: Sandbox
  private let tree: RecordedTree

  init() throws {
    sandbox = try Sandbox()
    tree = try RecordedTree("linux-3.10-slurm", in: sandbox)
  }

  /// Numbers of processes in each report of a run with `samples` samples between the first and the last one. No report
  /// is due in that time.
  ///
  /// - Parameter change: called before each of them.
  private func reports(samples: Int, mostGone: Int, change: (Int) throws -> Void = { _ in }) throws -> [Int] {
    let reports = Monitor<[Int]>([])
    var loop = SamplingLoop(
      .init(
        .command(pid: 4215, session: 4215, isShared: false), start: .now, sampleInterval: 0.001,
        reportInterval: 1000, redaction: Redaction(recorded: nil), environment: [:]),
      .init(isHelper: { _ in false }, reaped: { 0 }, gpus: { [:] }),
      .init(
        sample: { _, _ in },
        report: { report, _ in reports.update { $0.append(report.processes.members.count) } },
        tree: { _ in }, ended: {}),
      files: ProcFiles(root: tree.root, ownPID: 4210), host: RecordedTreeTests.host, mostGone: mostGone)
    var waits = 0
    var failure: (any Error)?
    loop.run { _ in
      waits += 1
      // The first wait is for the first sample.
      if waits == 1 { return false }
      if waits > samples + 1 { return true }
      do { try change(waits - 1) } catch { failure = error }
      return false
    }
    if let failure { throw failure }
    return reports.withLock { $0 }
  }

  private func start(_ pids: ClosedRange<Int32>) throws {
    let stat = try tree.text("proc/4220/stat")
    for pid in pids {
      try tree.write(stat.replacing("4220 (python)", with: "\(pid) (worker)"), to: "proc/\(pid)/stat")
    }
    try tree.write("0.12 0.30 0.25 3/412 \(pids.upperBound)\n", to: "proc/loadavg")
  }

  /// More living processes than `mostGone` are reported only when a report is due.
  @Test func manyLivingProcessesMakeNoReports() throws {
    try start(4221...4229)
    #expect(try reports(samples: 5, mostGone: 4) == [11, 11])
  }

  /// Processes that have gone are reported early, and only once.
  @Test func manyProcessesThatHaveGoneAreReportedEarly() throws {
    try start(4221...4229)
    let counts = try reports(samples: 5, mostGone: 4) { number in
      if number == 2 { for pid in 4221...4223 { try tree.removeProcess(Int32(pid)) } }
      if number == 4 { for pid in 4224...4225 { try tree.removeProcess(Int32(pid)) } }
    }
    #expect(counts == [11, 11, 6])
  }
}
