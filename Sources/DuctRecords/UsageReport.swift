public import RecordText

/// Sums over all processes of the run in one sample, and the peaks of such sums.
public struct UsageTotals: Record, Equatable {
  /// Resident memory in percent of the host's memory. From /proc/PID/stat.
  public var pmem: Double
  /// Percent of one core since the previous sample; never more than the cores that the run may use. From the
  /// CPU clocks of the processes and /proc/PID/stat.
  public var pcpu: Double
  /// Bytes of resident memory. From /proc/PID/stat.
  public var rss: Int
  /// Bytes of virtual memory. From /proc/PID/stat.
  public var vsz: Int
  /// Bytes of proportional memory. From Pss in /proc/PID/smaps_rollup; nil if it was not read for all
  /// processes.
  public var pss: Int?
  /// Bytes of swap. From Swap in /proc/PID/smaps_rollup or VmSwap in /proc/PID/status; nil as above.
  public var swap: Int?
  /// Resident memory in percent of the `MemoryLimit`; nil if there is none.
  public var limitPercent: Double?

  public init() { self.init(pmem: 0, pcpu: 0, rss: 0, vsz: 0) }

  public init(pmem: Double, pcpu: Double, rss: Int, vsz: Int) {
    self.pmem = pmem
    self.pcpu = pcpu
    self.rss = rss
    self.vsz = vsz
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("pmem", &pmem)
    members("pcpu", &pcpu)
    members("rss", &rss)
    members("vsz", &vsz)
    members("pss", &pss)
    members("swap", &swap)
    members("pmem_limit", &limitPercent)
  }

  /// The larger value of each member.
  public func peak(_ other: UsageTotals) -> UsageTotals {
    var peak = UsageTotals(
      pmem: max(pmem, other.pmem), pcpu: max(pcpu, other.pcpu), rss: max(rss, other.rss),
      vsz: max(vsz, other.vsz))
    peak.pss = larger(pss, other.pss)
    peak.swap = larger(swap, other.swap)
    peak.limitPercent = larger(limitPercent, other.limitPercent)
    return peak
  }
}

/// The larger value. Nil if both are nil.
public func larger<Value: Comparable>(_ a: Value?, _ b: Value?) -> Value? {
  guard let a, let b else { return a ?? b }
  return max(a, b)
}

/// Means of the totals over several samples. Nil before the first one.
public struct UsageAverages: Record {
  /// Bytes of resident memory: mean over samples in which something was resident.
  public var rss: Double?
  /// Bytes of virtual memory: mean over the same samples.
  public var vsz: Double?
  /// Resident memory in percent of the host's memory: mean over the same samples.
  public var pmem: Double?
  /// Percent of one core. Each sample has the weight of the time since the previous one, so this is CPU time
  /// divided by elapsed time.
  public var pcpu: Double?
  /// Number of samples.
  public var sampleCount = 0
  private var seconds = 0.0
  private var memoryCount = 0

  public mutating func list(_ members: inout RecordMembers) {
    members("rss", &rss)
    members("vsz", &vsz)
    members("pmem", &pmem)
    members("pcpu", &pcpu)
    members("num_samples", &sampleCount)
  }

  public init() {}

  /// - Parameter seconds: since the previous sample.
  public mutating func add(_ totals: UsageTotals, seconds: Double) {
    sampleCount += 1
    func mean(_ before: Double?, _ value: Double, _ weight: Double) -> Double {
      guard let before else { return value }
      return before + (value - before) * weight
    }
    self.seconds += seconds
    pcpu = mean(pcpu, totals.pcpu, self.seconds > 0 ? seconds / self.seconds : 1)
    // Zombies, such as the command in the last sample, have no memory, so they must not lower the mean.
    if totals.rss == 0 { return }
    memoryCount += 1
    let weight = 1 / Double(memoryCount)
    rss = mean(rss, Double(totals.rss), weight)
    vsz = mean(vsz, Double(totals.vsz), weight)
    pmem = mean(pmem, totals.pmem, weight)
  }
}

/// A line of usage.jsonl: the samples of one report interval.
public struct UsageReport: WrittenRecord {
  /// Time of the last sample, in ISO 8601 with the offset of the local time zone.
  public var timestamp: String
  /// Number of samples in the interval.
  public var sampleCount: Int
  /// By pid. If the kernel used a pid again in the interval, the second process is `PID-TICKS`, with its start
  /// in clock ticks after boot.
  public var processes: OrderedFields<ProcessUsage>
  /// The largest sum of each kind in one sample of the interval.
  public var totals: UsageTotals
  /// Means over the samples of the interval.
  public var averages: UsageAverages

  public init(
    timestamp: String, sampleCount: Int, processes: OrderedFields<ProcessUsage>, totals: UsageTotals,
    averages: UsageAverages
  ) {
    self.timestamp = timestamp
    self.sampleCount = sampleCount
    self.processes = processes
    self.totals = totals
    self.averages = averages
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("timestamp", &timestamp)
    members("num_samples", &sampleCount)
    members("processes", &processes)
    members("totals", &totals)
    members("averages", &averages)
  }
}
