internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import ProcessSampling
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Runs the last steps after the command has ended. Has a thread of its own, so the main thread still handles
/// signals.
///
/// Each step has a time limit, except the wait for the reader of duct's own output.
final class RunFinalizer: Sendable {
  /// What the last steps use, besides the parts of the run.
  struct Context: Sendable {
    let settings: RunSettings
    let services: RunServices
    let startInstant: MonotonicInstant
    let paths: LogPaths
    /// duct's own peak resident memory in bytes, when it started the command; nil if not known.
    let ownPeakResident: Int?
    /// Descriptors held back for the last write of info.json.
    let reserve: DescriptorReserve
    /// Nil if duct runs in no job, if it shall not ask Slurm, and for processes that it is attached to.
    var ownJob: OwnJobQuestion?
    /// Nil unless duct is attached to a job.
    var attachedJob: AttachedJob?
    /// Nil if duct keeps no ticket.
    var ticket: TicketKeeper?
  }

  /// Seconds for each step whose limit no setting defines.
  private static let stepLimit = 5.0
  /// Seconds for the end of the renewal of the ticket.
  private static let ticketLimit = 1.0
  /// Seconds. A command that ran longer may have submitted jobs that no sample has shown.
  private static let shortCommand = 10.0
  /// Seconds for the states of the command's jobs if Slurm ends the job of duct itself. It kills duct after KillWait,
  /// which may be 3 s.
  private static let lastJobsLimit = 1.0

  /// The command's exit code, as a shell has it.
  private let commandCode: CInt
  /// With `--jobs-exit-code`: not all jobs are known to have ended well.
  private let jobsHaveFailed: Monitor<Bool>
  private let watch: RunWatch
  private let context: Context
  private let ending: CommandEnding
  private let exit: ChildExit?
  private let patience = FinalPatience()
  private let done = Monitor(false)

  private var settings: RunSettings { context.settings }
  private var log: Logger { context.services.log }
  private var messages: ClosingMessages {
    ClosingMessages(settings, log: log, writer: context.services.writer)
  }

  /// - Parameter exit: nil if duct has not started the command.
  init(_ watch: RunWatch, _ context: Context, exit: ChildExit?, ending: CommandEnding) {
    self.watch = watch
    self.context = context
    self.ending = ending
    self.exit = exit
    commandCode = exit?.shellCode ?? 0
    jobsHaveFailed = Monitor(context.settings.jobsExitCode && watch.hasSlurm)
    if let exit { context.services.children.forget(exit.pid) }
    do throws(Errno) {
      _ = try OwnThread("duct finalizer", stackSize: 4 << 20) { [self] in
        finalize()
        done.update { $0 = true }
        // Wakes the main thread, which then checks `isDone`. A signal works even if the process has used up its
        // descriptors.
        kill(getpid(), SIGCHLD)
      }
    } catch {
      log.warning("Cannot start the last thread (\(error.description)): going on without it")
      patience.noteAlone()
      finalize()
      done.update { $0 = true }
    }
  }

  /// The exit code of duct.
  var exitCode: CInt { commandCode == 0 && jobsHaveFailed.withLock { $0 } ? 1 : commandCode }

  /// Whether all steps are done. A SIGCHLD makes the main thread check this.
  var isDone: Bool { done.withLock { $0 } }

  /// Ends waits after a signal. Returns an exit code if duct shall exit immediately.
  func hurry() -> CInt? {
    switch patience.hurry() {
    case .stopsWaitingForJobs: break
    case .leaves: return exitCode
    case .stopsWaiting:
      log.info("Not waiting any longer for output, jobs and records")
      watch.jobs?.cancel()
      for echo in watch.echoes { echo.cancel() }
    }
    return nil
  }

  /// Seconds that the command ran, even if someone set the wall clock meanwhile.
  private var elapsed: Double { ending.instant.seconds(since: context.startInstant) }

  // MARK: The steps

