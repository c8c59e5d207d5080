import RecordText
import TestSupport
import Testing

@testable import DuctReports

/// A job for pictures: seconds after a moment that is the start of an hour in most time zones.
func pictureJob(
  _ id: String = "1", _ outcome: JobOutcome = .succeeded, submitted: Int? = nil, started: Int? = nil,
  ended: Int? = nil, count: Int = 1, isFailure: Bool = false, name: String? = nil, waitSeconds: Int? = nil
) -> JobSpan {
  JobSpan(
    id: id, name: name, outcome: outcome, isFailure: isFailure, count: count,
    submitted: submitted.map { pictureStart + $0 }, started: started.map { pictureStart + $0 },
    ended: ended.map { pictureStart + $0 }, seen: Double(pictureStart + 1000), waitSeconds: waitSeconds)
}
let pictureStart = 1_700_006_400

private func at(_ seconds: Double) -> Double { Double(pictureStart) + seconds }

@Suite struct JobSpanTests {
  @Test func whenAJobWaitsAndRuns() {
    let job = pictureJob(submitted: 0, started: 10, ended: 30)
    #expect(job.waiting == at(0)...at(10) && job.running == at(10)...at(30))
    let waits = pictureJob(outcome(.waiting), submitted: 5)
    #expect(waits.waiting == at(5)...at(1000) && waits.running == nil)
    let runs = pictureJob(outcome(.running), submitted: 5, started: 8)
    #expect(runs.waiting == at(5)...at(8) && runs.running == at(8)...at(1000))
    let never = pictureJob(outcome(.cancelled), submitted: 5, ended: 7)
    #expect(never.waiting == at(5)...at(7) && never.running == nil && never.last == at(7))
    let nothing = pictureJob(outcome(.cancelled))
    #expect(nothing.first == nil && nothing.last == nil)
  }

  private func outcome(_ outcome: JobOutcome) -> JobOutcome { outcome }

  private func pictureJob(
    _ outcome: JobOutcome = .succeeded, submitted: Int? = nil, started: Int? = nil, ended: Int? = nil
  ) -> JobSpan {
    DuctReportsTests.pictureJob("1", outcome, submitted: submitted, started: started, ended: ended)
  }

  /// A record can contain any number.
  @Test func timesThatCannotBe() {
    let backwards = pictureJob(submitted: 20, started: 10, ended: 5)
    #expect(backwards.waiting == at(20)...at(20) && backwards.running == at(10)...at(10))
    let wild = JobSpan(
      id: "1", name: nil, outcome: .failed, isFailure: true, count: .max, submitted: .min, started: .max,
      ended: -3, seen: .nan)
    #expect(wild.waiting == nil && wild.running == nil && wild.count == 100_000_000)
    #expect(RunSpan(label: "x", started: .infinity, ended: 3, hasFailed: nil) == nil)
    #expect(RunSpan(label: "x", started: 100, ended: .nan, hasFailed: nil)?.time == 100...100)
  }
}

@Suite struct TimeAxisTests {
  @Test func placesAndColumns() throws {
    let axis = try #require(TimeAxis([at(0)...at(50), at(20)...at(100)]))
    #expect(axis.range == at(0)...at(100))
    #expect(axis.place(at(25)) == 0.25 && axis.place(at(-5)) == 0 && axis.place(at(1e12)) == 1)
    #expect(axis.column(at(99.9), of: 10) == 9 && axis.column(at(100), of: 10) == 9)
    #expect(axis.column(at(10), of: 10) == 1 && axis.time(ofColumn: 3, of: 10) == at(30))
    #expect(TimeAxis([ClosedRange<Double>]()) == nil)
  }

  @Test func ticksAreWhatPeopleCountIn() throws {
    let hour = try #require(TimeAxis([at(0)...at(3600)]))
    #expect(hour.ticks.count == 7)
    #expect(hour.ticks.map(\.place) == (0...6).map { Double($0) / 6 })
    #expect(hour.ticks[1].label.hasSuffix(":10") && hour.ticks[2].label.hasSuffix(":20"))
    let moment = try #require(TimeAxis([at(0)...at(0)]))
    #expect(moment.seconds == 1 && moment.ticks.count == 2)
    let days = try #require(TimeAxis([at(0)...at(5 * 86400)]))
    #expect(days.ticks.allSatisfy { $0.label.split(separator: "-").count == 2 }, "\(days.ticks)")
    let ages = try #require(TimeAxis([1...7e9]))
    #expect((1...7).contains(ages.ticks.count) && ages.ticks.allSatisfy { $0.label.count == 4 })
  }

  @Test func lengthsInWords() {
    #expect(
      [0, 119.6, 150, 3600, 4020, 172_800, 270_000].map(lengthWords) == [
        "0 s", "2 min", "2 min", "1 h", "1 h 7 min", "2 d", "3 d 3 h",
      ])
    #expect(lengthWords(.nan) == "0 s" && lengthWords(1e300).hasSuffix(" h"))
  }
}

@Suite struct QueueCurveTests {
  /// A job that starts when another ends does not run beside it.
  @Test func whatRanInEachColumn() throws {
    let jobs = [
      pictureJob("a", submitted: 0, started: 0, ended: 10),
      pictureJob("b", submitted: 0, started: 10, ended: 20),
      pictureJob("c", submitted: 2, started: 5, ended: 15),
    ]
    let curve = try #require(QueueCurve(jobs, columns: 20))
    let running = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    #expect(curve.running == running)
    // a waits for no time: at its moment, it counts.
    #expect(curve.waiting == [2, 1, 2, 2, 2, 1, 1, 1, 1, 1] + [Int](repeating: 0, count: 10))
    #expect(curve.mostRunningAt == at(5) && curve.mostWaitingAt == at(0))
    #expect(curve.words[0].hasPrefix("At most 2 jobs ran at once, first at "))
  }

