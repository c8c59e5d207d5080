internal import OrderedCollections
internal import RecordText

/// Sums over all processes at one look, and peaks of such sums.
struct UsageTotals: Codable, Sendable, Equatable {
  /// Percent of the host's memory.
  var pmem: Double
  /// Percent of one core, since the look before; never more than the cores that the run may use.
  var pcpu: Double
  /// Bytes.
  var rss: Int
  var vsz: Int
  /// Nil where they were not read in the interval.
  var pss: Int?
  var swap: Int?
  /// Resident memory in percent of what the job or cgroup may use; nil without a limit.
  var limitPercent: Double?

  enum CodingKeys: String, CodingKey {
    case pmem, pcpu, rss, vsz, pss, swap
    case limitPercent = "pmem_limit"
  }

  /// The larger of each.
  func peak(_ other: UsageTotals) -> UsageTotals {
    UsageTotals(
      pmem: max(pmem, other.pmem), pcpu: max(pcpu, other.pcpu), rss: max(rss, other.rss),
      vsz: max(vsz, other.vsz), pss: larger(pss, other.pss), swap: larger(swap, other.swap),
      limitPercent: larger(limitPercent, other.limitPercent))
  }
}

/// The larger of two of which one may not be known.
func larger<Value: Comparable>(_ a: Value?, _ b: Value?) -> Value? {
  guard let a, let b else { return a ?? b }
  return max(a, b)
}

/// Means of the totals over several looks. Nil before the first.
struct UsageAverages: Codable, Sendable {
  var rss: Double?
  var vsz: Double?
  var pmem: Double?
  /// Each look weighs as much as the time since the one before: so this is processor time over time.
  var pcpu: Double?
  var sampleCount = 0
  private var seconds = 0.0
  private var memoryCount = 0

  enum CodingKeys: String, CodingKey {
    case rss, vsz, pmem, pcpu
    case sampleCount = "num_samples"
  }

  init() {}

  /// - Parameter seconds: since the look before.
  mutating func add(_ totals: UsageTotals, seconds: Double) {
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

/// One look at all processes of the run.
struct UsageSample: Sendable {
  /// `pcpu` is of the time since the look before.
  var totals: UsageTotals
  /// What the look adds to the peak of `pcpu`: nil where it is too soon after the look before (`PeakIntervals`).
  var peakPercent: Double?
  /// Since the look before, or since the start.
  var seconds: Double
}

/// What has added up until the last look.
struct RunCounters: Sendable {
  /// Looks that were due and not taken, for lack of time.
  var missedSamples = 0
  /// Nanoseconds of all processes, each counted once.
  var processorTime: Int64 = 0
  /// What of it is the command's and that of children that it has waited for.
  var processorTimeOfRoot: Int64 = 0
  /// Bytes: the largest that a single process has told of.
  var largestPeakResident: UInt64?
  var io: ProcessDetails.IOCounts?
  /// Processes that have left the command's session. Nil where not known.
  var escapedCount: Int? = 0
  var memoryLimit: MemoryLimit?
}

/// What is known of the whole run.
struct RunUsage: Sendable {
  /// But for `pcpu`.
  var peaks: UsageTotals?
  var peakPercent: Double?
  var averages = UsageAverages()
  var proportional = Mean()
  var reportCount = 0
  /// Nil before the first look.
  var counters: RunCounters?

  struct Mean: Sendable {
    private(set) var value: Double?
    private var count = 0.0

    mutating func add(_ number: Double) {
      count += 1
      value = (value ?? 0) + (number - (value ?? 0)) / count
    }
  }

  mutating func add(_ sample: UsageSample) {
    peaks = peaks?.peak(sample.totals) ?? sample.totals
    peakPercent = larger(peakPercent, sample.peakPercent)
    averages.add(sample.totals, seconds: sample.seconds)
    if let share = sample.totals.pss { proportional.add(Double(share)) }
  }
}

/// A line of usage.jsonl: the looks of one report interval.
struct UsageReport: Codable, Sendable {
  var timestamp: String
  var sampleCount: Int
  var processes: OrderedFields<ProcessUsage>
  /// The peaks of the sums: what was there at the same time.
  var totals: UsageTotals
  var averages: UsageAverages

  enum CodingKeys: String, CodingKey {
    case timestamp
    case sampleCount = "num_samples"
    case processes, totals, averages
  }
}
