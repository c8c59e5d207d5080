/// CPU time of one process, which counts each nanosecond of it and of its children once.
///
/// The kernel shows the time of a child twice: in the child's own stat line while it lives, and in `cutime` of its
/// parent after the parent has waited for it. So when a sampled child exits, its parent's account *claims* what was
/// already counted of the child. What `cutime` has gained beyond the claim is new: it is what the child used after
/// its last sample, or the time of children that came and went between two samples.
///
/// An example. A parent starts a child, which exits after the first sample. Between the second and the third sample
/// the parent starts and reaps another child, which no sample sees. Times are in milliseconds:
///
///     sample   parent      parent      child   claimed   new time           new time   sum of
///              itself      cutime                        of the parent      of child   all samples
///     1        100           0         300       0       100                300        400
///     2        110         320         gone    300       10 + 320 - 300     -          430
///     3        115         370         -         0       5 + 50             -          485
///
/// The sum is what the kernel says in the end: 115 of the parent and 370 of its children.
///
/// A child can exit just after its parent was read. Then the claim comes before the gain in `cutime`, and the account
/// keeps the difference as a debt until the next sample. After that the debt lapses: a parent that ignores SIGCHLD
/// never gets the time of its children, and a lasting debt would hide other time.
struct ProcessorAccount: Sendable {
  /// Nanoseconds by which a claim and a gain of the same child can differ: `cutime` and the child's time are each
  /// rounded to clock ticks of 10 ms.
  static let tolerance: Int64 = 20_000_000

  /// Nanoseconds that the process itself has used.
  private(set) var own: Int64 = 0
  private var childTicks: UInt64 = 0
  /// Nanoseconds counted for it, and for those below it that have exited.
  private(set) var counted: Int64 = 0
  /// Nanoseconds counted in the last sample.
  private(set) var interval: Int64 = 0
  /// Growth of `own` since the last `settle()`.
  private var grown: Int64 = 0
  /// Growth of `cutime` since the last `settle()`.
  private var gained: Int64 = 0
  /// Claims since the last `settle()`.
  private var claimed: Int64 = 0
  /// Negative: what was claimed and is not yet in `cutime`.
  private var debt: Int64 = 0
  /// Nanoseconds of the process and of the children it has waited for, as wait4(2) would return them at the last
  /// sample; exact to one tick.
  private(set) var kernelTotal: Int64 = 0

  /// Does not count what was read last, because the process used it before the run began.
  mutating func dropTimeBeforeRun() {
    grown = 0
    gained = 0
  }

  /// Takes the values of one sample.
  ///
  /// - Parameters:
  ///   - own: nanoseconds of the process itself.
  ///   - childTicks: clock ticks of the children that it has waited for (`cutime` and `cstime`).
  mutating func read(own: Int64, childTicks: UInt64, nanosecondsPerTick: Int64) {
    grown = max(own - self.own, 0)
    self.own += grown
    let before = self.childTicks
    self.childTicks = max(childTicks, before)
    gained = Int64(clamping: self.childTicks - before) &* nanosecondsPerTick
    kernelTotal = self.own + Int64(clamping: self.childTicks) &* nanosecondsPerTick
  }

  /// Claims time that was counted for a child that has exited.
  ///
  /// - Parameter nanoseconds: the child's `timeToClaim`.
  mutating func claim(_ nanoseconds: Int64) { claimed += nanoseconds }

  /// Ends a sample. Call it after all claims, also if the process could not be read.
  ///
  /// - Returns: nanoseconds that are new.
  mutating func settle() -> Int64 {
    let balance = debt + gained - claimed
    // A claim is good for this sample and the next one.
    debt = max(min(balance, 0), -claimed - Self.tolerance)
    interval = grown + max(balance, 0)
    counted += interval + claimed
    grown = 0
    gained = 0
    claimed = 0
    return interval
  }

  /// Nanoseconds that the parent claims when this process has exited.
  var timeToClaim: Int64 { counted + claimed }
}
