import Glibc
import Testing

@testable import ProcessSampling

@Suite struct ProcessorAccountTests {
  private func read(_ account: inout ProcessorAccount, own: Int64, children: UInt64 = 0) {
    account.read(own: own * 1_000_000, childTicks: children, nanosecondsPerTick: 10_000_000)
  }

  /// The example in the comment of `ProcessorAccount`.
  @Test func theWorkedExample() {
    var (parent, child) = (ProcessorAccount(), ProcessorAccount())
    read(&parent, own: 100)
    read(&child, own: 300)
    #expect(parent.settle() == 100_000_000 && child.settle() == 300_000_000)
    read(&parent, own: 110, children: 32)
    parent.claim(child.timeToClaim)
    #expect(parent.settle() == 30_000_000)
    read(&parent, own: 115, children: 37)
    #expect(parent.settle() == 55_000_000)
    #expect(parent.kernelTotal == 485_000_000 && parent.counted == 485_000_000)
  }

  /// CPU time of a sampled child counts once, though it appears again in the parent's `cutime`.
  @Test func whatAChildHadIsCountedOnce() {
    var account = ProcessorAccount()
    read(&account, own: 100)
    #expect(account.settle() == 100_000_000)
    // A child that was sampled with 300 ms exits. It has used 20 ms more since.
    read(&account, own: 110, children: 32)
    account.claim(300_000_000)
    #expect(account.settle() == 30_000_000)
    #expect(account.timeToClaim == 430_000_000)
  }

  /// CPU time of a child that was never sampled counts when the parent reaps it.
  @Test func aChildThatWasNeverSampledIsNew() {
    var account = ProcessorAccount()
    read(&account, own: 0, children: 50)
    #expect(account.settle() == 500_000_000)
  }

  /// A child's time may be claimed one sample before it appears in the parent's `cutime`.
  @Test func aClaimMayComeASampleBeforeTheGain() {
    var account = ProcessorAccount()
    read(&account, own: 0)
    account.claim(300_000_000)
    #expect(account.settle() == 0)
    read(&account, own: 0, children: 31)
    #expect(account.settle() == 10_000_000)
  }

  /// A claim for a child that no parent reaps does not hide other time forever.
  @Test func aChildThatNobodyWaitsForBurdensNobody() {
    var account = ProcessorAccount()
    read(&account, own: 0)
    account.claim(5_000_000_000)
    #expect(account.settle() == 0)
    for sample in 1...3 {
      read(&account, own: 0, children: UInt64(sample) * 100)
      let new = account.settle()
      // Ticks are rounded.
      if sample > 2 { #expect(new >= 980_000_000) }
    }
  }

  /// A sample that could not read the process adds no time.
  @Test func aSampleThatCouldNotReadItCountsNothing() {
    var account = ProcessorAccount()
    read(&account, own: 100)
    #expect(account.settle() == 100_000_000)
    #expect(account.settle() == 0)
    read(&account, own: 130)
    #expect(account.settle() == 30_000_000)
    #expect(account.timeToClaim == 130_000_000)
  }

  @Test func timeNeverRunsBackwards() {
    var account = ProcessorAccount()
    read(&account, own: 100, children: 10)
    _ = account.settle()
    read(&account, own: 90, children: 9)
    #expect(account.settle() == 0)
  }
}
