import Glibc
internal import Logging
internal import SystemCalls
internal import SystemPackage

/// The main thread's loop: signals to the command, and its end. It touches no file.
struct RunLoop {
  private let watch: RunWatch
  private let signals: SignalFile
  private var forwarding: SignalForwarding
  private var finalizer: RunFinalizer?
  private let files = ProcFiles()

  init(_ watch: RunWatch, signals: SignalFile) {
    self.watch = watch
    self.signals = signals
    forwarding = SignalForwarding(
      command: watch.command, hasOwnGroup: watch.context.settings.mode == .newSession,
      log: watch.context.log)
  }

  mutating func run() -> CInt {
    // The command may have ended before its SIGCHLD could be read.
    reap()
    while true {
      if let finalizer, finalizer.isDone { return finalizer.exitCode }
      guard (try? poll(reading: [signals.descriptor])) != nil else { continue }
      while let signal = signals.next() {
        if let code = handle(signal) { return code }
      }
    }
  }

  /// An exit code when duct shall leave at once.
  private mutating func handle(_ signal: ArrivedSignal) -> CInt? {
    if signal.number == SIGCHLD {
      reap()
      return nil
    }
    if let finalizer {
      if [SIGINT, SIGTERM, SIGQUIT].contains(signal.number) { return finalizer.hurry() }
      return nil
    }
    guard case .leave = forwarding.handle(signal) else { return nil }
    watch.context.writer.flush(until: .now + 1)
    return 1
  }

  private mutating func reap() {
    var lastStat: ProcessStat?
    // Read while it is a zombie: then /proc still tells of its children.
    if finalizer == nil, watch.context.children.hasEnded(watch.command) {
      lastStat = files.stat(watch.command)
    }
    for exit in watch.context.children.reapEnded() {
      if exit.pid == watch.command, finalizer == nil {
        finalizer = RunFinalizer(watch, exit: exit, end: .now, lastStat: lastStat)
      } else {
        watch.capture?.noteEnd(of: exit)
      }
    }
    if finalizer == nil, watch.context.children.isGone(watch.command) {
      watch.context.log.error(
        "The command has ended, but somebody else has taken its exit code: 255 stands for it")
      let exit = ChildExit(pid: watch.command, cause: .exited(255), usage: rusage())
      finalizer = RunFinalizer(watch, exit: exit, end: .now, lastStat: nil)
    }
  }
}
