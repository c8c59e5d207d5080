internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import Logging
internal import OrderedCollections
internal import ProcessSampling
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// The records of a run: info.json, which duct rewrites as a whole when something is new, and usage.jsonl.
final class RunRecords: Sendable {
  let paths: LogPaths
  let facts: Monitor<RunFacts>
  private let types: RecordTypes
  private let writer: RecordWriter
  private let setup: LogSetup
  private let slurm = LateFunction<Void, SlurmSection>()
  private let tasks = LateFunction<RunCounters?, [StepTask]>()
  private let environment: [String: String]
  private let redaction: Redaction

  init(
    _ facts: RunFacts, setup: LogSetup, paths: LogPaths, types: RecordTypes,
    environment: [String: String], redaction: Redaction, log: Logger,
    noteEarlierRuns: @escaping @Sendable ([WaitingRun]) -> Void
  ) throws(Errno) {
    self.facts = Monitor(facts)
    self.environment = environment
    self.redaction = redaction
    self.paths = paths
    self.types = types
    self.setup = setup
    writer = try RecordWriter(
      setup.spool.folder, journal: setup.journal, carrier: setup.carrier, log: log
    ) {
      let runs = setup.spool.earlierRuns()
      if !runs.isEmpty { noteEarlierRuns(runs) }
    }
  }

  /// Sets the source of the section on Slurm.
  func setSlurmSource(_ source: @escaping @Sendable () -> SlurmSection) {
    slurm.set(source)
  }

  /// Sets the source of the tasks of a step. It is called on the thread that writes the record.
  func setTaskSource(_ source: @escaping @Sendable (RunCounters?) -> [StepTask]) {
    tasks.set(source)
  }

  /// Requests a new info.json. It will contain what is known when it is written.
  ///
  /// - Parameter start: when to begin; nil: immediately.
  func writeInfo(after start: MonotonicInstant? = nil) {
    guard types.hasSystemSummary else { return }
    writer.writeInfo(after: start) { [self] in line() }
  }

  private func line() -> [UInt8] { document().jsonLine }

  /// - Parameter sample: nil if the run records no samples.
  func add(_ sample: UsageSample?, _ counters: RunCounters) {
    facts.withLock { facts in
      facts.usage.counters = counters
      if let sample { facts.usage.add(sample) }
    }
  }

  /// - Parameter isLast: an info.json follows anyway, so do not request one.
  func add(_ report: UsageReport, isLast: Bool) {
    facts.update { $0.usage.reportCount += 1 }
    writer.append(report.jsonLine)
    if !isLast { writeInfo() }
  }

  /// Waits until the carrier has delivered everything. Returns what could not be delivered to the log directory.
  func finish(until deadline: MonotonicInstant) -> [Deliverer.Leftover] {
    _ = writer.finish(until: deadline)
    let leftovers = setup.carrier.finish(until: deadline)
    writer.waitForExtra(until: deadline)
    if !leftovers.isEmpty, types.hasSystemSummary, let folder = setup.spool.folder {
      // Add the failures to the copy in the spool, for `recover`. If that fails, the last version is still there.
      try? folder.contents.replace(RunSpool.FileName.info, with: line())
    }
    return leftovers
  }

  /// Drops the records that wait. When the writer has ended, which may take until the deadline, nothing more is
  /// written.
  func discard(until deadline: MonotonicInstant) { _ = writer.discard(until: deadline) }

  private func document() -> InfoDocument {
    let host =
      self.facts.withLock { $0.host } ?? HostDescription(environment: environment, redaction: redaction)
    let process = self.facts.withLock { $0.process } ?? DuctProcess.own
    let facts = self.facts.withLock { facts in
      facts.host = host
      facts.process = process
      return facts
    }
    var slurm = slurm()
    if let jobs = slurm?.submittedJobs { slurm?.submittedJobs = jobs.redacted(redaction) }
    var info = InfoDocument(
      command: facts.command, executionSummary: facts.summary(paths), outputPaths: paths,
      workingDirectory: facts.workingDirectory, message: facts.message, runState: facts.state,
      runID: facts.runID, ioEvents: setup.carrier.events)
    info.mode = facts.mode
    info.endReason = facts.endReason
    info.system = host.system
    info.env = host.env
    info.gpu = facts.gpus
    info.campaign = facts.campaign
    info.parentRunID = facts.parentRunID
    info.lastUpdateTime = WallTime.now.seconds
    info.ductProcess = process
    info.processesEscaped = facts.usage.counters?.escapedCount
    info.processesLeft = facts.left
    info.cgroups = facts.cgroups
    info.tasks = tasks(facts.usage.counters)
    info.step = facts.step
    info.slurm = slurm
    return info
  }
}
