import Glibc
internal import Logging
internal import ProcessSampling
internal import SystemCalls
internal import SystemPackage

/// What duct does with the signals that reach it while the command runs.
struct SignalForwarding {
  /// Blocked in every thread of duct, and read from a descriptor or not at all. Dispositions are not
  /// touched: the command shall find them as they were.
  static let blocked = SignalSet(actedOn + passedQuietly + [SIGPIPE, SIGXFSZ, SIGTTOU])
  /// Those to act on. Of the others only the effect on duct is unwanted.
  static let read = SignalSet(actedOn + passedQuietly)

  private static let actedOn = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD,
  ]
  /// They end a process by default, and mean nothing to duct. A timer among them was set before duct was
  /// started, for what is now the command: timers survive exec.
  private static let passedQuietly =
    [SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR, SIGSTKFLT]
    + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())

  enum Effect {
    case none
    /// A fourth SIGINT: leave at once.
    case leave
  }

  let command: pid_t
  /// The command leads a process group of its own, out of the terminal's reach.
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
    case SIGXCPU where signal.isFromKernel: break  // duct's own time is up, and not the command's.
    default: kill(target, signal.number)
    }
    return .none
  }

  private mutating func handleInterrupt(_ signal: ArrivedSignal) -> Effect {
    // A shell starts background jobs so: then it is not ours to count.
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
    // In duct's own group the command has got what the terminal sent already.
    if !hasOwnGroup, signal.isFromKernel { return }
    kill(target, signal.number)
  }

  // MARK: Stopping

  /// Stops the command and then duct itself, so that a shell's job control works as without duct.
  private func stop(_ signal: ArrivedSignal) {
    if isIgnored(SIGTSTP) { return }
    if ProcFiles().ownGroupIsOrphaned {
      // No shell would continue us (ssh -t host duct …): the kernel stops neither duct nor, without duct, the
      // command, but it tells a command that wants to know.
      pass(signal)
      return
    }
    if hasOwnGroup { stopGroup() } else { pass(signal) }
    // Sent again and let through, with its default action: the shell sees a job stopped by the terminal.
    kill(getpid(), SIGTSTP)
    let stop = SignalSet([SIGTSTP])
    stop.unblock()
    // Stopped here, until SIGCONT, which is then read like any other and passed on.
    _ = stop.block()
    // The shell has ended in this moment: then nothing has stopped us, and nobody will continue the command.
    if !isPending(SIGCONT) { kill(target, SIGCONT) }
  }

  /// The kernel does not stop a process of another session than its parent's by SIGTSTP (its group is
  /// orphaned), unless it handles that signal itself. So those that do not are stopped by SIGSTOP.
  private func stopGroup() {
    let files = ProcFiles()
    guard let leader = files.numbers.inProc(command) else {
      // Nothing is known of them: all of the group, and none that could be another's.
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
  /// Whether no process of this process's group has a parent in another group of the session, which could continue it.
  /// The kernel does not stop such a group by the terminal's signals. See setpgid(2).
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

  /// Whether a process neither ignores nor catches nor blocks a signal, by /proc/PID/status.
  func hasDefaultAction(_ pid: Int32, _ signal: CInt) -> Bool {
    guard let bytes = try? readAll(FilePath("/proc/\(pid)/status")) else { return false }
    let text = String(decoding: bytes, as: UTF8.self)
    let names = ["SigIgn:", "SigCgt:", "SigBlk:"]
    for line in text.split(separator: "\n") where names.contains(String(line.prefix(7))) {
      let digits = line.dropFirst(7).filter { !$0.isWhitespace }
      if let mask = UInt64(digits, radix: 16), mask & (1 << UInt64(signal - 1)) != 0 { return false }
    }
    return true
  }
}
