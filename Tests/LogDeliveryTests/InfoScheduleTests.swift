import Glibc
import TestSupport
import Testing

@testable import LogDelivery

@Suite struct InfoScheduleTests {
  /// The ages of the run, in seconds, at which duct writes its record.
  private func times(_ count: Int, cost: Double, bytes: Int = 4000) -> [Double] {
    var age = 0.01
    return (0..<count).map { _ in
      age += InfoSchedule.pause(age: age, cost: cost, bytes: bytes)
      return age
    }
  }

  @Test func aRecordIsNeverOlderThanHalfOfTheRunNorThan30Seconds() {
    let times = times(20, cost: 0.0005)
    #expect(times[0] < 1.1 && times[1] < 2.1 && times[2] < 4.2 && times[3] < 8.3 && times[4] < 16.5)
    for (before, after) in zip(times, times.dropFirst()) {
      #expect(after - before <= max(before, 1) + 1e-9 && after - before <= 30)
    }
  }

  @Test(arguments: [(0.1, 4000), (1.5, 4000), (0.2, 80 << 20), (40, 200 << 20)])
  func largeRecordsAreWrittenLessOften(_ cost: Double, _ bytes: Int) {
    let times = times(50, cost: cost, bytes: bytes)
    let spent = (cost + Double(bytes) / InfoSchedule.deliveryRate) * 50
    #expect(spent / (times[49] + cost) <= InfoSchedule.share * 1.03)
  }

  @Test func anyCostHasAPause() {
    #expect(InfoSchedule.pause(age: 0, cost: 0, bytes: 0) == 1)
    #expect(InfoSchedule.pause(age: -5, cost: -1, bytes: 0) == 1)
    #expect(InfoSchedule.pause(age: 1e9, cost: 0, bytes: 0) == 30)
  }
}
