import RecordText
import Testing

@testable import ProcessSampling
@testable import DuctRecords

@Suite struct PeakIntervalsTests {
  /// The peak of looks, each with seconds and processor seconds since the one before; of the last one last.
  private func peak(_ looks: [(Double, Double)], sampleInterval: Double = 1) -> Double? {
    var intervals = PeakIntervals(sampleInterval: sampleInterval)
    var time = PeakTime()
    var peak: Double?
    for (number, (seconds, used)) in looks.enumerated() {
      let use = intervals.use(seconds, isLast: number == looks.count - 1)
      peak = larger(peak, time.percent(Int64(used * 1e9), use)).map(rounded)
    }
    return peak
  }

  @Test func theFirstMillisecondsAreNoPeak() {
    // A command that sleeps, and its start.
    #expect(peak([(0.003, 0.0005), (0.997, 0), (1, 0), (0.001, 0)]) == 0.05)
    // One thread, looked at by two clocks.
    #expect(peak([(0.003, 0.0031), (0.997, 0.9969), (1, 1), (0.002, 0.0021)]) == 100.01)
  }

  @Test func longOnesArePeaksOfTheirOwn() {
    #expect(peak([(1, 0.5), (1, 1.5), (0.5, 0.1)]) == 150)
    #expect(peak([(0.1, 0.1), (0.9, 0)]) == 100)
    #expect(peak([(0.05, 0), (0.05, 0.1), (1, 0)]) == 100)
  }

  @Test func aLastOneThatIsShortIsJoinedWithTheOneBefore() {
    #expect(peak([(1, 0.5), (0.05, 0.55)]) == 100)
    #expect(peak([(1, 1), (0.05, 0)]) == 100)
  }

  @Test func runsThatAreShortAltogetherHaveAPeak() {
    #expect(peak([(0.03, 0.015)], sampleInterval: 60) == 50)
    #expect(peak([(0.003, 0), (0.027, 0.015)], sampleInterval: 60) == 50)
  }
}
