internal import RecordText
internal import SystemCalls

/// A job, or one of its steps. Its slurmstepd has it in its title: `slurmstepd: [118.0]`.
public struct StepName: Sendable, Equatable, CustomStringConvertible {
  public let job: UInt32
  /// `0`, `batch`, `extern`, `interactive`, or `0+1` in a component of a heterogeneous job. Nil: all steps of the job
  /// but `extern`, which has no tasks of the user.
  public let step: String?

  public init(job: UInt32, step: String?) { (self.job, self.step) = (job, step) }

  public var description: String { step.map { "step \(job).\($0)" } ?? "job \(job)" }

  private static let daemon = ProcessName(Array("slurmstepd".utf8))

  /// The slurmstepds of the step on this host, by their pids in /proc.
  public func daemons(_ files: ProcFiles) -> [Int32] {
    var pids: [Int32] = []
    files.forEachProcess { pids.append($0.pid) }
    return pids.filter { pid in files.stat(pid).map { isDaemon($0, files) } ?? false }
  }

  /// Whether a process, by its pid in duct's own pid namespace, is the slurmstepd of the step.
  public func isDaemon(_ pid: Int32, _ files: ProcFiles) -> Bool {
    files.stat(own: pid).map { isDaemon($0, files) } ?? false
  }

  /// Whether a process is the slurmstepd of the step, and not a task before its execve(2).
  func isDaemon(_ stat: ProcessStat, _ files: ProcFiles) -> Bool {
    guard stat.name == Self.daemon, let title = files.commandLine(stat.pid), matches(title) else {
      return false
    }
    return files.stat(stat.parent)?.name != Self.daemon
  }

  /// Whether a title is of the step: `slurmstepd: [118.0]`.
  func matches(_ title: String) -> Bool {
    guard let start = title.firstIndex(of: "["), let end = title[start...].firstIndex(of: "]") else {
      return false
    }
    let parts = title[title.index(after: start)..<end].split(separator: ".", maxSplits: 1)
    guard parts.count == 2, UInt32(parts[0]) == job else { return false }
    return step.map { parts[1] == $0 } ?? (parts[1] != "extern")
  }
}

/// Whether slurmstepd kills this process when the last task of its step has ended, because it finds the processes of the
/// step by their control group (proctrack/cgroup). It waits for the end of what it has killed.
public func isKilledWithStep() -> Bool {
  let membership = (try? readAll("/proc/self/cgroup")) ?? []
  return ControlGroups.isOfTrackedStep(String(escaping: membership))
}
