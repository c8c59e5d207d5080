public import SystemPackage

/// Which processes the sampler watches. All pids are those of duct's own pid namespace.
public enum WatchedProcesses: Sendable, Equatable {
  /// A command that duct has started: its session and every descendant.
  ///
  /// `isShared`: the session is duct's own, which it shares with other programs (`--mode current-session`).
  case command(pid: Int32, session: Int32, isShared: Bool)
  /// A process that duct has not started, and its descendants. If the process leads a session, also all others in the
  /// session.
  case process(Int32)
  /// The processes of a session that duct has not started, and their descendants.
  case session(Int32)
  /// What slurmstepd runs on this host for a job, or for one of its steps, and the descendants of that.
  case job(StepName)
  /// What a slurmstepd runs, and the descendants of that. Its pid tells steps apart where several nodes are one host.
  case daemon(Int32)
  /// The processes in a control group and in the groups below it. The folder is the group's in the cgroup file system.
  case controlGroup(FilePath)

  /// duct has started none of them, so it counts no time before it came, and is not told of orphans.
  var isAttached: Bool {
    if case .command = self { return false }
    return true
  }

  /// The first process; nil if there is none that stands out.
  public var root: Int32? {
    switch self {
    case .command(let pid, _, _), .process(let pid): pid
    case .session, .job, .daemon, .controlGroup: nil
    }
  }
}
