internal import CSystemCalls
public import SystemCalls

/// Waits for changes of the page with futex(2).
extension RelayStatus {
  /// Grows with each change that somebody waits for. Read it before you read the fields that you wait for, so
  /// that no change gets lost in between.
  public var sequence: UInt32 { duct_load32(&page.pointee.sequence) }

  /// Waits until `sequence` differs from `known`. False if the deadline passes first.
  @discardableResult
  public func waitForChange(from known: UInt32, until deadline: MonotonicInstant? = nil) -> Bool {
    while sequence == known {
      let left = deadline.map { $0.nanoseconds - MonotonicInstant.now.nanoseconds }
      if let left, left <= 0 { return false }
      _ = duct_wait32(&page.pointee.sequence, known, left ?? -1)
    }
    return true
  }

  /// Wakes all waiters. Also for changes that are not in the page, such as a cancelled follower.
  public func wakeAll() {
    _ = duct_add32(&page.pointee.sequence, 1)
    duct_wake32(&page.pointee.sequence)
  }
}
