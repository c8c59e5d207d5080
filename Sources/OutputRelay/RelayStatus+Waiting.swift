internal import CSystemCalls
public import SystemCalls

/// Waiting for a change of the page, by futex.
extension RelayStatus {
  /// Grows with every change. Read it before looking at anything that `waitForChange` waits for.
  public var sequence: UInt32 { duct_load32(&page.pointee.sequence) }

  /// Waits until `sequence` is no longer `known`. False when the deadline passes first.
  @discardableResult
  public func waitForChange(from known: UInt32, until deadline: MonotonicInstant? = nil) -> Bool {
    while sequence == known {
      let left = deadline.map { $0.nanoseconds - MonotonicInstant.now.nanoseconds }
      if let left, left <= 0 { return false }
      _ = duct_wait32(&page.pointee.sequence, known, left ?? -1)
    }
    return true
  }

  /// Wakes everyone who waits, for a reason that is not on this page.
  public func wakeAll() {
    _ = duct_add32(&page.pointee.sequence, 1)
    duct_wake32(&page.pointee.sequence)
  }
}
