internal import DuctRecords
internal import OrderedCollections
internal import RecordText
public import SystemCalls

extension ProcessUsage {
  /// The usage of a process since the last report.
  ///
  /// - Parameters:
  ///   - parent: the pid of its parent in this process's namespace.
  ///   - gpu: what it uses of the GPUs; nil if not known.
  init(_ process: RunProcess, parent: Int32, host: HostConstants, gpu: GPUUse?, redaction: Redaction) {
    let peaks = process.peaks
    func bytes(_ value: UInt64?) -> Int? { value.map { Int(clamping: $0) } }
    self.init(
      pcpu: rounded(peaks.lifetimePercent), pmem: host.memoryPercent(peaks.residentBytes),
      rss: Int(clamping: peaks.residentBytes), vsz: Int(clamping: peaks.virtualBytes),
      timestamp: WallTime(seconds: peaks.timestamp).isoText, etime: elapsedText(Int(peaks.age)),
      stat: OrderedFields(
        OrderedDictionary(uniqueKeysWithValues: peaks.states.all.map { ($0.state, $0.count) })),
      cmd: redaction.applied(to: process.commandLine),
      intervalPercent: rounded(peaks.intervalPercent ?? peaks.anyIntervalPercent),
      cpuTime: (Double(process.account.own) / 1e6).rounded() / 1000, parentPID: parent,
      threads: process.stat.threads, escaped: process.hasEscaped)
    pss = bytes(process.details.proportionalBytes)
    swap = bytes(process.details.swapBytes)
    peakResident = bytes(process.details.peakResidentBytes)
    readCharacters = bytes(process.details.io?.readCharacters)
    writtenCharacters = bytes(process.details.io?.writtenCharacters)
    readBytes = bytes(process.details.io?.readBytes)
    writtenBytes = bytes(process.details.io?.writtenBytes)
    voluntarySwitches = bytes(process.details.voluntarySwitches)
    involuntarySwitches = bytes(process.details.involuntarySwitches)
    gpuMemory = bytes(gpu?.memoryBytes)
    gpuPercent = gpu?.percent
  }
}

extension HostConstants {
  public func memoryPercent(_ bytes: UInt64) -> Double {
    memoryBytes == 0 ? 0 : rounded(Double(bytes) / Double(memoryBytes) * 100)
  }

  /// Percent of one core over the life of a process.
  ///
  /// - Parameter age: in seconds.
  func lifetimePercent(_ stat: ProcessStat, age: Double) -> Double {
    guard age > 0 else { return 0 }
    // Ticks are 10 ms: a younger process can seem to have used more time than has passed.
    let most = 100 * Double(min(Int(stat.threads), configuredCPUs))
    return min(Double(stat.userTicks &+ stat.systemTicks) / ticksPerSecond / age * 100, most)
  }
}
