public import DuctRecords

/// One sample of all processes of the run.
public struct UsageSample: Sendable {
  /// Sums over all processes. `pcpu` covers the time since the previous sample.
  var totals: UsageTotals
  /// Candidate for the peak of `pcpu`. Nil if the interval since the previous sample is too short (`PeakIntervals`).
  var peakPercent: Double?
  /// Seconds since the previous sample, or since the start.
  var seconds: Double
}

/// What a task of a step has used, with all its descendants, up to the last sample.
public struct TaskUse: Sendable {
  /// Bytes: the largest sum of resident memory of a sample.
  public var peakResident: UInt64 = 0
  /// Nanoseconds of CPU time.
  public var processorTime: Int64 = 0
}

/// Counters of the run, up to the last sample.
public struct RunCounters: Sendable {
  /// Samples that were due and not taken, because duct was too late.
  public var missedSamples = 0
  /// Nanoseconds of CPU time of all processes, each counted once.
  public var processorTime: Int64 = 0
  /// The part of it that the command, and the children it has waited for, used.
  public var processorTimeOfRoot: Int64 = 0
  /// Bytes: the largest peak of resident memory (VmHWM) of a single process.
  public var largestPeakResident: UInt64?
  public var io: ProcessDetails.IOCounts?
  /// Processes that have left the command's session. Nil if /proc does not show which they are.
  public var escapedCount: Int? = 0
  public var memoryLimit: MemoryLimit?
  /// The last of the processes that duct is attached to has ended.
  public var haveEnded = false
  /// Only for the steps of a job: by the pid of the process that slurmstepd has started for the task.
  public var tasks: [Int32: TaskUse] = [:]
}

/// Peaks and averages of the whole run.
public struct RunUsage: Sendable {
  /// Peaks of the sums of each sample; but for `pcpu`, see `peakPercent`.
  public var peaks: UsageTotals?
  /// Peak of CPU use in percent of one core. Nil before an interval that is long enough.
  public var peakPercent: Double?
  public var averages = UsageAverages()
  /// Mean of proportional memory (PSS) in bytes, over the samples that read it.
  public var proportional = Mean()
  /// Lines of usage.jsonl.
  public var reportCount = 0
  /// Nil before the first sample.
  public var counters: RunCounters?

  public init() {}

  public struct Mean: Sendable {
    /// Nil before the first number.
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
