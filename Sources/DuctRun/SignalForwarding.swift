import Glibc
internal import Logging
internal import ProcessSampling
internal import SystemCalls
internal import SystemPackage

/// Handles the signals that arrive at duct while the command runs.
struct SignalForwarding {
  /// The signals that every thread of duct blocks. duct changes no dispositions, because the command inherits them.
  static let blocked = SignalSet(actedOn + passedQuietly + [SIGPIPE, SIGXFSZ, SIGTTOU])
  /// The signals that duct reads and acts on. It blocks the others only to avoid their effect on duct.
  static let read = SignalSet(actedOn + passedQuietly)

  private static let actedOn = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD,
  ]
  /// Signals that end a process by default and have no meaning for duct. If a timer sends one, the timer was set
  /// before duct started and is meant for the command, because timers survive execve(2).
  private static let passedQuietly =
    [SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR, SIGSTKFLT]
    + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())

  enum Effect {
    case none
    /// A fourth SIGINT: exit immediately.
    case leave
  }

  let command: pid_t
  /// Whether the command leads a process group of its own, which gets no signals from the terminal.
  let hasOwnGroup: Bool
  let log: Logger
  private var interrupts = 0

  init(command: pid_t, hasOwnGroup: Bool, log: Logger) {
    self.command = command
    self.hasOwnGroup = hasOwnGroup
    self.log = log
  }

  mutating func handle(_ signal: ArrivedSignal) -> Effect {
    switch signal.number {
    case SIGINT: return handleInterrupt(signal)
    case SIGHUP:
      log.info("Received SIGHUP: the command and its records go on")
    case SIGTERM, SIGQUIT:
      log.info("Received SIG\(signalName(signal.number)), passing to command")
      pass(signal)
    case SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT:
      pass(signal)
    case SIGTSTP:
      stop(signal)
    case SIGXCPU where signal.isFromKernel: break  // duct itself exceeds its RLIMIT_CPU, not the command
    default: kill(target, signal.number)
    }
    return .none
  }

  private mutating func handleInterrupt(_ signal: ArrivedSignal) -> Effect {
    // A shell starts background jobs with SIGINT ignored. duct then only passes the signal and does not count it.
    if isIgnored(SIGINT) {
      pass(signal)
      return .none
    }
    interrupts += 1
    switch interrupts {
    case 1:
      log.info("Received SIGINT, passing to command")
      pass(signal)
    case 2:
      log.info("Received second SIGINT, again passing to command")
      pass(signal)
    case 3:
      log.warning("Received third SIGINT, forcefully killing command process")
      kill(target, SIGKILL)
    default:
      log.critical("Exiting duct, skipping cleanup")
      return .leave
    }
    return .none
  }

  private var target: pid_t { hasOwnGroup ? -command : command }

  private func pass(_ signal: ArrivedSignal) {
    // The terminal sends a signal to the whole foreground group, so a command in duct's group already has it.
    if !hasOwnGroup, signal.isFromKernel { return }
    kill(target, signal.number)
  }

  // MARK: Stopping

  /// Stops the command and then duct itself, so that a shell's job control works as without duct.
  private func stop(_ signal: ArrivedSignal) {
    if isIgnored(SIGTSTP) { return }
    if ProcFiles().ownGroupIsOrphaned {
      // duct's group is orphaned, so no shell could continue it (`ssh -t host duct …`). The kernel does not stop
      // duct then, and without duct it would not stop the command. But a command that handles the signal would get
      // it, so duct only passes it.
      pass(signal)
      return
    }
    if hasOwnGroup { stopGroup() } else { pass(signal) }
    // Send it to duct again, unblocked and with its default action: the shell sees a job that the terminal has
    // stopped.
    kill(getpid(), SIGTSTP)
    let stop = SignalSet([SIGTSTP])
    stop.unblock()
    // duct is stopped here until SIGCONT. It reads that signal later, like others, and passes it on.
    _ = stop.block()
    // If no SIGCONT is pending, nothing has stopped duct: the shell ended at this moment. It cannot continue the
    // command, so duct does.
    if !isPending(SIGCONT) { kill(target, SIGCONT) }
  }

  /// Stops the processes of the command's group. Its leader's parent is in another session, so the group is
  /// orphaned, and the kernel does not stop it by the default action of SIGTSTP. Processes that do not handle
  /// SIGTSTP get SIGSTOP.
  private func stopGroup() {
    let files = ProcFiles()
    guard let leader = files.numbers.inProc(command) else {
      // /proc does not show these processes. Stop the whole group: that reaches no process of others.
      kill(-command, SIGSTOP)
      return
    }
    for pid in files.pids() {
      guard let stat = files.stat(pid), stat.processGroup == leader, let names = files.names(stat) else {
        continue
      }
      kill(names.pid, files.hasDefaultAction(pid, SIGTSTP) ? SIGSTOP : SIGTSTP)
    }
  }
}

extension ProcFiles {
  /// Whether this process's group is orphaned: none of its processes has a parent in another group of the same
  /// session, which could continue it. The kernel does not stop such a group by the terminal's signals. See
  /// setpgid(2).
  fileprivate var ownGroupIsOrphaned: Bool {
    guard let own = numbers.own.flatMap({ stat($0) }) else { return false }
    let (group, session) = (own.processGroup, own.session)
    return !pids().contains { pid in
      guard let member = stat(pid), member.processGroup == group, !member.isZombie,
        let parent = stat(member.parent)
      else { return false }
      return parent.session == session && parent.processGroup != group
    }
  }
}
