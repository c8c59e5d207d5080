internal import DuctRecords
import Glibc
internal import LogDelivery
internal import Logging
internal import OrderedCollections
internal import ProcessSampling
internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// All that goes on beside a running command: echo, samples, records, jobs. Each on a thread of its own.
///
/// What cannot be started is told and left out; the command runs on.
final class RunWatch: Sendable {
  let context: RunContext
  let command: pid_t
  let capture: OutputCapture?
  let records: RunRecords?
  let jobs: JobWatcher?
  /// Hand the captured streams on to duct's own.
  let echoes: [OutputEcho]
  /// Look for job ids in the captured streams.
  let scanners: [OutputFollower]
  let sampler: Sampler?
  private let gpus: OwnThread?
  private let gpuMonitor: GPUMonitor?

  let setup: LogSetup
  /// Has the output delivered that the relay does not write into the log files itself.
  let delivery: StreamDelivery?

  init(
    _ context: RunContext, command: pid_t, setup: LogSetup, capture: OutputCapture?, slurm: SlurmSetup?
  ) {
    self.context = context
    self.command = command
    self.capture = capture
    self.setup = setup
    delivery = capture.flatMap { capture in
      guard (0..<2).contains(where: capture.isCaptured) else { return nil }
      return Self.attempt(context, "the delivery of output") { () throws(Errno) in
        try StreamDelivery(
          status: capture.status, stores: setup.stores, carrier: setup.carrier, folder: setup.spool.folder,
          check: setup.isDirect
            ? LogFileCheck(
              status: capture.status, stores: setup.stores, paths: context.paths, wake: setup.wake) : nil,
          checkInterval: context.settings.reportInterval)
      }
    }
    let records = Self.attempt(context, "the records") { () throws(Errno) in
      try RunRecords(
        Self.facts(context), setup: setup, paths: context.paths, types: context.settings.recordTypes,
        environment: context.surroundings.environment, redaction: context.settings.redaction,
        log: context.log)
    }
    self.records = records
    let jobs = slurm.flatMap { setup in
      Self.attempt(context, "watching jobs") { () throws(Errno) in
        try JobWatcher(
          setup, detection: Self.detection(context, setup), root: command,
          limit: context.settings.slurmTimeout, log: context.log
        ) { records?.writeInfo() }
      }
    }
    self.jobs = jobs
    echoes = Self.echoes(context, capture)
    scanners = jobs.map { Self.scanners(context, capture, $0) } ?? []
    let gpuMonitor = Self.gpuMonitor(context)
    self.gpuMonitor = gpuMonitor
    sampler = Self.sampler(context, command, records, jobs, gpuMonitor)
    Self.reportSlurm(context, records, jobs, slurm)
    records?.writeInfo(after: .now + Self.firstInfo)
    gpus = Self.describeGPUs(context, records)
  }

  /// Runs a step whose failure must not harm the run.
  private static func attempt<Result>(
    _ context: RunContext, _ what: String, _ body: () throws(Errno) -> Result?
  ) -> Result? {
    do throws(Errno) {
      return try body()
    } catch {
      context.log.error("Cannot start \(what): \(error.description) (\(error.name)); the command runs on")
      return nil
    }
  }

  private static func facts(_ context: RunContext) -> RunFacts {
    RunFacts(
      runID: context.runID, command: context.commandText, startTime: context.start.seconds,
      startInstant: context.startInstant,
      workingDirectory: currentDirectory(), message: context.settings.message,
      campaign: context.settings.campaign,
      parentRunID: JobTag.parentRunID(environment: context.surroundings.environment))
  }

  private static func detection(_ context: RunContext, _ setup: SlurmSetup) -> JobDetection {
    JobDetection(
      uid: getuid(), runStart: context.start.seconds, tag: setup.tag.tag,
      layers: context.settings.slurmDetect, hostName: hostName(),
      sharedSession: context.settings.mode == .currentSession ? UInt32(exactly: getsid(0)) : nil)
  }

  // MARK: Starting

  private static func echoes(_ context: RunContext, _ capture: OutputCapture?) -> [OutputEcho] {
    guard let capture else { return [] }
    return [context.paths.stdout, context.paths.stderr].enumerated().compactMap { index, path in
      guard context.settings.outputs.includes(index) else { return nil }
      return OutputEcho(stream: index, of: capture, path: path, log: context.log)
    }
  }

