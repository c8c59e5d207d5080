import Glibc
internal import ProcessSampling
internal import SlurmJobs
internal import SystemCalls

/// Tells whose session it is, by the leader of the session and the leader's parents.
struct SessionOwners {
  /// The command, and this process, as /proc has them.
  private let root: Int32?
  private let own: Int32?
  private let files = ProcFiles()
  private let host = HostConstants.current

  init(root: pid_t) {
    self.root = files.numbers.inProc(root)
    own = files.numbers.own
  }

  /// Where the leader of a session is that has submitted a job.
  ///
  /// - Parameter submit: when, in seconds since 1970. A leader that started later is another one, with a pid
  ///   that was used again.
  func owner(of sid: UInt32, submit: Double) -> JobDetection.SessionOwner {
    guard let pid = Int32(exactly: sid), var stat = files.stat(own: pid), !stat.isZombie,
      stat.session == stat.pid,
      startTime(stat) <= submit + JobDetection.tolerance
    else { return .gone }
    for _ in 0..<1000 {
      if stat.pid == root { return .command }
      // duct's children are the command, adopted orphans of it, and helpers, which submit nothing.
      if stat.parent == own, stat.pid != own { return .command }
      guard stat.parent > 1, let parent = files.stat(stat.parent) else { return .other }
      stat = parent
    }
    return .other
  }

  /// In seconds since 1970.
  private func startTime(_ stat: ProcessStat) -> Double {
    WallTime.now.seconds - host.uptime + Double(stat.startTicks) / host.ticksPerSecond
  }
}
