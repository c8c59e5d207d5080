public import DuctRecords
public import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import OutputRelay
internal import ProcessSampling
internal import ResilientIO
internal import SlurmClient
internal import SystemCalls
internal import SystemPackage

/// Watches and records processes that run already: `con-duct attach`.
public enum Attachment {
  /// Records until the last of the processes has ended, or until a signal asks duct to end.
  ///
  /// - Parameter settings: those of a run that captures no output and looks for no jobs.
  /// - Returns: the exit code of duct: 0, or 1 if nothing can be recorded.
  /// - Throws: `UsageError`, before anything has started.
  public static func execute(
    _ settings: RunSettings, _ target: AttachTarget, _ surroundings: Surroundings
  ) throws(UsageError) -> CInt {
    try execute(settings, target, surroundings, step: nil)
  }

  /// A step that a task prolog lets duct watch.
  struct Step: Sendable {
    let folder: StepFolder
    /// The prologs have told it to the tasks already.
    let runID: String
    /// The node's name, or `srun`: for the names of the records.
    let node: String
    /// How many tasks the step has on this node. Nil if Slurm does not tell.
    var taskCount: Int?
    /// Of the step itself. Nil: the record is of the step's tasks on a node.
    var description: StepDescription?
  }

  static func execute(
    _ settings: RunSettings, _ target: AttachTarget, _ surroundings: Surroundings, step: Step?
  ) throws(UsageError) -> CInt {
    try Run.withServices(settings, surroundings) { services throws(UsageError) in
      let identity = try RunIdentity(
        settings, surroundings, command: target.command, runID: step?.runID, node: step?.node,
        log: services.log)
      let start = AttachStart(
        settings: settings, surroundings: surroundings, target: target, step: step, services: services)
      return try start.run(identity)
    }
  }
}

/// Starts all parts of a run that is attached to processes.
private struct AttachStart {
  let settings: RunSettings
  let surroundings: Surroundings
  let target: AttachTarget
  let step: Attachment.Step?
  let services: RunServices

  private var log: Logger { services.log }

  func run(_ first: RunIdentity) throws(UsageError) -> CInt {
    let helpers = HelperPrograms(environment: surroundings.environment)
    let reserve = DescriptorReserve(RunStart.reservedDescriptors)
    var plan = LogPlan(settings, surroundings, first)
    guard
      let setup = try LogSetup.make(
        &plan, carrierProgram: helpers.duct, children: services.children, mask: services.originalMask,
        log: log)
    else { return 1 }
    let identity = plan.identity
    let signals: SignalFile
    do throws(Errno) { signals = try SignalFile(SignalForwarding.read) } catch {
      log.error("Cannot watch: signalfd: \(error.description) (\(error.name))")
      setup.spool.remove()
      return 1
    }
    // The tasks' next prolog or epilog finishes the record of a step's watch, so it does without the relay.
    let capture = step == nil ? startRelay(setup, helpers) : nil
    if let root = target.processes.root, let command = CommandIdentity(of: root) {
      setup.spool.status.noteCommand(command)
    }
    log.info("duct \(Versions.duct) watches \(identity.command.bounded().pythonRepresentation)...")
    log.info("Log files will be written to \(identity.paths.prefix)")
    for problem in target.problems { log.warning("\(problem)") }
    let watch = RunWatch(
      settings, environment: target.environment ?? surroundings.environment, identity, services,
      command: .attached(target), setup: setup, capture: capture, slurm: nil, orphanTime: Monitor(0))
    let tasks = step.flatMap { self.tasks(of: $0, setup.spool, isEmptied: watch.isEmptied) }
    if let tasks { watch.records?.setTaskSource { tasks.tasks(with: $0) } }
    if let description = step?.description { watch.records?.facts.update { $0.step = description } }
    let end = RunFinalizer.Context(
      settings: settings, services: services, startInstant: identity.startInstant, paths: identity.paths,
      ownPeakResident: nil, reserve: reserve, attachedJob: attachedJob(helpers))
    var loop = AttachLoop(
      watch, target, tasks, isOfSrun: step?.description != nil, signals: signals, services
    ) { ending in
      RunFinalizer(watch, end, exit: nil, ending: ending)
    }
    return loop.run()
  }

  /// Nil if the processes are of no job, or if duct shall not ask Slurm.
  private func attachedJob(_ helpers: HelperPrograms) -> AttachedJob? {
    guard case .job(let step) = target.processes, let search = SlurmSetup.search(settings, surroundings)
    else {
      return nil
    }
    return AttachedJob(
      step, restarts: target.environment?["SLURM_RESTART_COUNT"].flatMap { Int($0) } ?? 0, search,
      access: SlurmAccess(settings, surroundings, services, helpers), log: log)
  }

  /// Nil if no thread can be started: then the record has no table of tasks, and the end of slurmstepd ends the watch.
  private func tasks(of step: Attachment.Step, _ spool: RunSpool, isEmptied: Monitor<Bool>) -> TaskEnds? {
    guard case .daemon(let daemon) = target.processes else { return nil }
    let leave: @Sendable () -> Void = {
      spool.status.noteCommandEnd(.now)
      // Nothing else may take time here, and nothing is lost: what a killed watch leaves is complete.
      exitAtOnce(beside: daemon)
    }
    do throws(Errno) {
      return try TaskEnds(
        step.folder, daemon: daemon, expected: step.taskCount,
        leave: leavesRecord(of: step, in: spool) ? leave : nil
      ) {
        isEmptied.update { $0 = true }
        kill(getpid(), SIGCHLD)
      }
    } catch {
      warnInSystemLog("the tasks of \(target.command) are not recorded: \(error.description)")
      return nil
    }
  }

