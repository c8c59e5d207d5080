import Glibc
internal import ProcessSampling
internal import SlurmJobs
internal import SystemCalls

/// Finds out whether a session leader runs below the command, from its parents in /proc.
struct SessionOwners {
  /// The pids of the command and of this process in /proc.
  private let root: Int32?
  private let own: Int32?
  private let files: ProcFiles
  private let host = HostConstants.current
  /// When the host booted, in seconds since 1970; nil: this host, whose clock may be set meanwhile.
  private let bootTime: Double?

  /// - Parameters:
  ///   - root: the command, by its pid in this process's own namespace.
  ///   - bootTime: of the host whose /proc was recorded.
  init(root: pid_t, files: ProcFiles = ProcFiles(), bootTime: Double? = nil) {
    self.files = files
    self.bootTime = bootTime
    self.root = files.number(of: root)
    own = files.numbers.own
  }

  /// The position in the process tree of the leader of the session that a job was submitted from.
  ///
  /// - Parameter submit: the submit time, in seconds since 1970. A leader that started later is another process,
  ///   which got the same pid.
  func owner(of sid: UInt32, submit: Double) -> JobDetection.SessionOwner {
    guard let pid = Int32(exactly: sid), var stat = files.stat(own: pid), !stat.isZombie,
      stat.session == stat.pid,
      startTime(stat) <= submit + JobDetection.tolerance
    else { return .gone }
    for _ in 0..<1000 {
      if stat.pid == root { return .command }
      // duct's children are the command, orphans that duct adopted from it, and helpers. Helpers submit no jobs.
      if stat.parent == own, stat.pid != own { return .command }
      guard stat.parent > 1, let parent = files.stat(stat.parent) else { return .other }
      stat = parent
    }
    return .other
  }

  /// Seconds since 1970.
  private func startTime(_ stat: ProcessStat) -> Double {
    (bootTime ?? host.bootTime) + Double(stat.startTicks) / host.ticksPerSecond
  }
}
