public import CSystemCalls
import Glibc
public import SystemPackage

/// How a child ended.
public struct ChildExit: Sendable {
  public enum Cause: Sendable, Equatable {
    case exited(CInt)
    case killed(signal: CInt, coreDumped: Bool)
  }

  public var pid: pid_t
  public var cause: Cause
  /// Resources that the child and the children it waited for used, from wait4(2).
  public var usage: rusage
  /// This process did not start the child: it is an orphan that the kernel gave to this process as a subreaper.
  public var isAdopted = false

  public init(pid: pid_t, cause: Cause, usage: rusage) {
    self.pid = pid
    self.cause = cause
    self.usage = usage
  }

  /// The exit code that a shell reports: 128 + n for signal n.
  public var shellCode: CInt {
    switch cause {
    case .exited(let code): code
    case .killed(let signal, _): 128 + signal
    }
  }
}

/// Starts, tracks and reaps the children of this process.
///
/// A subreaper gets children that it never started, so it must wait for any child, and no other thread may wait for
/// a child of its own. So every thread starts its children, and waits for them, through this object.
public final class ChildProcesses: Sendable {
  /// Who reaps the children, that is, calls wait4(2).
  public enum Reaping: Sendable {
    /// An event loop that calls `reapEnded()` at each SIGCHLD.
    case byEventLoop
    /// The thread that waits for a child. For programs without such a loop.
    case byWaiters
  }

  private enum Status: Sendable {
    case running
    /// Running, and no caller will wait for it.
    case forgotten
    case ended(ChildExit)
  }

  private let reaping: Reaping
  private let children = Monitor<[pid_t: Status]>([:])

  /// Gives SIGCHLD its default action if this process ignores it. Otherwise the kernel would reap the children
  /// itself, and nothing would report how they ended.
  public init(reaping: Reaping) {
    self.reaping = reaping
    duct_do_not_ignore(SIGCHLD)
  }

  /// Starts a program. The way it ends is kept until `wait(for:)` or `forget(_:)`.
  public func start(_ program: Program) throws(Errno) -> pid_t {
    // Under the lock: otherwise another thread could reap the child before `known` contains it.
    try children.update { (known) throws(Errno) in
      let pid = try program.start()
      known[pid] = .running
      return pid
    }
  }

  /// Reaps every child that has ended, and returns them all, including those that were not started here.
  ///
  /// - Parameter kept: a child to leave as a zombie, so that /proc still shows it. Other children that have ended
  ///   may also stay until the next call.
  public func reapEnded(but kept: pid_t? = nil) -> [ChildExit] {
    var ended: [ChildExit] = []
    children.update { known in
      // Reaps by pid, not any child: `kept` may end at any moment and would be reaped too.
      while let pid = nextEnded(), pid != kept, var exit = reap(pid) {
        switch known[exit.pid] {
        case nil: exit.isAdopted = true
        case .forgotten?: known[exit.pid] = nil
        case _?: known[exit.pid] = .ended(exit)
        }
        ended.append(exit)
      }
    }
    return ended
  }

  /// Whether a child has ended. Does not reap it, so /proc still shows it.
  public func hasEnded(_ pid: pid_t) -> Bool { duct_has_ended(pid) == 1 }

  /// Whether this process has no such child: something else has reaped it, so how it ended is not known.
  public func isGone(_ pid: pid_t) -> Bool { duct_has_ended(pid) == -1 }

  /// Whether the child was started here and nothing has waited for it yet.
  public func isKnown(_ pid: pid_t) -> Bool { children.withLock { $0[pid] != nil } }

  /// Waits for a child that was started here, and removes it from the list. Nil if the deadline passes first.
  public func wait(for pid: pid_t, until deadline: MonotonicInstant?) -> ChildExit? {
    while true {
      let slice = MonotonicInstant.now + 0.002
      let limit: MonotonicInstant? =
        reaping == .byEventLoop ? deadline : min(slice, deadline ?? slice)
      let exit = children.wait(until: limit) { known -> ChildExit? in
        if self.reaping == .byWaiters, let exit = reap(pid) { known[pid] = .ended(exit) }
        guard case .ended(let exit)? = known[pid] else { return nil }
        known[pid] = nil
        return exit
      }
      if let exit { return exit }
      if let deadline, deadline <= .now { return nil }
    }
  }

  /// Sends a signal to a child that was started here. Does nothing if it was reaped: its pid may belong to another
  /// process.
  ///
  /// - Parameter group: sends the signal to the child's process group, so that it also reaches the processes the
  ///   child started. The child must be the leader of its group.
  public func signal(_ pid: pid_t, _ number: CInt, group: Bool = false) {
    children.withLock { known in
      if case .running? = known[pid] { _ = kill(group ? -pid : pid, number) }
    }
  }

  /// Kills a child that was started here with SIGKILL, and waits until it has ended.
  public func end(_ pid: pid_t) {
    children.update { known in
      if case .running? = known[pid] {
        kill(pid, SIGKILL)
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
      }
      known[pid] = nil
    }
  }

  /// Declares that no caller will wait for this child. When it ends, `reapEnded` does not report it as adopted.
  public func forget(_ pid: pid_t) {
    children.withLock { known in
      if case .running? = known[pid] { known[pid] = .forgotten } else { known[pid] = nil }
    }
  }
}

private func nextEnded() -> pid_t? {
  let pid = duct_next_ended()
  return pid > 0 ? pid : nil
}

private func reap(_ pid: pid_t) -> ChildExit? {
  var child = duct_child()
  guard duct_reap(pid, &child) == 1 else { return nil }
  let cause: ChildExit.Cause =
    child.code == CInt(CLD_EXITED)
    ? .exited(child.status)
    : .killed(signal: child.status, coreDumped: child.code == CInt(CLD_DUMPED))
  return ChildExit(pid: child.pid, cause: cause, usage: child.usage)
}

/// Makes this process a subreaper: while it lives, orphans below it become its children instead of init's.
public func becomeSubreaper() throws(Errno) {
  try valueOrErrno { duct_set_subreaper(true) }
}

/// Ends being a subreaper. Call it before execve(2), because the next program would inherit the attribute.
public func endBeingSubreaper() { _ = duct_set_subreaper(false) }
