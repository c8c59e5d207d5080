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
  private let publisher: Publisher
  private let slurm: Monitor<(@Sendable () -> SlurmSection)?> = Monitor(nil)
  private let environment: [String: String]

  init(
    _ facts: RunFacts, paths: LogPaths, types: RecordTypes, environment: [String: String], log: Logger
  ) throws(Errno) {
    self.facts = Monitor(facts)
    self.environment = environment
    self.paths = paths
    self.types = types
    publisher = try Publisher { notice in
      switch notice {
      case .began(let failure):
        let hint =
          failure.errno.isAboutCredentials ? "; if it is on Kerberos NFS, renew the ticket (kinit)" : ""
        log.warning("\(failure): what is to be written is kept and tried again\(hint)")
      case .ended(let path, let tries):
        log.info("\(path) is written again, after \(tries) tries")
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
    publisher.replace(FilePath(escaped: paths.info), after: start) { [self] in
      // No member can fail to encode: strings, numbers and lists of them.
      (try? RecordEncoder().line(document())) ?? []
    }
  }

  func add(_ sample: UsageSample) { facts.update { $0.usage.add(sample) } }

  func add(_ report: UsageReport) {
    facts.update { $0.usage.reportCount += 1 }
    if let line = try? RecordEncoder().line(report) {
      publisher.append(line, to: FilePath(escaped: paths.usage))
    }
    publishInfo()
  }

  /// Waits until everything is written. Returns what could not be.
  func finish(until deadline: MonotonicInstant) -> [FilePath] { publisher.finish(until: deadline) }

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
      ioEvents: publisher.events, slurm: slurm.withLock { $0 }?())
  }
}
