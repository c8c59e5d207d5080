internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import ProcessSampling
internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// The parts of duct that work while the command runs: echo, samples, records, jobs. Each has a thread of its own.
///
/// If a part cannot be started, duct logs that and does without it. The command runs on.
final class RunWatch: Sendable {
  let setup: LogSetup
  let capture: OutputCapture?
  let records: RunRecords?
  let jobs: JobWatcher?
  /// There is a Slurm here, so the command can have jobs also if there is no watcher for them.
  let hasSlurm: Bool
  /// Show the captured streams on duct's own stdout and stderr.
  let echoes: [OutputEcho]
  /// Search the captured streams for job ids.
  let scanners: [OutputFollower]
  let sampler: Sampler?
  /// No process that duct is attached to is left.
  let isEmptied: Monitor<Bool>
  /// Makes the carrier deliver the output that the relay does not write into the log files itself.
  let delivery: StreamDelivery?
  private let gpuDescription: OwnThread?
  private let gpuMonitor: GPUMonitor?

  /// Seconds from the start of the command to the first info.json. For a command that ends before, duct writes only
  /// one.
  private static let firstInfo = 0.01

  init(
    _ settings: RunSettings, environment: [String: String], _ identity: RunIdentity, _ services: RunServices,
    command: WatchedCommand, setup: LogSetup, capture: OutputCapture?, slurm: SlurmSetup?,
    orphanTime: Monitor<Int64>
  ) {
    self.setup = setup
    self.capture = capture
    let parts = WatchParts(settings, environment, identity, services, command: command)
    delivery = capture.flatMap { parts.delivery($0, setup) }
    let records = parts.records(setup)
    self.records = records
    let jobs = slurm.flatMap { parts.jobs($0, records) }
    self.jobs = jobs
    hasSlurm = slurm != nil || settings.slurm == .on
    echoes = capture.map(parts.echoes) ?? []
    scanners = capture.flatMap { capture in jobs.map { parts.scanners(capture, $0) } } ?? []
    let gpuMonitor = parts.gpuMonitor()
    self.gpuMonitor = gpuMonitor
    isEmptied = Monitor(false)
    sampler = parts.sampler(records, jobs, gpuMonitor, orphanTime, isEmptied)
    parts.connect(records, jobs, slurm)
    records?.writeInfo(after: .now + Self.firstInfo)
    gpuDescription = records.flatMap(parts.gpuDescription)
  }

  /// Waits for the description of the GPUs, which the record needs.
  func finishDescription(until deadline: MonotonicInstant) {
    gpuMonitor?.end()
    gpuDescription?.join(until: deadline)
  }
}

/// Starts the parts of a `RunWatch`.
private struct WatchParts {
  private let settings: RunSettings
  private let environment: [String: String]
  private let identity: RunIdentity
  private let services: RunServices
  private let command: WatchedCommand

  private var log: Logger { services.log }
  private var paths: LogPaths { identity.paths }

  init(
    _ settings: RunSettings, _ environment: [String: String], _ identity: RunIdentity,
    _ services: RunServices, command: WatchedCommand
  ) {
    self.settings = settings
    self.environment = environment
    self.identity = identity
    self.services = services
    self.command = command
  }

  /// Starts a part whose failure must not harm the run.
  private func attempt<Result>(_ what: String, _ body: () throws(Errno) -> Result?) -> Result? {
    do throws(Errno) {
      return try body()
    } catch {
      log.error("Cannot start \(what): \(error.description) (\(error.name)); the command runs on")
      return nil
    }
  }

  // MARK: Output

  func delivery(_ capture: OutputCapture, _ setup: LogSetup) -> StreamDelivery? {
    guard (0..<2).contains(where: capture.isCaptured) else { return nil }
    return attempt("the delivery of output") { () throws(Errno) in
      let check = LogFileCheck(
        status: capture.status, stores: setup.stores, paths: paths, wake: setup.wake)
      return try StreamDelivery(
        status: capture.status, stores: setup.stores, carrier: setup.carrier, folder: setup.spool.folder,
        check: setup.isDirect ? check : nil, checkInterval: settings.reportInterval)
    }
  }

