internal import OrderedCollections
public import RecordText

/// Sums over all processes at one look, and peaks of such sums.
public struct UsageTotals: Codable, Sendable, Equatable {
  /// Percent of the host's memory.
  public var pmem: Double
  /// Percent of one core, since the look before; never more than the cores that the run may use.
  public var pcpu: Double
  /// Bytes.
  public var rss: Int
  public var vsz: Int
  /// Nil where they were not read in the interval.
  public var pss: Int?
  public var swap: Int?
  /// Resident memory in percent of what the job or cgroup may use; nil without a limit.
  public var limitPercent: Double?

  public init(pmem: Double, pcpu: Double, rss: Int, vsz: Int) {
    self.pmem = pmem
    self.pcpu = pcpu
    self.rss = rss
    self.vsz = vsz
  }

  enum CodingKeys: String, CodingKey {
    case pmem, pcpu, rss, vsz, pss, swap
    case limitPercent = "pmem_limit"
  }

  /// The larger of each.
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

/// The larger of two of which one may not be known.
public func larger<Value: Comparable>(_ a: Value?, _ b: Value?) -> Value? {
  guard let a, let b else { return a ?? b }
  return max(a, b)
}

/// Means of the totals over several looks. Nil before the first.
public struct UsageAverages: Codable, Sendable {
  public var rss: Double?
  public var vsz: Double?
  public var pmem: Double?
  /// Each look weighs as much as the time since the one before: so this is processor time over time.
  public var pcpu: Double?
  public var sampleCount = 0
  private var seconds = 0.0
  private var memoryCount = 0

  enum CodingKeys: String, CodingKey {
    case rss, vsz, pmem, pcpu
    case sampleCount = "num_samples"
  }

  public init() {}

  /// - Parameter seconds: since the look before.
  public mutating func add(_ totals: UsageTotals, seconds: Double) {
    sampleCount += 1
    func mean(_ before: Double?, _ value: Double, _ weight: Double) -> Double {
      guard let before else { return value }
      return before + (value - before) * weight
    }
    self.seconds += seconds
    pcpu = mean(pcpu, totals.pcpu, self.seconds > 0 ? seconds / self.seconds : 1)
    // Zombies, such as the command at the last look, have no memory, and tell nothing of it.
    if totals.rss == 0 { return }
    memoryCount += 1
    let weight = 1 / Double(memoryCount)
    rss = mean(rss, Double(totals.rss), weight)
    vsz = mean(vsz, Double(totals.vsz), weight)
    pmem = mean(pmem, totals.pmem, weight)
  }
}

/// A line of usage.jsonl: the looks of one report interval.
public struct UsageReport: Codable, Sendable {
  public var timestamp: String
  public var sampleCount: Int
  public var processes: OrderedFields<ProcessUsage>
  /// The peaks of the sums: what was there at the same time.
  public var totals: UsageTotals
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

  enum CodingKeys: String, CodingKey {
    case timestamp
    case sampleCount = "num_samples"
    case processes, totals, averages
  }
}
