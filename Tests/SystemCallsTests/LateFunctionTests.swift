import SystemCalls
import Testing

/// A function is set once and called often, for example at each record of a run.
@Suite struct LateFunctionTests {
  @Test func isSetLater() {
    let double = LateFunction<Int, Int>()
    #expect(double(4) == nil)
    double.set { $0 * 2 }
    #expect(double(4) == 8)
    double.set { $0 * 3 }
    #expect(double(4) == 12)
  }

  /// A run of weeks writes so many records. A call may not need more stack than the one before: in a bare `Monitor`, 1000
  /// calls needed 512 KiB.
  @Test func manyCallsOnASmallStack() throws {
    let function = LateFunction<Void, [Int]>()
    let value = [1, 2]
    function.set { value }
    let sum = Monitor(0)
    let thread = try OwnThread("small", stackSize: 64 << 10) {
      for _ in 0..<100_000 { sum.update { $0 += function()?.count ?? 0 } }
    }
    thread.join()
    #expect(sum.withLock { $0 } == 200_000)
  }
}