  /// The columns keep the largest values: no peak is lost, however short it is.
  @Test func aShortPeakIsKept() throws {
    var jobs = [pictureJob("long", started: 0, ended: 100_000)]
    jobs += (0..<500).map { pictureJob("\($0)", started: 50_000, ended: 50_001) }
    jobs.append(pictureJob("array", .waiting, submitted: 10, count: 70_000))
    let curve = try #require(QueueCurve(jobs, columns: 100))
    #expect(curve.running.max() == 501 && curve.running.count { $0 > 1 } == 1)
    #expect(curve.waiting.max() == 70_000)
    #expect(curve.panels[0].top == "501" && curve.panels[1].top == "70,000")
  }

  @Test func nothingIsNoPicture() {
    #expect(QueueCurve([]) == nil && QueueCurve([pictureJob()]) == nil)
  }
}

@Suite struct TimelineTests {
  @Test func theOrderIsThatOfTheBeginning() throws {
    let run = try #require(RunSpan(label: "sh run", started: at(-5), ended: at(60), hasFailed: false))
    let timeline = try #require(
      Timeline(
        [
          pictureJob("2", .failed, submitted: 10, started: 20, ended: 30, isFailure: true),
          pictureJob("1", submitted: 0, started: 1, ended: 50), pictureJob("3", .cancelled),
        ], runs: [run]))
    #expect(timeline.jobs.map(\.id) == ["1", "2"] && timeline.unknown == 1)
    #expect(timeline.axis.range == at(-5)...at(60) && timeline.counts == [.failed: 1, .succeeded: 1])
    #expect(timeline.words.contains("Of them: 1 ended well, 1 failed."))
    #expect(timeline.words.contains("Of 1 job, no time is known."))
    #expect(timeline.words.contains { $0.hasPrefix("The failure was at ") })
  }

  /// Each cell counts what waits, runs and ends in its time.
  @Test func cellsOfBands() throws {
    let jobs = [
      pictureJob("1", submitted: 0, started: 20, ended: 50),
      pictureJob("2", .failed, submitted: 0, started: 30, ended: 41, isFailure: true),
      pictureJob("3", .running, submitted: 10, started: 99),
    ]
    let axis = try #require(TimeAxis([at(0)...at(100)]))
    let bands = TimelineBands(jobs, axis, rows: 1, columns: 10).bands
    #expect(bands.count == 1 && bands[0].count == 3)
    #expect(bands[0].cells.map(\.waiting) == [2, 3, 3, 2, 1, 1, 1, 1, 1, 1])
    #expect(bands[0].cells.map(\.running) == [0, 0, 1, 2, 2, 1, 0, 0, 0, 1])
    #expect(bands[0].cells.map(\.ended) == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0])
    #expect(bands[0].cells.map(\.failed) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    #expect(TimelineBands(jobs, axis, rows: 2, columns: 10).bands.map(\.count) == [1, 2])
    #expect(TimelineBands([], axis, rows: 40, columns: 10).bands.map(\.count) == [0])
  }

  /// One failure among a thousand successes of the same time is seen.
  @Test func successesHideNoFailure() throws {
    var jobs = (0..<1000).map { pictureJob("\($0)", submitted: 0, started: $0 / 10, ended: $0 / 10 + 50) }
    #expect(
      try #require(Timeline(jobs, runs: [])).blocks(width: 100).dropLast().contains { $0.contains("✗") }
        == false)
    jobs[500] = pictureJob("500", .failed, submitted: 0, started: 50, ended: 100, isFailure: true)
    let timeline = try #require(Timeline(jobs, runs: []))
    #expect(!timeline.showsBars)
    #expect(timeline.blocks(width: 100).dropLast().joined().filter { $0 == "✗" }.count == 1)
    #expect(timeline.svg.contains("class=\"s-failures\" d=\"M"))
  }
}

@Suite struct ShareDistributionTests {
  private func distribution(_ shares: [Double?]) -> ShareDistribution? {
    ShareDistribution(name: "memory", title: "Memory", asked: "what it asked for", shares.map { ($0, 1) })
  }

  @Test func stepsOfATenth() throws {
    let shares = try #require(distribution([0, 0.05, 0.1, 0.95, 1, 1.001, 30, nil, .nan, -1, .infinity]))
    #expect(shares.counts == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2] && shares.unknown == 4)
    #expect(shares.median == 0.95 && shares.largest == 30)
    #expect(
      shares.words == [
        "Half of 7 jobs used less than 95 % of what it asked for, the largest 3000 %.",
        "2 used more than all of it.", "Of 4 jobs, it is not known.",
      ])
    #expect(shares.blocks(width: 20) == ["0 % │█▄       █│ 100 %, above █"])
  }

  @Test func nothingKnownIsNoPicture() { #expect(distribution([nil, .nan]) == nil) }

  @Test func shortNumbers() {
    #expect(
      [0, 999, 1000, 9949, 9950, 123_456, 999_500].map(ShareDistribution.short) == [
        "0", "999", "1.0k", "9.9k", "10k", "123k", "1M",
      ])
  }
}