  private static func scanners(
    _ context: RunContext, _ capture: OutputCapture?, _ jobs: JobWatcher
  ) -> [OutputFollower] {
    guard let capture, context.settings.slurmDetect.contains(.output) else { return [] }
    return (0..<2).compactMap { index in
      attempt(context, "looking for job ids in output") { () throws(Errno) -> OutputFollower? in
        guard let stores = capture.stores(index) else { return nil }
        let text = Monitor(SubmissionText())
        let follower = OutputFollower(
          stream: index, stores: stores, status: capture.status,
          sink: { bytes in
            jobs.note(text.withLock { $0.feed(bytes) })
            return true
          },
          // The last line need not end in a newline.
          atEnd: { jobs.note(text.withLock { $0.finish() }) })
        try follower.start("duct scan")
        return follower
      }
    }
  }

  private static func sampler(
    _ context: RunContext, _ command: pid_t, _ records: RunRecords?, _ jobs: JobWatcher?,
    _ gpus: GPUMonitor?
  ) -> Sampler? {
    let settings = context.settings
    let isShared = settings.mode == .currentSession
    let keepsSamples = settings.recordTypes.hasProcessesSamples
    let (children, orphans) = (context.children, context.orphanTime)
    return attempt(context, "the sampler") { () throws(Errno) in
      try Sampler(
        .init(
          root: command, session: isShared ? getsid(0) : command, sessionIsShared: isShared,
          start: context.startInstant, sampleInterval: settings.sampleInterval,
          reportInterval: settings.reportInterval, redaction: settings.redaction,
          environment: context.surroundings.environment),
        .init(
          isHelper: { $0 != command && children.isKnown($0) },
          reaped: { orphans.withLock { $0 } },
          gpus: { gpus?.snapshot ?? [:] }),
        .init(
          sample: { records?.add(keepsSamples ? $0 : nil, $1) },
          report: { report, isLast in
            if keepsSamples { records?.add(report, isLast: isLast) }
          },
          tree: { jobs?.note($0) },
          // Wakes the main thread, which waits for it before it reaps the command.
          ended: { kill(getpid(), SIGCHLD) }))
    }
  }

  /// The first info.json is written so many seconds after the start of the command, or when it ends:
  /// of a command that is over at once one is written, and not two.
  private static let firstInfo = 0.01

  /// GPUs are told by a program that may take seconds, where there is one.
  private static func describeGPUs(_ context: RunContext, _ records: RunRecords?) -> OwnThread? {
    guard let records, context.settings.recordTypes.hasSystemSummary, hasGPUPrograms(context) else {
      return nil
    }
    return attempt(context, "the description of GPUs") { () throws(Errno) in
      try OwnThread("duct gpus") {
        if let gpus = GPUInfo.all(context.children, mask: context.originalMask) {
          records.facts.update { $0.gpus = gpus }
          records.writeInfo()
        }
      }
    }
  }

  private static func hasGPUPrograms(_ context: RunContext) -> Bool {
    isInPath("nvidia-smi", path: context.surroundings.environment["PATH"])
  }

  private static func gpuMonitor(_ context: RunContext) -> GPUMonitor? {
    let settings = context.settings
    guard settings.recordTypes.hasProcessesSamples,
      hasGPUPrograms(context) || access("/dev/nvidiactl", F_OK) == 0
    else { return nil }
    return attempt(context, "watching GPUs") { () throws(Errno) in
      try GPUMonitor(interval: max(settings.sampleInterval, 1), log: context.log)
    }
  }

  /// Waits for what the record needs and is not there yet.
  func finishDescription(until deadline: MonotonicInstant) {
    gpuMonitor?.end()
    gpus?.join(until: deadline)
  }

  private static func reportSlurm(
    _ context: RunContext, _ records: RunRecords?, _ jobs: JobWatcher?, _ setup: SlurmSetup?
  ) {
    guard let records, let jobs, let setup else { return }
    let redaction = context.settings.redaction
    let own = OwnJob(environment: context.surroundings.environment.mapValues(redaction.applied))
    let layers = context.settings.slurmDetect.sorted()
    records.setSlurmSource { section(jobs.snapshot, setup, own, layers) }
  }

  private static func section(
    _ state: JobWatcher.State, _ setup: SlurmSetup, _ own: OwnJob?, _ layers: [JobEvidence]
  ) -> SlurmSection {
    var reason: String?
    if case .off(let text) = setup.tag { reason = text }
    var section = SlurmSection(
      tag: setup.tag.tag, tagReason: reason, detection: layers, ownJob: own, problem: state.problem,
      submittedJobs: state.ledger.jobs,
      mentionedJobs: state.ledger.doubts.map { MentionedJob(jobID: $0.key, reason: $0.value) },
      queries: Array(state.queries.values))
    section.clusterName = state.configuration?.clusterName ?? setup.clusterName
    section.controllerVersion = state.configuration?.controllerVersion
    section.libraryVersion = state.configuration?.libraryVersion
    section.askedBy = state.askedBy
    return section
  }
}
