import RecordText
import Testing

@testable import ProcessSampling
@testable import DuctRecords

@Suite struct PeakIntervalsTests {
  /// Percent after each of a series of samples, each with the seconds and the CPU seconds since the previous one. Nil
  /// if the interval is too short.
  private func percents(_ samples: [(Double, Double)], sampleInterval: Double = 1) -> [Double?] {
    var intervals = PeakIntervals(sampleInterval: sampleInterval)
    var time = PeakTime()
    return samples.enumerated().map { number, sample in
      let use = intervals.use(sample.0, isLast: number == samples.count - 1)
      return time.percent(Int64(sample.1 * 1e9), use).map(rounded)
    }
  }

  private func peak(_ samples: [(Double, Double)], sampleInterval: Double = 1) -> Double? {
    percents(samples, sampleInterval: sampleInterval).reduce(nil) { larger($0, $1) }
  }

  /// The example in the comment of `PeakIntervals`.
  @Test func theWorkedExample() {
    let samples = [(0.003, 0.0005), (0.997, 0.4995), (1, 0.9), (0.025, 0.02)]
    #expect(percents(samples) == [nil, 50, 90, 89.76])
  }

  @Test func theFirstMillisecondsAreNoPeak() {
    // The start of a command that then sleeps.
    #expect(peak([(0.003, 0.0005), (0.997, 0), (1, 0), (0.001, 0)]) == 0.05)
    // One thread that runs all the time, measured by two clocks.
    #expect(peak([(0.003, 0.0031), (0.997, 0.9969), (1, 1), (0.002, 0.0021)]) == 100.01)
  }

  /// Intervals that are long enough each count as a peak of their own.
  @Test func longOnesArePeaksOfTheirOwn() {
    #expect(peak([(1, 0.5), (1, 1.5), (0.5, 0.1)]) == 150)
    #expect(peak([(0.1, 0.1), (0.9, 0)]) == 100)
    #expect(peak([(0.05, 0), (0.05, 0.1), (1, 0)]) == 100)
  }

  /// A short last interval is joined with the previous one.
  @Test func aLastOneThatIsShortIsJoinedWithTheOneBefore() {
    #expect(peak([(1, 0.5), (0.05, 0.55)]) == 100)
    #expect(peak([(1, 1), (0.05, 0)]) == 100)
  }

  @Test func runsThatAreShortAltogetherHaveAPeak() {
    #expect(peak([(0.03, 0.015)], sampleInterval: 60) == 50)
    #expect(peak([(0.003, 0), (0.027, 0.015)], sampleInterval: 60) == 50)
  }
}
