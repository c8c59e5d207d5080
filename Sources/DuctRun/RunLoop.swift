import Glibc
internal import Logging
internal import ProcessSampling
internal import SystemCalls
internal import SystemPackage

/// The main thread's loop: signals to the command, and its end. It touches no file.
struct RunLoop {
  private let watch: RunWatch
  private let signals: SignalFile
  private var forwarding: SignalForwarding
  private var finalizer: RunFinalizer?
  private var ending: Ending?
  private let files = ProcFiles()

  /// The command has ended, and is not reaped yet: the last look at it is being taken.
  private struct Ending {
    let time = WallTime.now
    let instant = MonotonicInstant.now
    /// For what it has left behind in /proc.
    let lastStat: ProcessStat?
    /// Reaped then in any case.
    let deadline = MonotonicInstant.now + 1
  }

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
      let limit = finalizer == nil ? ending?.deadline : nil
      guard let ready = try? poll(reading: [signals.descriptor], until: limit) else { continue }
      if !ready[0].isReadable { reap() }
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
    if finalizer == nil, !isFinallySeen() { return }
    // If it ends only now, its own SIGCHLD comes.
    let unseen = finalizer == nil && ending == nil ? watch.command : nil
    for exit in watch.context.children.reapEnded(but: unseen) {
      if exit.pid == watch.command, finalizer == nil {
        finish(exit)
      } else {
        watch.capture?.noteEnd(of: exit)
        if exit.isAdopted { noteOrphan(exit) }
      }
    }
    if finalizer == nil, watch.context.children.isGone(watch.command) {
      watch.context.log.error(
        "The command has ended, but somebody else has taken its exit code: 255 stands for it")
      finish(ChildExit(pid: watch.command, cause: .exited(255), usage: rusage()))
    }
  }

  /// Where the command has ended, it is looked at once more, while it is a zombie: then /proc still tells of
  /// it and of its children. False until then.
  private mutating func isFinallySeen() -> Bool {
    if ending == nil {
      guard watch.context.children.hasEnded(watch.command) else { return true }
      ending = Ending(lastStat: files.stat(own: watch.command))
      watch.sampler?.end()
    }
    guard let ending else { return true }
    return watch.sampler?.hasEnded ?? true || ending.deadline <= .now
  }

  private mutating func finish(_ exit: ChildExit) {
    let ending = ending ?? Ending(lastStat: nil)
    finalizer = RunFinalizer(
      watch, exit: exit, end: ending.time, endInstant: ending.instant, lastStat: ending.lastStat)
  }

  /// What an orphan has used comes to nobody but duct.
  private func noteOrphan(_ exit: ChildExit) {
    let used = Int64((seconds(exit.usage.ru_utime) + seconds(exit.usage.ru_stime)) * 1e9)
    watch.context.orphanTime.withLock { $0 += used }
  }
}
