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
  /// What it and the children it waited for used, from wait4(2).
  public var usage: rusage
  /// It was not started here: an orphan that came to this process as a subreaper.
  public var isAdopted = false

  public init(pid: pid_t, cause: Cause, usage: rusage) {
    self.pid = pid
    self.cause = cause
    self.usage = usage
  }

  /// The code a shell gives: 128 + n for signal n.
  public var shellCode: CInt {
    switch cause {
    case .exited(let code): code
    case .killed(let signal, _): 128 + signal
    }
  }
}

/// The children of this process, reaped in one place.
///
/// A subreaper gets children that it never started, so it must wait for any child; then no other
/// thread may wait for its own. Whoever starts a child here can wait for it here.
public final class ChildProcesses: Sendable {
  /// Who calls waitpid(2).
  public enum Reaping: Sendable {
    /// An event loop that calls `reapEnded()` at each SIGCHLD.
    case byEventLoop
    /// Whoever waits for a child: for programs without such a loop.
    case byWaiters
  }

  private enum Status: Sendable {
    case running
    /// Running, and nobody will wait for it.
    case forgotten
    case ended(ChildExit)
  }

  private let reaping: Reaping
  private let children = Monitor<[pid_t: Status]>([:])

  /// Where SIGCHLD was ignored, it has its default action from now on: else the kernel reaps the children
  /// itself, and tells nobody how they ended.
  public init(reaping: Reaping) {
    self.reaping = reaping
    duct_do_not_ignore(SIGCHLD)
  }

  /// Starts a program. Its end is kept until `wait(for:)` or `forget(_:)`.
  public func start(_ program: Program) throws(Errno) -> pid_t {
    // Under the lock, so that its end cannot be reaped before it is known here.
    try children.update { (known) throws(Errno) in
      let pid = try program.start()
      known[pid] = .running
      return pid
    }
  }

  /// Reaps every child that has ended, and returns them all, also those started elsewhere.
  ///
  /// - Parameter kept: a child that stays a zombie, so that /proc still tells of it; others may stay with it
  ///   until the next call.
  public func reapEnded(but kept: pid_t? = nil) -> [ChildExit] {
    var ended: [ChildExit] = []
    children.update { known in
      // Each by its pid: who is kept may end at any moment.
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

  /// Whether a child has ended; it is not reaped by asking, so that /proc still tells of it.
  public func hasEnded(_ pid: pid_t) -> Bool { duct_has_ended(pid) == 1 }

  /// Whether there is no such child: somebody else has reaped it, and how it ended is not known.
  public func isGone(_ pid: pid_t) -> Bool { duct_has_ended(pid) == -1 }

  /// Whether a child was started here and has not been waited for.
  public func isKnown(_ pid: pid_t) -> Bool { children.withLock { $0[pid] != nil } }

  /// Waits for a child started here, and forgets it. Nil if the deadline passes first.
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

  /// Sends a signal to a child started here, unless it has been reaped: its pid may be another's.
  ///
  /// - Parameter group: to its process group, which it must lead: what it has started is meant too.
  public func signal(_ pid: pid_t, _ number: CInt, group: Bool = false) {
    children.withLock { known in
      if case .running? = known[pid] { _ = kill(group ? -pid : pid, number) }
    }
  }

  /// Ends a child started here at once, and waits until it has gone.
  public func end(_ pid: pid_t) {
    children.update { known in
      if case .running? = known[pid] {
        kill(pid, SIGKILL)
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
      }
      known[pid] = nil
    }
  }

  /// Nobody will wait for this child. Until its end it is no stranger.
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

/// Orphans below this process become its children instead of init's, as long as it lives.
public func becomeSubreaper() throws(Errno) {
  try valueOrErrno { duct_set_subreaper(true) }
}

/// Before another program takes this process's place: the attribute would stay with it.
public func endBeingSubreaper() { _ = duct_set_subreaper(false) }
