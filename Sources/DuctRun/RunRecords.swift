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

/// What is known of a run at one moment.
struct RunFacts: Sendable {
  let runID: String
  let command: String
  let startTime: Double
  let startInstant: MonotonicInstant
  let workingDirectory: String
  let message: String
  let campaign: String?
  let parentRunID: String?
  var state = RunState.running
  var endTime: Double?
  var endInstant: MonotonicInstant?
  var exitCode: Int?
  /// From wait4(2), after the command has ended.
  var rootUsage: RootUsage?
  var usage = RunUsage()
  var host: HostDescription?
  var process: DuctProcess?
  var gpus: [GPUInfo]?
  var cgroups: [ControlGroup]?
  var left: [LeftProcessRecord]?

  func summary(_ paths: LogPaths) -> ExecutionSummary {
    var summary = ExecutionSummary(
      command: command, logsPrefix: paths.prefix,
      wallClockTime: (endInstant ?? .now).seconds(since: startInstant),
      sampleCount: usage.averages.sampleCount, reportCount: usage.reportCount, startTime: startTime,
      workingDirectory: workingDirectory)
    summary.exitCode = exitCode
    summary.endTime = endTime
    summary.peakRSS = usage.peaks?.rss
    summary.averageRSS = usage.averages.rss
    summary.peakVSZ = usage.peaks?.vsz
    summary.averageVSZ = usage.averages.vsz
    summary.peakPmem = usage.peaks?.pmem
    summary.averagePmem = usage.averages.pmem
    summary.peakPcpu = usage.peakPercent
    summary.averagePcpu = usage.averages.pcpu
    // The samples saw only zombies, so the memory use is not known.
    if summary.peakRSS == 0 {
      summary.peakRSS = nil
      summary.peakPmem = nil
      summary.peakVSZ = nil
    }
    addMemory(&summary)
    addProcessorTime(&summary)
    addIO(&summary)
    summary.missedSamples = usage.counters?.missedSamples
    return summary
  }

  private func addIO(_ summary: inout ExecutionSummary) {
    guard let io = usage.counters?.io else { return }
    summary.readCharacters = Int(clamping: io.readCharacters)
    summary.writtenCharacters = Int(clamping: io.writtenCharacters)
    summary.readBytes = Int(clamping: io.readBytes)
    summary.writtenBytes = Int(clamping: io.writtenBytes)
  }

  private func addMemory(_ summary: inout ExecutionSummary) {
    let limit = usage.counters?.memoryLimit
    summary.memoryLimit = limit?.bytes
    summary.memoryLimitSource = limit?.source
    summary.peakPmemLimit = usage.peaks?.limitPercent
    summary.peakPSS = usage.peaks?.pss
    summary.averagePSS = usage.proportional.value
    summary.peakSwap = usage.peaks?.swap
    summary.rootMaxRSS = rootUsage?.maxResident
    // The run may have used more between two samples. It used at least as much as the largest single process.
    let seen = usage.counters?.largestPeakResident.map { Int(clamping: $0) }
    let most = max(seen ?? 0, rootUsage?.maxResident ?? 0)
    guard most > summary.peakRSS ?? 0 else { return }
    summary.peakRSS = most
    summary.peakPmem = HostConstants.current.memoryPercent(UInt64(most))
    summary.peakPmemLimit = limit.map { rounded(Double(most) / Double($0.bytes) * 100) }
  }

  private func addProcessorTime(_ summary: inout ExecutionSummary) {
    let counters = usage.counters
    guard let root = rootUsage else {
      summary.cpuSeconds = counters.map { Double($0.processorTime) / 1e9 }
      return
    }
    // The kernel's time of the command and of the children that it reaped is exact. It replaces the sampled one.
    let all = root.userSeconds + root.systemSeconds
    // The samples have the time of these children as two numbers in whole ticks. Each may be a tick too small.
    let others = counters.map { counters in
      let seen = Double(counters.processorTimeOfRoot) / 1e9
      return Double(counters.processorTime) / 1e9 - min(all, seen + 2 / HostConstants.current.ticksPerSecond)
    }
    summary.cpuSeconds = all + max(others ?? 0, 0)
    summary.userSeconds = root.userSeconds
    summary.systemSeconds = root.systemSeconds
    summary.minorFaults = root.minorFaults
    summary.majorFaults = root.majorFaults
    summary.voluntarySwitches = root.voluntarySwitches
    summary.involuntarySwitches = root.involuntarySwitches
  }
}

