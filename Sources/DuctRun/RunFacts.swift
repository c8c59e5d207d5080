internal import DuctRecords
import Glibc
internal import ProcessSampling
internal import RecordText
internal import SystemCalls

/// What is known of a run at one moment.
struct RunFacts: Sendable {
  let runID: String
  let command: String
  let startTime: Double
  let startInstant: MonotonicInstant
  let workingDirectory: String
  /// Nil: duct has started the command.
  var mode: WatchMode?
  let message: String
  let campaign: String?
  let parentRunID: String?
  var state = RunState.running
  var endReason: EndReason?
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
  /// Nil unless srun's prolog has started duct.
  var step: StepDescription?

  /// Changes `signaled` to `out_of_memory` if SIGKILL ended the command, and the kernel has killed processes of its
  /// control group for lack of memory. Nobody tells duct more. Also `exited`, if the command is a shell whose last child
  /// was killed: it exits with 137.
  mutating func noteOutOfMemory(_ exit: ChildExit?) {
    switch (endReason, exit?.cause) {
    case (.signaled, .killed(SIGKILL, _)), (.exited, .exited(128 + SIGKILL)): break
    default: return
    }
    if cgroups?.contains(where: { ($0.oomKills ?? 0) > 0 }) == true { endReason = .outOfMemory }
  }

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
