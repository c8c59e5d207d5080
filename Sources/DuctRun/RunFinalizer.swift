internal import DuctRecords
import Glibc
internal import Logging
internal import ProcessSampling
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What is left to do when the command has ended, on a thread of its own: the main thread goes on
/// serving signals, and each step has a limit but the reader of duct's own output, who is waited for.
final class RunFinalizer: Sendable {
  let exitCode: CInt
  private let watch: RunWatch
  private let end: WallTime
  private let endInstant: MonotonicInstant
  private let lastStat: ProcessStat?
  private let usage: rusage
  private let patience = Monitor(Patience())
  private let done = Monitor(false)

  /// What the user has said by signals.
  private struct Patience: Sendable {
    /// The jobs are being waited for.
    var waitsForJobs = false
    /// Enough of that: a last look at their states, and then the end as usual.
    var hasEnoughOfJobs = false
    /// How often the user did not want to wait for the rest.
    var hurries = 0
    /// The main thread itself does this, and can hear of nothing meanwhile.
    var isAlone = false
  }

  init(
    _ watch: RunWatch, exit: ChildExit, end: WallTime, endInstant: MonotonicInstant, lastStat: ProcessStat?
  ) {
    self.watch = watch
    self.end = end
    self.endInstant = endInstant
    self.lastStat = lastStat
    exitCode = exit.shellCode
    usage = exit.usage
    watch.context.children.forget(exit.pid)
    do throws(Errno) {
      _ = try OwnThread("duct finalizer", stackSize: 4 << 20) { [self] in
        finalize()
        done.update { $0 = true }
        // Wakes the main thread, which looks whether this was it. No descriptor is needed for it, of which
        // there may be none left.
        kill(getpid(), SIGCHLD)
      }
    } catch {
      watch.context.log.warning("Cannot start the last thread (\(error.description)): going on without it")
      patience.update { $0.isAlone = true }
      finalize()
      done.update { $0 = true }
    }
  }

  /// Everything is done. The main thread is told by a SIGCHLD.
  var isDone: Bool { done.withLock { $0 } }

  /// The user does not want to wait: first for the jobs, then for anything; the next time, duct leaves
  /// at once, and the exit code is given.
  func hurry() -> CInt? {
    let (ended, count) = patience.update { patience -> (Bool, Int) in
      if patience.waitsForJobs, !patience.hasEnoughOfJobs {
        patience.hasEnoughOfJobs = true
        return (true, 0)
      }
      patience.hurries += 1
      return (false, patience.hurries)
    }
    if ended { return nil }
    if count > 1 { return exitCode }
    watch.context.log.info("Not waiting any longer for output, jobs and records")
    watch.jobs?.cancel()
    for echo in watch.echoes { echo.cancel() }
    return nil
  }

  private var isHurried: Bool { patience.withLock { $0.hurries > 0 } }

  /// A deadline `seconds` from now, or now if the user does not want to wait.
  private func deadline(_ seconds: Double) -> MonotonicInstant { .now + (isHurried ? 0.2 : seconds) }

  /// Seconds that the command ran, whatever was done to the wall clock meanwhile.
  private var elapsed: Double { endInstant.seconds(since: watch.context.startInstant) }

  // MARK: The steps

  private func finalize() {
    let settings = watch.context.settings
    watch.records?.facts.update { facts in
      facts.endTime = end.seconds
      facts.endInstant = endInstant
      facts.exitCode = Int(exitCode)
      facts.rootUsage = RootUsage(
        usage, ownPeakResident: watch.context.ownPeakResident.withLock { $0 })
    }
    syncOutput()
    if watch.sampler?.finish(until: deadline(5)) == false {
      watch.context.log.warning("The sampler does not end: the last samples are missing")
    }
    for scanner in watch.scanners { scanner.wait(until: deadline(5)) }
    watch.finishDescription(until: deadline(5))
    finishJobs()

    let jobs = watch.jobs?.snapshot.ledger.jobs ?? []
    let removes = removesRecords(jobs)
    let left = leftProcesses()
    watch.records?.facts.update { facts in
      facts.left = left
      facts.cgroups = watch.sampler?.cgroups
      facts.state = .finished
    }
    watch.context.reserve.release()
    if !removes { watch.records?.writeInfo() }
    watch.delivery?.finish(until: deadline(settings.finalizeTimeout))
    let leftovers = deliver(removes: removes)
    waitForReaders()
    conclude(jobs, removed: removes)
    name(left ?? [])
    if !leftovers.isEmpty { name(leftovers, removed: removes) }
    waitWhileLogging()
  }

