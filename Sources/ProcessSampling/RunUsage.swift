public import DuctRecords

/// One look at all processes of the run.
public struct UsageSample: Sendable {
  /// `pcpu` is of the time since the look before.
  var totals: UsageTotals
  /// What the look adds to the peak of `pcpu`: nil where it is too soon after the look before (`PeakIntervals`).
  var peakPercent: Double?
  /// Since the look before, or since the start.
  var seconds: Double
}

/// What has added up until the last look.
public struct RunCounters: Sendable {
  /// Looks that were due and not taken, for lack of time.
  public var missedSamples = 0
  /// Nanoseconds of all processes, each counted once.
  public var processorTime: Int64 = 0
  /// What of it is the command's and that of children that it has waited for.
  public var processorTimeOfRoot: Int64 = 0
  /// Bytes: the largest that a single process has told of.
  public var largestPeakResident: UInt64?
  public var io: ProcessDetails.IOCounts?
  /// Processes that have left the command's session. Nil where not known.
  public var escapedCount: Int? = 0
  public var memoryLimit: MemoryLimit?
}

/// What is known of the whole run.
public struct RunUsage: Sendable {
  /// But for `pcpu`.
  public var peaks: UsageTotals?
  public var peakPercent: Double?
  public var averages = UsageAverages()
  public var proportional = Mean()
  public var reportCount = 0
  /// Nil before the first look.
  public var counters: RunCounters?

  public init() {}

  public struct Mean: Sendable {
    public private(set) var value: Double?
    private var count = 0.0

    mutating func add(_ number: Double) {
      count += 1
      value = (value ?? 0) + (number - (value ?? 0)) / count
    }
  }

  public mutating func add(_ sample: UsageSample) {
    peaks = peaks?.peak(sample.totals) ?? sample.totals
    peakPercent = larger(peakPercent, sample.peakPercent)
    averages.add(sample.totals, seconds: sample.seconds)
    if let share = sample.totals.pss { proportional.add(Double(share)) }
  }
}
