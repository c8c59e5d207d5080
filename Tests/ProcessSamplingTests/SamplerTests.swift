import SystemCalls
import Testing

@testable import ProcessSampling
@testable import DuctRecords

@Suite struct UsageTests {
  private func totals(_ pcpu: Double, _ rss: Int, pss: Int? = nil) -> UsageTotals {
    var totals = UsageTotals(pmem: 0.5, pcpu: pcpu, rss: rss, vsz: rss * 2)
    totals.pss = pss
    return totals
  }

  @Test func peaksAreOfEach() {
    let peak = totals(10, 300, pss: 7).peak(totals(20, 100)).peak(totals(0, 0, pss: 9))
    #expect(peak == totals(20, 300, pss: 9).peak(totals(20, 300)))
  }

  @Test func processorTimeIsWeighedByTime() {
    var averages = UsageAverages()
    averages.add(totals(100, 100), seconds: 1)
    averages.add(totals(0, 300), seconds: 3)
    // Only a zombie is left.
    averages.add(totals(50, 0), seconds: 0)
    #expect(averages.pcpu == 25 && averages.rss == 200 && averages.sampleCount == 3)
  }
}

@Suite struct SamplerTests {
  private struct Seen: Sendable {
    var samples = 0
    var without = 0
    var reported = 0
    var hasEnded = false
  }

  /// A sample that finds no process is not counted.
  @Test func aSampleThatFindsNoProcessIsNotCounted() throws {
    let children = ChildProcesses(reaping: .byWaiters)
    let root = try children.start(
      Program(path: Array("/bin/sleep".utf8), arguments: ["sleep", "60"].map { Array($0.utf8) }))
    let seen = Monitor(Seen())
    let sampler = try Sampler(
      .init(
        .command(pid: root, session: root, isShared: false), start: .now, sampleInterval: 0.01,
        reportInterval: 0.02, redaction: Redaction(recorded: nil), environment: [:]),
      // The other children of this process are those of other tests.
      .init(isHelper: { $0 != root }, reaped: { 0 }, gpus: { [:] }),
      .init(
        sample: { sample, _ in seen.update { if sample == nil { $0.without += 1 } else { $0.samples += 1 } }
        },
        report: { report, _ in seen.update { $0.reported += report.sampleCount } },
        tree: { _ in }, ended: { seen.update { $0.hasEnded = true } }))
    #expect(seen.wait(until: .now + 60) { $0.samples > 5 ? true : nil } == true)
    children.end(root)
    #expect(seen.wait(until: .now + 60) { $0.without > 2 ? true : nil } == true)
    #expect(sampler.finish(until: .now + 60))
    #expect(seen.wait(until: .now + 60) { $0.hasEnded ? true : nil } == true)
    seen.withLock { #expect($0.reported == $0.samples) }
  }
}