  /// Everything that the command has printed is in the files, and the followers know where it ends.
  private func syncOutput() {
    guard let capture = watch.capture else { return }
    let hadEnded = capture.hasEnded
    watch.delivery?.checkLogFiles(until: deadline(5))
    if !capture.sync(until: deadline(watch.context.settings.finalizeTimeout)) {
      watch.context.log.warning("The last output of the command could not be taken from its pipe in time")
    }
    // A stream that has ended meanwhile did not hear of it.
    if !hadEnded { watch.delivery?.checkLogFiles(until: deadline(5)) }
    for echo in watch.echoes { echo.finish(at: capture.status[echo.stream].written) }
    for scanner in watch.scanners { scanner.finish(at: capture.status[scanner.stream].written) }
  }

  // MARK: Delivery

  /// Everything to the log directory, or away from it. Returns what could not be delivered, or not be removed.
  private func deliver(removes: Bool) -> [Deliverer.Leftover] {
    let (setup, limit) = (watch.setup, deadline(watch.context.settings.finalizeTimeout))
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
        leftovers = watch.records?.finish(until: limit) ?? []
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

  /// Descendants of the command that have not ended since. Nil where /proc does not tell.
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

  private static let mostNamed = 5

  private func name(_ left: [LeftProcessRecord]) {
    if left.isEmpty { return }
    var names = left.prefix(Self.mostNamed).map { "\($0.pid) (\(shortened($0.command.forDisplay)))" }
    if left.count > Self.mostNamed { names.append("\(left.count - Self.mostNamed) more") }
    watch.context.log.warning(
      "\(left.count) \(left.count == 1 ? "process" : "processes") of the command still \(left.count == 1 ? "runs" : "run"), and \(left.count == 1 ? "is" : "are") left alone: \(names.joined(separator: ", "))"
    )
  }

  private func shortened(_ text: String) -> String {
    text.unicodeScalars.count <= 60 ? text : String(text.unicodeScalars.prefix(59)) + "…"
  }

  /// Says what waits where, and how to bring it home: also under --quiet, since nobody could find it.
  private func name(_ leftovers: [Deliverer.Leftover], removed: Bool) {
    let writer = watch.context.writer
    guard let folder = watch.setup.spool.folder, holdsRun(folder) else {
      // Without its manifest nothing could make use of it.
      if watch.capture == nil { watch.setup.spool.remove() }
      let trouble =
        removed ? "could not be removed" : "could not be delivered, and no local disk could keep it"
      writer.write(lines: "con-duct: \(trouble): \(leftovers.map { "\($0.path)" }.joined(separator: ", "))\n")
      return
    }
    var text =
      removed
      ? "con-duct: not all log files could be removed:\n"
      : "con-duct: not everything could be written to the log directory. On \(hostName()) waits in \(folder.path):\n"
    for leftover in leftovers {
      let size = leftover.bytes > 0 ? ", \(leftover.bytes) bytes" : ""
      text +=
        "  \(removed ? "" : "for ")\(leftover.path)\(size)\(leftover.failure.map { ": \($0)" } ?? "")\n"
    }
    text +=
      removed
      ? "To remove them, once the log directory can be written, run on \(hostName()):\n"
      : "To deliver it, once the log directory can be written, run there:\n"
    writer.write(lines: text + "  con-duct recover \(folder.path.escapedText.shellWord)\n")
  }

  /// Whether `recover` could deliver what is in it.
  private func holdsRun(_ folder: SpoolFolder) -> Bool {
    folder.path.appending(RunManifest.fileName).withPlatformString { access($0, F_OK) } == 0
  }

  /// The states of jobs, once more; with `--wait-jobs` not before they are final.
  private func finishJobs() {
    guard let jobs = watch.jobs else { return }
    let settings = watch.context.settings
    if settings.waitJobs, !patience.withLock({ $0.isAlone }) {
      let progress = JobProgress(writer: watch.context.writer, isShown: settings.logLevel != .none)
      patience.update { $0.waitsForJobs = true }
      jobs.waitForJobs(
        progress: progress.show, isCancelled: { self.patience.withLock { $0.hasEnoughOfJobs } })
      patience.update { $0.waitsForJobs = false }
      progress.clear()
      if patience.withLock({ $0.hasEnoughOfJobs }) {
        watch.context.log.info("Not waiting any longer for jobs")
      }
    }
    if isHurried { return }
    if settings.waitJobs || mayHaveSubmitted(jobs) {
      jobs.finish(until: deadline(settings.slurmTimeout), waits: settings.waitJobs)
    } else {
      jobs.cancel()
    }
  }

  /// A short command without children, that is no client of Slurm itself, has submitted nothing: then
  /// Slurm need not be asked.
  private func mayHaveSubmitted(_ jobs: JobWatcher) -> Bool {
    if jobs.mayHaveSubmitted || elapsed > 10 { return true }
    guard let lastStat else { return true }
    let clients = ["sbatch", "srun", "salloc"].map { ProcessName(Array($0.utf8)) }
    return lastStat.childFaults > 0 || lastStat.threads > 1 || clients.contains(lastStat.name)
  }

  private func removesRecords(_ jobs: [JobRecord]) -> Bool {
    let settings = watch.context.settings
    guard exitCode != 0, elapsed < settings.failTime || settings.failTime < 0 else { return false }
    if !jobs.isEmpty { return false }
    // It printed an id that Slurm could not confirm, or called sbatch while Slurm could not be asked: the records may be all
    // that there is.
    if let state = watch.jobs?.snapshot,
      !state.detection.mentionedIDs.isEmpty || state.mayHaveUnknownJobs
    {
      return false
    }
    // Nor what could not be shown.
    for echo in watch.echoes { echo.wait(until: deadline(0.2)) }
    return !watch.echoes.contains { $0.hasFailed }
  }

  /// A reader that is slow gets everything, as without duct; one that has left is noticed by the echo.
  private func waitForReaders() {
    // Nobody could say that it is enough.
    patience.update { if $0.isAlone { $0.hurries += 1 } }
    for echo in watch.echoes {
      while !echo.wait(until: .now + 0.5), !isHurried {}
    }
  }

  private func conclude(_ jobs: [JobRecord], removed: Bool) {
    let (settings, log) = (watch.context.settings, watch.context.log)
    if removed {
      let time = settings.failTime > 0 ? " in less than \(settings.failTime) seconds" : ""
      log.info("Removing log files since command failed\(time).")
      return
    }
    if settings.slurm == .on, let problem = watch.jobs?.snapshot.problem {
      log.warning("--slurm on: Slurm did not answer: \(problem)")
    }
    guard let records = watch.records else { return }
    let summary = records.facts.withLock { $0.summary(watch.context.paths) }
    var text = settings.summaryFormat.render(
      summary.templateValues, colors: settings.colors, isDisplayed: true, warn: { log.warning("\($0)") })
    if let line = jobsLine(jobs) {
      if !text.hasSuffix("\n") { text += "\n" }
      text += "Slurm jobs: \(line.forDisplay)\n"
    }
    log.info(prepared: text)
  }

  /// Of jobs, and of what is not known of them. Nil where there is nothing to say.
  private func jobsLine(_ jobs: [JobRecord]) -> String? {
    let state = watch.jobs?.snapshot
    if !jobs.isEmpty {
      return JobSummary.text(jobs)
        + (state?.problem.map { " (Slurm did not answer everything: \($0))" } ?? "")
    }
    // A command that cannot have submitted anything is not told that Slurm is down.
    guard let state, let problem = state.problem,
      watch.context.settings.slurm == .on || state.detection.hasSeenSbatch
        || !state.detection.mentionedIDs.isEmpty
    else { return nil }
    return "not known, since Slurm did not answer: \(problem)"
  }

  private func waitWhileLogging() {
    while !watch.context.writer.flush(until: .now + 0.5), !isHurried {}
  }
}