  private func finalize() {
    watch.records?.facts.update { facts in
      facts.endTime = ending.time.seconds
      facts.endInstant = ending.instant
      guard let exit else { return }
      facts.exitCode = Int(exit.shellCode)
      facts.rootUsage = RootUsage(exit.usage, ownPeakResident: context.ownPeakResident)
      facts.endReason = EndReason(exit.cause)
    }
    // If Slurm ends the job, it kills duct soon: keep now what is known.
    if asksForOwnJob { watch.records?.writeInfo() }
    syncOutput()
    if watch.sampler?.finish(until: patience.deadline(Self.stepLimit)) == false {
      log.warning("The sampler does not end: the last samples are missing")
    }
    for scanner in watch.scanners { scanner.wait(until: patience.deadline(Self.stepLimit)) }
    watch.finishDescription(until: patience.deadline(Self.stepLimit))
    noteAttachedJob()
    finishJobs(isKilledSoon: noteOwnJob())

    let known = watch.jobs?.snapshot
    let removes = removesRecords(known)
    let left = leftProcesses()
    watch.records?.facts.update { facts in
      facts.left = left
      facts.cgroups = watch.sampler?.cgroups
      facts.noteOutOfMemory(exit)
      facts.state = .finished
    }
    context.reserve.release()
    if !removes { watch.records?.writeInfo() }
    watch.delivery?.finish(until: patience.deadline(settings.finalizeTimeout))
    let leftovers = deliver(removes: removes)
    context.ticket?.finish(until: patience.deadline(Self.ticketLimit))
    waitForReaders()
    conclude(known, removed: removes)
    messages.warn(ofLeft: left ?? [])
    reportLeftovers(leftovers, removed: removes)
    while !context.services.writer.flush(until: .now + 0.5), !patience.isHurried {}
  }

  /// Makes the relay write all that the command has printed, and passes the final lengths of the streams to the
  /// followers.
  private func syncOutput() {
    guard let capture = watch.capture else { return }
    let hadEnded = capture.hasEnded
    watch.delivery?.checkLogFiles(until: patience.deadline(Self.stepLimit))
    if !capture.sync(until: patience.deadline(settings.finalizeTimeout)) {
      log.warning("The last output of the command could not be taken from its pipe in time")
    }
    // The check above sends a request to the relay. If a stream ended before the relay read it, the relay did not
    // serve it: check again.
    if !hadEnded { watch.delivery?.checkLogFiles(until: patience.deadline(Self.stepLimit)) }
    for echo in watch.echoes { echo.finish(at: capture.status[echo.stream].written) }
    for scanner in watch.scanners { scanner.finish(at: capture.status[scanner.stream].written) }
  }

  /// Descendants of the command that still run. Nil if /proc does not show them.
  private func leftProcesses() -> [LeftProcessRecord]? {
    let left = watch.sampler.map(\.left) ?? []
    guard let left, !left.isEmpty else { return left.map { _ in [] } }
    let files = ProcFiles()
    return left.compactMap { process -> LeftProcessRecord? in
      guard let stat = files.stat(process.identity.pid), ProcessIdentity(stat) == process.identity,
        !stat.isZombie
      else { return nil }
      return LeftProcessRecord(pid: process.pid, command: process.commandLine)
    }
  }

  // MARK: The job that duct runs in

  /// Whether Slurm may have ended the command.
  private var asksForOwnJob: Bool {
    guard context.ownJob != nil, let exit else { return false }
    return ending.hadSIGTERM || exit.mayBeOfSlurm
  }

  /// Records what Slurm does with the job, if that is why the command ended. True if Slurm ends the job, so that it soon
  /// kills duct, or if it seems so.
  private func noteOwnJob() -> Bool {
    guard asksForOwnJob, let ownJob = context.ownJob else { return false }
    switch ownJob.ask() {
    case .goesOn: return false
    case .unknown: return ending.hadSIGTERM
    case .ends(let reason):
      watch.records?.facts.update { $0.endReason = reason }
      return true
    }
  }

  /// Records how the job ended that duct was attached to.
  private func noteAttachedJob() {
    guard let job = context.attachedJob, watch.records?.facts.withLock({ $0.endReason }) == .ended else {
      return
    }
    // slurmctld may take its time: keep now what is known.
    watch.records?.writeInfo()
    let ending = job.ending(patience)
    watch.records?.facts.update { facts in
      facts.exitCode = ending.exitCode
      if let reason = ending.reason { facts.endReason = reason }
    }
  }

  // MARK: Delivery

  /// Delivers everything to the log directory, or removes this run's files from it. Returns what could not be
  /// delivered or removed.
  private func deliver(removes: Bool) -> [Deliverer.Leftover] {
    let (setup, limit) = (watch.setup, patience.deadline(settings.finalizeTimeout))
    var end = RunEnd()
    var leftovers: [Deliverer.Leftover] = []
    var actions = end.step(.jobsAreKnown(removes: removes))
    while let action = actions.first {
      actions.removeFirst()
      switch action {
      case .discard:
        watch.records?.discard(until: limit)
        leftovers = setup.carrier.discard(until: limit)
        actions += end.step(
          .discarded(isAll: leftovers.isEmpty, streamsHaveEnded: watch.capture?.hasEnded ?? true))
      case .deliver:
        let hadEnded = watch.capture?.hasEnded ?? true
        // If the thread that delivers the output could not be started, nobody has told the carrier of it.
        if watch.delivery == nil, let capture = watch.capture {
          StreamDelivery.handOver(status: capture.status, stores: setup.stores, to: setup.carrier)
        }
        leftovers = watch.records?.finish(until: limit) ?? setup.carrier.finish(until: limit)
        actions += end.step(.delivered(isAll: leftovers.isEmpty, streamsHadEnded: hadEnded))
      case .note(let ending):
        if ending == .leftToRelay, leftovers.isEmpty { setup.spool.noteRecordsAreDelivered() }
        setup.spool.status.noteEnding(ending)
        setup.wake.signalEvent()
      case .removeSpool: setup.spool.remove()
      }
    }
    return leftovers
  }