  /// Whether the watch of a step ends without finishing its record, which the next prolog, the epilog or `recover` then
  /// does.
  ///
  /// With proctrack/cgroup, slurmstepd looks 0.7 ms after the end of an only task whether a process of the step is left.
  /// If so, it kills that process and looks again after a second, for which srun waits. To finish a record takes
  /// several milliseconds. With more tasks, slurmstepd first waits for a tenth of a second.
  private func leavesRecord(of step: Attachment.Step, in spool: RunSpool) -> Bool {
    // An epilog that the user names gives the watch a second, and so the time for a last sample.
    let hasEpilog = surroundings.environment["SLURM_TASK_EPILOG"]?.isEmpty == false
    return step.taskCount == 1 && !hasEpilog && spool.folder != nil && isKilledWithStep()
  }

  /// If duct is killed, the relay finishes the records. Nil if there is none.
  private func startRelay(_ setup: LogSetup, _ helpers: HelperPrograms) -> OutputCapture? {
    guard let folder = setup.spool.folder else { return nil }
    do throws(Problem) {
      let capture = try OutputCapture(
        setup.stores, status: setup.spool.status, lock: folder.lock, folder: folder.path, wake: setup.wake,
        programs: helpers, children: services.children, log: log)
      capture.startRelay()
      return capture
    } catch {
      log.debug("\(error.description): nobody looks after the records of a killed duct")
      return nil
    }
  }
}

/// The main thread's loop of an attached run.
private struct AttachLoop {
  /// Seconds that the last sample may take.
  private static let lastSampleLimit = 1.0

  private let watch: RunWatch
  private let tasks: TaskEnds?
  private let isOfSrun: Bool
  private let signals: SignalFile
  private let services: RunServices
  private let finalize: (CommandEnding) -> RunFinalizer
  /// Becomes readable when the process ends. Nil if duct watches no single process, or before Linux 5.3: then the next
  /// sample shows its end.
  private var process: FileDescriptor?
  private var ending: CommandEnding?
  private var finalizer: RunFinalizer?

  init(
    _ watch: RunWatch, _ target: AttachTarget, _ tasks: TaskEnds?, isOfSrun: Bool, signals: SignalFile,
    _ services: RunServices,
    finalize: @escaping (CommandEnding) -> RunFinalizer
  ) {
    self.watch = watch
    self.tasks = tasks
    self.isOfSrun = isOfSrun
    self.signals = signals
    self.services = services
    self.finalize = finalize
    process = target.processes.root.flatMap { try? openProcess($0) }
  }

  /// Runs until everything is done. Returns the exit code of duct.
  mutating func run() -> CInt {
    while true {
      if let finalizer, finalizer.isDone { return finalizer.exitCode }
      let isWatching = ending == nil
      let limit = finalizer == nil ? ending.map { $0.instant + Self.lastSampleLimit } : nil
      let files = [signals.descriptor] + (isWatching ? process.map { [$0] } ?? [] : [])
      guard let ready = try? poll(reading: files, until: limit) else { continue }
      if ready.count > 1, ready[1].isReadable {
        // Its descendants may go on. The next sample shows it.
        process?.closeQuietly()
        process = nil
        watch.sampler?.hurry()
      }
      if isWatching, watch.isEmptied.withLock({ $0 }) { end(.ended) }
      while let signal = signals.next() {
        if let code = handle(signal) { return code }
      }
      finalizeIfSampled()
    }
  }

  /// Returns an exit code if duct shall exit immediately.
  private mutating func handle(_ signal: ArrivedSignal) -> CInt? {
    switch signal.number {
    case SIGCHLD:
      for exit in services.children.reapEnded(but: nil) { watch.capture?.noteEnd(of: exit) }
      if ending == nil, watch.isEmptied.withLock({ $0 }) { end(.ended) }
    case SIGINT, SIGTERM, SIGQUIT, SIGHUP:
      if let finalizer { return finalizer.hurry() }
      if ending == nil {
        services.log.info("Received SIG\(signalName(signal.number)): the processes go on, and duct ends")
        end(.detached)
      }
    case SIGUSR1:
      if let tasks {
        tasks.check()
      } else if isOfSrun, ending == nil {
        // srun's epilog says that all tasks have ended. srun itself ends a moment later.
        end(.ended)
      }
    default: break
    }
    return nil
  }

  private mutating func end(_ reason: EndReason) {
    ending = CommandEnding(lastStat: nil)
    watch.records?.facts.update { $0.endReason = reason }
    watch.sampler?.end()
  }

  private mutating func finalizeIfSampled() {
    guard finalizer == nil, let ending else { return }
    let hasSampled = watch.sampler?.hasEnded ?? true
    if hasSampled || ending.instant + Self.lastSampleLimit <= .now { finalizer = finalize(ending) }
  }
}
