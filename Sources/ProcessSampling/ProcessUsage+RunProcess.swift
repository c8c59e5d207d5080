internal import DuctRecords
internal import OrderedCollections
internal import RecordText
public import SystemCalls

extension ProcessUsage {
  /// The use of a process since the last report.
  ///
  /// - Parameters:
  ///   - parent: pid of its parent in duct's own pid namespace.
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
      cpuTime: Self.secondsToMilliseconds(process.account.own), parentPID: parent,
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

  /// Seconds, rounded to milliseconds.
  private static func secondsToMilliseconds(_ nanoseconds: Int64) -> Double {
    (Double(nanoseconds) / nanosecondsPerSecond * 1000).rounded() / 1000
  }
}

extension HostConstants {
  /// Bytes in percent of the host's memory, rounded to two digits; 0 if the host's memory is not known.
  public func memoryPercent(_ bytes: UInt64) -> Double {
    memoryBytes == 0 ? 0 : rounded(Double(bytes) / Double(memoryBytes) * 100)
  }

  /// CPU time of a process over its life, in percent of one core, as con-duct's `pcpu`.
  ///
  /// - Parameter age: in seconds.
  func lifetimePercent(_ stat: ProcessStat, age: Double) -> Double {
    guard age > 0 else { return 0 }
    // A tick is 10 ms, so a young process can seem to have used more time than has passed.
    let most = 100 * Double(min(Int(stat.threads), configuredCPUs))
    return min(Double(stat.userTicks &+ stat.systemTicks) / ticksPerSecond / age * 100, most)
  }
}