/// Resources that the command and the children that it waited for have used, from wait4(2).
struct RootUsage: Sendable {
  var userSeconds: Double
  var systemSeconds: Double
  /// Bytes; nil if not known.
  var maxResident: Int?
  var minorFaults: Int
  var majorFaults: Int
  var voluntarySwitches: Int
  var involuntarySwitches: Int

  /// - Parameter ownPeakResident: duct's own peak in bytes, when it started the command. The kernel's peak of a
  ///   process includes the memory before execve(2), which was duct's. So a peak that is not larger tells nothing.
  init(_ usage: rusage, ownPeakResident: Int?) {
    userSeconds = seconds(usage.ru_utime)
    systemSeconds = seconds(usage.ru_stime)
    let bytes = Int(usage.ru_maxrss) * 1024
    maxResident = ownPeakResident.flatMap { bytes > $0 ? bytes : nil }
    minorFaults = Int(usage.ru_minflt)
    majorFaults = Int(usage.ru_majflt)
    voluntarySwitches = Int(usage.ru_nvcsw)
    involuntarySwitches = Int(usage.ru_nivcsw)
  }
}

func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

/// The records of a run: info.json, which duct rewrites as a whole when something is new, and usage.jsonl.
final class RunRecords: Sendable {
  let paths: LogPaths
  let facts: Monitor<RunFacts>
  private let types: RecordTypes
  private let writer: RecordWriter
  private let setup: LogSetup
  private let slurm: Monitor<(@Sendable () -> SlurmSection)?> = Monitor(nil)
  private let environment: [String: String]
  private let redaction: Redaction

  init(
    _ facts: RunFacts, setup: LogSetup, paths: LogPaths, types: RecordTypes,
    environment: [String: String], redaction: Redaction, log: Logger
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
      let count = setup.spool.earlierRuns()
      if count > 0 {
        log.info(
          "\(count) earlier \(count == 1 ? "run has" : "runs have") left something on this host that is not delivered yet: see con-duct recover --list"
        )
      }
    }
  }

  /// Sets the source of the section on Slurm.
  func setSlurmSource(_ source: @escaping @Sendable () -> SlurmSection) {
    slurm.update { $0 = source }
  }

  /// Requests a new info.json. It will contain what is known when it is written.
  ///
  /// - Parameter start: when to begin; nil: immediately.
  func writeInfo(after start: MonotonicInstant? = nil) {
    guard types.hasSystemSummary else { return }
    writer.writeInfo(after: start) { [self] in line() }
  }

  private func line() -> [UInt8] {
    // Encoding cannot fail: the members are strings, numbers and lists of them.
    (try? RecordEncoder().line(document())) ?? []
  }

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
    if let line = try? RecordEncoder().line(report) {
      writer.append(line)
    }
    if !isLast { writeInfo() }
  }

  /// Waits until the carrier has delivered everything. Returns what could not be delivered to the log directory.
  func finish(until deadline: MonotonicInstant) -> [Deliverer.Leftover] {
    _ = writer.finish(until: deadline)
    let leftovers = setup.carrier.finish(until: deadline)
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
    var slurm = slurm.withLock { $0 }?()
    if let jobs = slurm?.submittedJobs { slurm?.submittedJobs = jobs.redacted(redaction) }
    var info = InfoDocument(
      command: facts.command, executionSummary: facts.summary(paths), outputPaths: paths,
      workingDirectory: facts.workingDirectory, message: facts.message, runState: facts.state,
      runID: facts.runID, ioEvents: setup.carrier.events)
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
    info.slurm = slurm
    return info
  }
}
