internal import DuctRecords
internal import DuctSettings
import Glibc
internal import ProcessSampling

/// What a run watches.
enum WatchedCommand: Sendable {
  /// A command that duct has started.
  case child(pid_t)
  /// Processes that duct has not started. Their exit codes are not known to duct.
  case attached(AttachTarget)

  /// The pid of the command; nil if duct has not started it.
  var child: pid_t? {
    if case .child(let pid) = self { return pid }
    return nil
  }

  var isAttached: Bool { child == nil }

  /// A step that a task prolog lets duct watch.
  var isStep: Bool {
    if case .attached(let target) = self, case .daemon = target.processes { return true }
    return false
  }

  var workingDirectory: String {
    if case .attached(let target) = self { return target.workingDirectory }
    return currentDirectory()
  }

  func processes(_ mode: SessionMode) -> WatchedProcesses {
    switch self {
    case .child(let pid):
      mode == .currentSession
        ? .command(pid: pid, session: getsid(0), isShared: true)
        : .command(pid: pid, session: pid, isShared: false)
    case .attached(let target): target.processes
    }
  }
}
