public import DuctRecords
public import SlurmJobs
public import SystemCalls
public import SystemPackage

/// What a sample has shown besides the use of resources: changes in the tree of the run's processes.
public struct TreeNews: Sendable {
  /// Sessions that are new or have gone since the previous sample.
  public var sessions: [SessionSighting]
  /// A process came or went, or waited for a child, since the previous sample.
  public var hasChanged: Bool
  /// A process with the name sbatch is new below the command since the previous sample.
  public var hasNewSbatch: Bool
}

/// A process that still existed when the command ended.
public struct LeftProcess: Sendable, Equatable {
  /// Pid in /proc, and start time.
  public var identity: ProcessIdentity
  /// Pid in duct's own pid namespace.
  public var pid: Int32
  public var commandLine: String
}

/// Samples the run's processes at every sample interval, on a thread of its own.
public final class Sampler: Sendable {
  /// What the sampler needs from the rest of duct. Called on its thread; none may block.
  public struct Inputs: Sendable {
    /// Whether a child of duct, by its pid in duct's own namespace, is not part of the run.
    var isHelper: @Sendable (Int32) -> Bool
    /// Nanoseconds of CPU time of the orphans that duct has reaped.
    var reaped: @Sendable () -> Int64
    /// The last known use of GPUs, by pid.
    var gpus: @Sendable () -> [Int32: GPUUse]

    public init(
      isHelper: @escaping @Sendable (Int32) -> Bool, reaped: @escaping @Sendable () -> Int64,
      gpus: @escaping @Sendable () -> [Int32: GPUUse]
    ) {
      self.isHelper = isHelper
      self.reaped = reaped
      self.gpus = gpus
    }
  }

  /// Receivers of the results. Called on the sampler's thread; none may block.
  public struct Outputs: Sendable {
    /// Called with each sample. The sample is nil if no process existed any more: then nothing is known of memory,
    /// and no line of usage.jsonl counts it.
    var sample: @Sendable (UsageSample?, RunCounters) -> Void
    /// Called with each line for usage.jsonl, and whether it is the last.
    var report: @Sendable (UsageReport, Bool) -> Void
    /// Called after a sample that found changes.
    var tree: @Sendable (TreeNews) -> Void
    /// Called after the last sample and the last report.
    var ended: @Sendable () -> Void

    public init(
      sample: @escaping @Sendable (UsageSample?, RunCounters) -> Void,
      report: @escaping @Sendable (UsageReport, Bool) -> Void, tree: @escaping @Sendable (TreeNews) -> Void,
      ended: @escaping @Sendable () -> Void
    ) {
      self.sample = sample
      self.report = report
      self.tree = tree
      self.ended = ended
    }
  }

  public struct Settings: Sendable {
    var watched: WatchedProcesses
    /// Start of the run. Samples and reports are due at multiples of their intervals after it.
    var start: MonotonicInstant
    /// Seconds.
    var sampleInterval: Double
    /// Seconds.
    var reportInterval: Double
    /// Applied to recorded command lines.
    var redaction: Redaction
    /// Contains Slurm's variables with the memory of the job, if duct runs in one.
    var environment: [String: String]

    public init(
      _ watched: WatchedProcesses, start: MonotonicInstant, sampleInterval: Double,
      reportInterval: Double, redaction: Redaction, environment: [String: String]
    ) {
      self.watched = watched
      self.start = start
      self.sampleInterval = sampleInterval
      self.reportInterval = reportInterval
      self.redaction = redaction
      self.environment = environment
    }
  }

  private struct State {
    var mustEnd = false
    /// Take a sample now, and not only when it is due.
    var isHurried = false
    var hasEnded = false
    var left: [LeftProcess]? = []
    var cgroups: [ControlGroup]?
  }

  private let state = Monitor(State())

  /// Starts the thread.
  ///
  /// - Throws: if it cannot be started.
  public init(_ settings: Settings, _ inputs: Inputs, _ outputs: Outputs) throws(Errno) {
    let state = self.state
    _ = try OwnThread("duct sampler", stackSize: 1 << 20) {
      var loop = SamplingLoop(settings, inputs, outputs)
      loop.run { deadline in
        let mustEnd = state.wait(until: deadline) { $0.mustEnd ? true : $0.isHurried ? false : nil } ?? false
        state.withLock { $0.isHurried = false }
        return mustEnd
      }
      let (left, cgroups) = (loop.left, loop.cgroups)
      state.update {
        $0.hasEnded = true
        $0.left = left
        $0.cgroups = cgroups
      }
      outputs.ended()
    }
  }

  /// Asks for the last sample and the last report. Does not wait for them.
  public func end() { state.update { $0.mustEnd = true } }

  /// Asks for a sample now. Does not wait for it.
  public func hurry() { state.update { $0.isHurried = true } }

  /// The last sample and the last report are done.
  public var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// Ends the sampler and waits for it.
  ///
  /// - Returns: false if it has not ended by the deadline.
  public func finish(until deadline: MonotonicInstant) -> Bool {
    end()
    return state.wait(until: deadline) { $0.hasEnded ? true : nil } ?? false
  }

  /// Descendants of the command that were alive in the last sample. Empty before it. Nil if /proc does not show which
  /// they are.
  public var left: [LeftProcess]? { state.withLock { $0.left } }

  /// The control groups that the run is in, read after the last sample. Nil before it.
  public var cgroups: [ControlGroup]? { state.withLock { $0.cgroups } }
}
