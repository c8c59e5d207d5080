import Testing

@testable import LogDelivery

struct FirstDeliveryTests {
  private func delay(_ environment: [String: String]) -> Double { FirstDelivery { environment[$0] }.delay }
  private func step(_ rank: Int, of count: Int) -> Double {
    delay(["SLURM_PROCID": "\(rank)", "SLURM_STEP_NUM_TASKS": "\(count)"])
  }

  @Test func onlyManyTasksWait() {
    #expect(delay([:]) == 0)
    #expect(step(15, of: 16) == 0)
    #expect(step(0, of: 10_000) == 0)
    #expect(delay(["SLURM_PROCID": "x", "SLURM_STEP_NUM_TASKS": "1000"]) == 0)
    #expect(delay(["SLURM_PROCID": "-3", "SLURM_STEP_NUM_TASKS": "1000"]) == 0)
  }

  /// A hundred a second, and never later than after five seconds.
  @Test func theyComeOneAfterAnother() {
    #expect(step(100, of: 200) == 1)
    #expect(step(9999, of: 10_000) < 5 && step(9999, of: 10_000) > 4.99)
    let times = (0..<200).map { step($0, of: 200) }
    #expect(times == times.sorted() && Set(times).count == 200)
  }

  @Test func tasksOfAnArray() {
    let array = { (id: Int) in
      delay([
        "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_COUNT": "200", "SLURM_PROCID": "0",
        "SLURM_STEP_NUM_TASKS": "1",
      ])
    }
    #expect(array(100) == 1 && array(1100) == 1 && array(0) == 0)
  }
}