  func echoes(_ capture: OutputCapture) -> [OutputEcho] {
    [paths.stdout, paths.stderr].enumerated().compactMap { index, path in
      guard settings.outputs.includes(index) else { return nil }
      return OutputEcho(stream: index, of: capture, path: path, log: log)
    }
  }

  // MARK: Records

  func records(_ setup: LogSetup) -> RunRecords? {
    let facts = RunFacts(
      runID: identity.runID, command: identity.command, startTime: identity.start.seconds,
      startInstant: identity.startInstant, workingDirectory: command.workingDirectory,
      mode: command.isAttached ? .attached : nil, message: settings.message,
      campaign: settings.campaign, parentRunID: parentRunID)
    return attempt("the records") { () throws(Errno) in
      try RunRecords(
        facts, setup: setup, paths: paths, types: settings.recordTypes, environment: environment,
        redaction: settings.redaction, log: log, noteEarlierRuns: note(earlier:))
    }
  }

  /// Runs have left something in the spool of this host. A user can deliver it; on the node of a step there is none, so
  /// duct delivers what the watches of other steps have left.
  private func note(earlier runs: [WaitingRun]) {
    if command.isStep {
      let steps = runs.filter(\.isOfStep).map(\.runID)
      if steps.isEmpty { return }
      do throws(Problem) { try TaskScript.spawn(["recover"] + steps) } catch { warnInSystemLog("\(error)") }
      return
    }
    let what = "\(runs.count) earlier \(runs.count == 1 ? "run has" : "runs have")"
    log.info(
      "\(what) left something on this host that is not delivered yet: see con-duct recover --list")
  }

  /// The run below which this one was started.
  private var parentRunID: String? {
    let handed = environment[CommandEnvironment.parentRun].flatMap { RunID.isRunID($0) ? $0 : nil }
    return handed ?? JobTag.parentRunID(environment: environment)
  }

  // MARK: Samples

  func sampler(
    _ records: RunRecords?, _ jobs: JobWatcher?, _ gpus: GPUMonitor?, _ orphanTime: Monitor<Int64>,
    _ isEmptied: Monitor<Bool>
  ) -> Sampler? {
    let watched = command.processes(settings.mode)
    let own = command.child
    let keepsSamples = settings.recordTypes.hasProcessesSamples
    let children = services.children
    return attempt("the sampler") { () throws(Errno) in
      try Sampler(
        .init(
          watched, start: identity.startInstant, sampleInterval: settings.sampleInterval,
          reportInterval: settings.reportInterval, redaction: settings.redaction, environment: environment),
        .init(
          isHelper: { $0 != own && children.isKnown($0) }, reaped: { orphanTime.withLock { $0 } },
          gpus: { gpus?.snapshot ?? [:] }),
        .init(
          sample: { sample, counters in
            records?.add(keepsSamples ? sample : nil, counters)
            if counters.haveEnded {
              isEmptied.update { $0 = true }
              kill(getpid(), SIGCHLD)
            }
          },
          report: { report, isLast in if keepsSamples { records?.add(report, isLast: isLast) } },
          tree: { jobs?.note($0) },
          // Wakes the main thread, which waits for the last sample before it reaps the command.
          ended: { kill(getpid(), SIGCHLD) }))
    }
  }

  /// Asks nvidia-smi for the GPUs, on a thread of its own because that may take seconds.
  func gpuDescription(_ records: RunRecords) -> OwnThread? {
    guard settings.recordTypes.hasSystemSummary, hasGPUPrograms else { return nil }
    let (children, mask) = (services.children, services.originalMask)
    return attempt("the description of GPUs") { () throws(Errno) in
      try OwnThread("duct gpus") {
        guard let gpus = GPUInfo.all(children, mask: mask) else { return }
        records.facts.update { $0.gpus = gpus }
        records.writeInfo()
      }
    }
  }

