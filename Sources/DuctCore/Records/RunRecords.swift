internal import Logging
internal import OrderedCollections
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What is known of a run at a moment.
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
  var cpuSeconds: Double?
  var usage = RunUsage()
  var host: HostDescription?
  var gpus: [GPUInfo]?

  func summary(_ paths: LogPaths) -> ExecutionSummary {
    ExecutionSummary(
      exitCode: exitCode, command: command, logsPrefix: paths.prefix,
      wallClockTime: (endInstant ?? .now).seconds(since: startInstant), peakRSS: usage.peaks?.rss,
      averageRSS: usage.averages.rss, peakVSZ: usage.peaks?.vsz, averageVSZ: usage.averages.vsz,
      peakPmem: usage.peaks?.pmem, averagePmem: usage.averages.pmem, peakPcpu: usage.peaks?.pcpu,
      averagePcpu: usage.averages.pcpu, sampleCount: usage.averages.sampleCount,
      reportCount: usage.reportCount, startTime: startTime, endTime: endTime,
      workingDirectory: workingDirectory, cpuSeconds: cpuSeconds)
  }
}

/// The records of a run: info.json, written whole whenever something is new, and usage.jsonl.
final class RunRecords: Sendable {
  let paths: LogPaths
  let facts: Monitor<RunFacts>
  private let types: RecordTypes
  private let writer: RecordWriter
  private let setup: LogSetup
  private let slurm: Monitor<(@Sendable () -> SlurmSection)?> = Monitor(nil)
  private let environment: [String: String]

  init(
    _ facts: RunFacts, setup: LogSetup, paths: LogPaths, types: RecordTypes,
    environment: [String: String], log: Logger
  ) throws(Errno) {
    self.facts = Monitor(facts)
    self.environment = environment
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

  /// Where the section on Slurm comes from, once there is one.
  func setSlurmSource(_ source: @escaping @Sendable () -> SlurmSection) {
    slurm.update { $0 = source }
  }

  /// Has info.json written anew, with what is known when its turn comes.
  ///
  /// - Parameter start: when to begin, if not at once.
  func publishInfo(after start: MonotonicInstant? = nil) {
    guard types.hasSystemSummary else { return }
    writer.publishInfo(after: start) { [self] in line() }
  }

  private func line() -> [UInt8] {
    // No member can fail to encode: strings, numbers and lists of them.
    (try? RecordEncoder().line(document())) ?? []
  }

  func add(_ sample: UsageSample) { facts.update { $0.usage.add(sample) } }

  func add(_ report: UsageReport) {
    facts.update { $0.usage.reportCount += 1 }
    if let line = try? RecordEncoder().line(report) {
      writer.append(line)
    }
    publishInfo()
  }

  /// Waits until everything is written. Returns what could not be delivered to the log directory.
  func finish(until deadline: MonotonicInstant) -> [Publisher.Leftover] {
    _ = writer.finish(until: deadline)
    let leftovers = setup.carrier.finish(until: deadline)
    if !leftovers.isEmpty, types.hasSystemSummary, let folder = setup.spool.folder {
      // With what is known of the failure, for `recover`.
      _ = try? AtomicFile.replace(
        folder.file(RunSpool.FileName.info), with: line(), durability: .process)
    }
    return leftovers
  }

  private func document() -> InfoDocument {
    let host = self.facts.withLock { $0.host } ?? HostDescription(environment: environment)
    let facts = self.facts.withLock { facts in
      facts.host = host
      return facts
    }
    return InfoDocument(
      command: facts.command, system: host.system, env: host.env, gpu: facts.gpus,
      executionSummary: facts.summary(paths), outputPaths: paths,
      workingDirectory: facts.workingDirectory, message: facts.message, runState: facts.state,
      runID: facts.runID, campaign: facts.campaign, parentRunID: facts.parentRunID,
      ioEvents: setup.carrier.events, slurm: slurm.withLock { $0 }?())
  }
}
