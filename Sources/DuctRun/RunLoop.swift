import Glibc
internal import Logging
internal import ProcessSampling
internal import SystemCalls
internal import SystemPackage

/// When the command ended, and what /proc/PID/stat showed of it last.
struct CommandEnding {
  let time = WallTime.now
  let instant = MonotonicInstant.now
  /// Nil if /proc did not show the command.
  let lastStat: ProcessStat?
  /// duct had got a SIGTERM before: Slurm sends one to all processes of a job that it ends.
  var hadSIGTERM = false
}

/// The main thread's loop: passes signals to the command, and reaps it. It touches no file.
struct RunLoop {
  /// Seconds that the last sample may take. After that, the loop reaps the command without it.
  private static let lastSampleLimit = 1.0

  private let watch: RunWatch
  private let command: pid_t
  private let signals: SignalFile
  private let services: RunServices
  private let orphanTime: Monitor<Int64>
  private let finalize: (ChildExit, CommandEnding) -> RunFinalizer
  private var forwarding: SignalForwarding
  private var finalizer: RunFinalizer?
  /// Set when the command has ended. Until the loop reaps the command, the sampler takes its last sample.
  private var ending: CommandEnding?
  private var hasSIGTERM = false
  private let files = ProcFiles()

  /// - Parameters:
  ///   - hasOwnGroup: the command leads a process group of its own.
  ///   - orphanTime: counts the processor time of reaped orphans, in nanoseconds.
  ///   - finalize: starts the last steps, after the end of the command.
  init(
    _ watch: RunWatch, command: pid_t, signals: SignalFile, hasOwnGroup: Bool, _ services: RunServices,
    orphanTime: Monitor<Int64>, finalize: @escaping (ChildExit, CommandEnding) -> RunFinalizer
  ) {
    self.watch = watch
    self.command = command
    self.signals = signals
    self.services = services
    self.orphanTime = orphanTime
    self.finalize = finalize
    forwarding = SignalForwarding(command: command, hasOwnGroup: hasOwnGroup, log: services.log)
  }

  /// Runs until everything is done. Returns the exit code of duct.
  mutating func run() -> CInt {
    // The command may have ended before duct read signals.
    reap()
    while true {
      if let finalizer, finalizer.isDone { return finalizer.exitCode }
      let limit = finalizer == nil ? ending.map { $0.instant + Self.lastSampleLimit } : nil
      guard let ready = try? poll(reading: [signals.descriptor], until: limit) else { continue }
      if !ready[0].isReadable { reap() }
      while let signal = signals.next() {
        if let code = handle(signal) { return code }
      }
    }
  }

  /// Returns an exit code if duct shall exit immediately.
  private mutating func handle(_ signal: ArrivedSignal) -> CInt? {
    if signal.number == SIGCHLD {
      reap()
      return nil
    }
    if let finalizer {
      if [SIGINT, SIGTERM, SIGQUIT].contains(signal.number) { return finalizer.hurry() }
      return nil
    }
    if signal.number == SIGTERM { noteSIGTERM() }
    guard case .leave = forwarding.handle(signal) else { return nil }
    services.writer.flush(until: .now + 1)
    return 1
  }

  /// What follows may be a SIGKILL: within moments if the script of a batch job does not handle SIGTERM. So the record
  /// is written now.
  private mutating func noteSIGTERM() {
    hasSIGTERM = true
    watch.records?.writeInfo()
  }

  private mutating func reap() {
    if finalizer == nil, waitsForLastSample() { return }
    // If the command ends right now, leave it for its last sample. Its own SIGCHLD follows.
    let unsampled = finalizer == nil && ending == nil ? command : nil
    for exit in services.children.reapEnded(but: unsampled) {
      if exit.pid == command, finalizer == nil {
        finish(exit)
      } else {
        watch.capture?.noteEnd(of: exit)
        if exit.isAdopted { noteOrphan(exit) }
      }
    }
    if finalizer == nil, services.children.isGone(command) {
      services.log.error(
        "The command has ended, but somebody else has taken its exit code: 255 stands for it")
      finish(ChildExit(pid: command, cause: .exited(255), usage: rusage()))
    }
  }

  /// Whether the command has ended and the sampler has not taken its last sample yet. The command stays a zombie
  /// until then, so that /proc still shows it and its children.
  private mutating func waitsForLastSample() -> Bool {
    if ending == nil {
      guard services.children.hasEnded(command) else { return false }
      ending = CommandEnding(lastStat: files.stat(own: command))
      watch.sampler?.end()
    }
    guard let ending, let sampler = watch.sampler else { return false }
    return !sampler.hasEnded && ending.instant + Self.lastSampleLimit > .now
  }

  private mutating func finish(_ exit: ChildExit) {
    var ending = ending ?? CommandEnding(lastStat: nil)
    ending.hadSIGTERM = hasSIGTERM
    finalizer = finalize(exit, ending)
  }

  /// Adds the processor time of an orphan, which the kernel adds to duct's children and to no process of the run.
  private func noteOrphan(_ exit: ChildExit) {
    let used = Int64((seconds(exit.usage.ru_utime) + seconds(exit.usage.ru_stime)) * 1e9)
    orphanTime.withLock { $0 += used }
  }
}
