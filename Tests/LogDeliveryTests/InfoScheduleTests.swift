import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import LogDelivery

@Suite struct InfoScheduleTests {
  /// Writes the record at the times of a schedule.
  private struct Writer {
    private(set) var schedule: InfoSchedule
    /// Seconds after the start of the run.
    private(set) var now = 0.01
    private(set) var times: [Double] = []
    private let (cost, bytes): (Double, Int)

    init(cost: Double, bytes: Int) {
      (self.cost, self.bytes) = (cost, bytes)
      schedule = InfoSchedule(start: MonotonicInstant(nanoseconds: 0))
      schedule.noteRequest(at: instant, notBefore: nil)
    }

    private var instant: MonotonicInstant { MonotonicInstant(nanoseconds: 0) + now }

    /// What one record costs in all, in seconds.
    var price: Double { cost + Double(bytes) / InfoSchedule.deliveryRate }

    /// Goes to the next time at which the record is written, and writes it.
    mutating func write() throws {
      let next = try #require(schedule.next)
      now = max(next.seconds(since: MonotonicInstant(nanoseconds: 0)), now)
      times.append(now)
      schedule.noteStart()
      now += cost
      schedule.noteEnd(at: instant, cost: cost, bytes: bytes)
    }

    /// Something changes in `pause` seconds, unless the record is written before.
    mutating func change(in pause: Double) throws {
      let time = now + pause
      while let next = schedule.next, next <= MonotonicInstant(nanoseconds: 0) + time { try write() }
      now = max(now, time)
      schedule.noteRequest(at: instant, notBefore: nil)
    }
  }

  @Test func aRecordIsNeverOlderThanHalfOfTheRunNorThan30Seconds() throws {
    var writer = Writer(cost: 0.0005, bytes: 4000)
    for _ in 0..<20 { try writer.write() }
    let times = writer.times
    #expect(times[0] < 0.1 && times[1] < 1.1 && times[2] < 2.2 && times[3] < 4.3 && times[4] < 8.5)
    for (before, after) in zip(times, times.dropFirst()) {
      #expect(after - before <= max(before, 1) + 0.002 && after - before <= 30.001)
    }
  }

  @Test(arguments: [(0.1, 4000), (1.5, 4000), (0.2, 80 << 20), (40, 200 << 20)])
  func largeRecordsAreWrittenLessOften(_ cost: Double, _ bytes: Int) throws {
    var writer = Writer(cost: cost, bytes: bytes)
    for _ in 0..<50 { try writer.write() }
    #expect(writer.price * 49 / (writer.times[49] - writer.times[0]) <= InfoSchedule.share * 1.001)
    // It is written as often as that allows, or each 30 s.
    let pause = writer.times[49] - writer.times[48]
    #expect(pause <= max(writer.price / InfoSchedule.share, 30) * 1.001 + cost)
  }

  /// A record of 10,000 jobs, of which one changes every other second, for a day.
  @Test func whatChangesAllTheTimeStandsInOneRecord() throws {
    var writer = Writer(cost: 0.15, bytes: 13 << 20)
    for _ in 0..<43_200 { try writer.change(in: 2) }
    let spent = writer.price * Double(writer.times.count)
    #expect(spent / writer.now <= InfoSchedule.share * 1.01 && spent / writer.now >= InfoSchedule.share * 0.9)
    #expect(zip(writer.times, writer.times.dropFirst()).allSatisfy { $1 - $0 < 90 })
  }

  @Test func aSmallRecordIsWrittenAtOnceAlsoSeveralTimes() throws {
    var writer = Writer(cost: 0.0003, bytes: 3000)
    for _ in 0..<100 {
      try writer.change(in: 0.01)
      #expect(writer.schedule.next == MonotonicInstant(nanoseconds: 0) + writer.now)
    }
    // Not for ever: after some hundred, each waits for what the last one cost.
    for _ in 0..<100_000 { try writer.change(in: 0.01) }
    #expect(writer.price * Double(writer.times.count) / writer.now <= InfoSchedule.share * 1.1)
  }

  @Test func aRequestDuringAWriteComesFirstButNotBeforeItCanBeAfforded() {
    let start = MonotonicInstant(nanoseconds: 0)
    var schedule = InfoSchedule(start: start)
    #expect(schedule.next == nil)
    schedule.noteRequest(at: start + 100, notBefore: start + 100.5)
    #expect(schedule.next == start + 100.5)
    schedule.noteStart()
    schedule.noteRequest(at: start + 101, notBefore: nil)
    schedule.noteEnd(at: start + 101.5, cost: 0.001, bytes: 0)
    #expect(schedule.next == start + 101)
    schedule.noteStart()
    schedule.noteRequest(at: start + 102, notBefore: nil)
    schedule.noteEnd(at: start + 102, cost: 1, bytes: 0)
    let next = schedule.next?.seconds(since: start) ?? 0
    #expect(abs(next - (102 + 0.95 / InfoSchedule.share)) < 1)
    // An hour later the debt is paid.
    schedule.noteRequest(at: start + 3702, notBefore: nil)
    #expect(schedule.next == start + 3702)
  }

  @Test func timesThatMakeNoSense() {
    let start = MonotonicInstant(nanoseconds: 0)
    var schedule = InfoSchedule(start: start)
    schedule.noteEnd(at: start + -5, cost: -1, bytes: 0)
    #expect(schedule.next == start + -4)
    schedule.noteStart()
    schedule.noteEnd(at: start + 1e9, cost: 0, bytes: 0)
    #expect(schedule.next == start + (1e9 + 30))
    schedule.noteStart()
    schedule.noteEnd(at: start + 1e9, cost: .infinity, bytes: .max)
    #expect(schedule.next.map { $0 > start + 2e9 } == true)
  }
}