  func gpuMonitor() -> GPUMonitor? {
    guard settings.recordTypes.hasProcessesSamples,
      hasGPUPrograms || access("/dev/nvidiactl", F_OK) == 0
    else { return nil }
    return attempt("watching GPUs") { () throws(Errno) in
      try GPUMonitor(interval: max(settings.sampleInterval, 1), log: log)
    }
  }

  private var hasGPUPrograms: Bool { isInPath("nvidia-smi", path: environment["PATH"]) }

  // MARK: Jobs

  func jobs(_ slurm: SlurmSetup, _ records: RunRecords?) -> JobWatcher? {
    guard let command = command.child else { return nil }
    let detection = JobDetection(
      uid: getuid(), runStart: identity.start.seconds, tag: slurm.tag.tag, layers: settings.slurmDetect,
      hostName: hostName(),
      sharedSession: settings.mode == .currentSession ? UInt32(exactly: getsid(0)) : nil)
    return attempt("watching jobs") { () throws(Errno) in
      try JobWatcher(
        slurm, detection: detection, root: command, limit: settings.slurmTimeout, log: log
      ) { records?.writeInfo() }
    }
  }

  func scanners(_ capture: OutputCapture, _ jobs: JobWatcher) -> [OutputFollower] {
    guard settings.slurmDetect.contains(.output) else { return [] }
    return (0..<2).compactMap { index in
      attempt("looking for job ids in output") { () throws(Errno) -> OutputFollower? in
        guard let stores = capture.stores(index) else { return nil }
        let text = Monitor(SubmissionText())
        let follower = OutputFollower(
          stream: index, stores: stores, status: capture.status,
          sink: { bytes in
            jobs.note(text.withLock { $0.feed(bytes) })
            return true
          },
          // The last line may lack a newline.
          atEnd: { jobs.note(text.withLock { $0.finish() }) })
        try follower.start("duct scan")
        return follower
      }
    }
  }

  /// Adds the section on Slurm to info.json.
  func connect(_ records: RunRecords?, _ jobs: JobWatcher?, _ slurm: SlurmSetup?) {
    let own = OwnJob(environment: environment.mapValues(settings.redaction.applied))
    let layers = settings.slurmDetect.sorted()
    if let jobs, let slurm {
      records?.setSlurmSource { SlurmSection(jobs.snapshot, slurm, own, layers) }
    } else if let own {
      let reason =
        command.isAttached
        ? "duct is attached to processes that it has not started" : "duct does not ask Slurm"
      records?.setSlurmSource { SlurmSection(ofUnaskedIn: own, reason: reason) }
    }
  }
}

extension SlurmSection {
  /// Of a run in a job that looks for no jobs of its command: the environment tells which job it is in.
  fileprivate init(ofUnaskedIn own: OwnJob, reason: String) {
    self.init(
      tag: nil, tagReason: reason, detection: [], ownJob: own, problem: nil, submittedJobs: [],
      mentionedJobs: [], queries: [])
  }

  /// - Parameters:
  ///   - own: the job that duct itself runs in; nil outside of a job.
  ///   - layers: the kinds of evidence in use.
  fileprivate init(_ known: JobKnowledge, _ setup: SlurmSetup, _ own: OwnJob?, _ layers: [JobEvidence]) {
    var reason: String?
    if case .off(let text) = setup.tag { reason = text }
    self.init(
      tag: setup.tag.tag, tagReason: reason, detection: layers, ownJob: own, problem: known.problem,
      submittedJobs: known.ledger.jobs,
      mentionedJobs: known.ledger.doubts.map { MentionedJob(jobID: $0.key, reason: $0.value) },
      queries: Array(known.queries.values))
    clusterName = known.configuration?.clusterName ?? setup.clusterName
    controllerVersion = known.configuration?.controllerVersion
    libraryVersion = known.configuration?.libraryVersion
    askedBy = known.askedBy
  }
}