  private func reportLeftovers(_ leftovers: [Deliverer.Leftover], removed: Bool) {
    if leftovers.isEmpty { return }
    let folder = watch.setup.spool.folder.flatMap { RunManifest.exists(in: $0) ? $0 : nil }
    // `recover` cannot use a folder without its manifest.
    if folder == nil, watch.capture == nil { watch.setup.spool.remove() }
    let status = watch.setup.spool.status
    let inMemory = (0..<2).map { (context.paths.stream($0), status.bytesInMemory(stream: $0)) }
    messages.report(
      leftovers, inMemory: Dictionary(inMemory) { $0 + $1 }, in: folder?.path, removed: removed)
  }

  // MARK: Jobs

  /// Asks for the states of the jobs once more. With `--wait-jobs`, first waits until they are final.
  private func finishJobs(isKilledSoon: Bool) {
    guard let jobs = watch.jobs else { return }
    if isKilledSoon {
      jobs.finish(until: .now + Self.lastJobsLimit, waits: false)
      return
    }
    if settings.waitJobs, !patience.isAlone {
      let progress = JobProgress(writer: context.services.writer, isShown: settings.logLevel != .none)
      let show: ((JobCounts) -> Void)? = progress.isShown ? { progress.show($0) } : nil
      patience.whileWaitingForJobs {
        jobs.waitForJobs(progress: show, isCancelled: { patience.hasEnoughOfJobs })
      }
      progress.clear()
      if patience.hasEnoughOfJobs { log.info("Not waiting any longer for jobs") }
    }
    if patience.isHurried { return }
    if settings.waitJobs || mayHaveSubmitted(jobs) {
      jobs.finish(until: patience.deadline(settings.slurmTimeout), waits: settings.waitJobs)
    } else {
      jobs.cancel()
    }
  }

  /// Whether the command may have submitted jobs. If it was short, had no children and is no client of Slurm
  /// itself, it has not, and duct need not ask Slurm.
  private func mayHaveSubmitted(_ jobs: JobWatcher) -> Bool {
    if jobs.snapshot.mayHaveSubmitted || elapsed > Self.shortCommand { return true }
    guard let lastStat = ending.lastStat else { return true }
    let clients = ["sbatch", "srun", "salloc"].map { ProcessName(Array($0.utf8)) }
    return lastStat.childFaults > 0 || lastStat.threads > 1 || clients.contains(lastStat.name)
  }

  // MARK: The end

  /// Whether to remove the records, because the command failed within `--fail-time`.
  private func removesRecords(_ known: JobKnowledge?) -> Bool {
    guard commandCode != 0, elapsed < settings.failTime || settings.failTime < 0 else { return false }
    if let known {
      // The command has jobs, printed an id that Slurm could not confirm, or called sbatch while Slurm did not
      // answer: the records may be the only trace of these jobs.
      if !known.ledger.isEmpty || !known.detection.mentionedIDs.isEmpty || known.mayHaveUnknownJobs {
        return false
      }
    }
    // If duct could not show some output, that output is only in the records.
    for echo in watch.echoes { echo.wait(until: patience.deadline(0.2)) }
    return !watch.echoes.contains { $0.hasFailed }
  }

  /// Waits without a limit, so a slow reader gets everything, as without duct. If a reader closes its end, the echo
  /// ends.
  private func waitForReaders() {
    patience.noteWaitForReaders()
    for echo in watch.echoes {
      while !echo.wait(until: .now + 0.5), !patience.isHurried {}
    }
  }

  private func conclude(_ known: JobKnowledge?, removed: Bool) {
    if removed { return messages.reportRemoval() }
    if settings.slurm == .on, let problem = known?.problem {
      log.warning("--slurm on: Slurm did not answer: \(problem)")
    }
    if let records = watch.records {
      messages.showSummary(records.facts.withLock { $0.summary(context.paths) }, known)
    }
    guard settings.jobsExitCode else { return }
    let failure =
      known.map { $0.failureOfJobs(commandEnd: ending.time.seconds) }
      ?? (watch.hasSlurm ? "its Slurm jobs were not watched" : nil)
    jobsHaveFailed.update { $0 = failure != nil }
    if let failure, commandCode == 0 { log.warning("\(failure): exit code 1 (--jobs-exit-code)") }
  }
}
