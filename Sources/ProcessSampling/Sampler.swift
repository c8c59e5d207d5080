public import DuctRecords
internal import OrderedCollections
internal import RecordText
public import SlurmJobs
public import SystemCalls
public import SystemPackage

/// What a look at the processes has shown besides their use of resources.
public struct TreeNews: Sendable {
  /// Those that are new or have gone.
  public var sessions: [SessionSighting]
  /// A child came or went since the last look.
  public var hasChanged: Bool
  /// A process of that name is below the command that was not there at the look before.
  public var hasNewSbatch: Bool
}

/// A process that was there when the command ended.
public struct LeftProcess: Sendable, Equatable {
  /// As /proc has it.
  public var identity: ProcessIdentity
  /// In this process's own pid namespace.
  public var pid: Int32
  public var commandLine: String
}

/// Looks at the run's processes at every sample interval, on a thread of its own.
public final class Sampler: Sendable {
  /// What the sampler asks the rest of duct for. Called on its thread; none may block.
  public struct Inputs: Sendable {
    /// Whether a child of duct, by its pid, is not part of the run.
    var isHelper: @Sendable (Int32) -> Bool
    /// Nanoseconds of processor time of the orphans that duct has reaped.
    var reaped: @Sendable () -> Int64
    /// The latest use of GPUs, by pid.
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

  /// Where results go. Called on the sampler's thread; none may block.
  public struct Outputs: Sendable {
    /// Without a sample where no process was there any more: nothing can be said of its memory, and no line
    /// of usage.jsonl would tell of it.
    var sample: @Sendable (UsageSample?, RunCounters) -> Void
    /// With whether it is the last.
    var report: @Sendable (UsageReport, Bool) -> Void
    var tree: @Sendable (TreeNews) -> Void
    /// The last sample is taken, and reported.
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
    /// Of the command.
    var root: Int32
    var session: Int32
    var sessionIsShared: Bool
    var start: MonotonicInstant
    /// Seconds.
    var sampleInterval: Double
    var reportInterval: Double
    var redaction: Redaction
    /// Slurm's variables in it tell the memory that the job may use.
    var environment: [String: String]

    public init(
      root: Int32, session: Int32, sessionIsShared: Bool, start: MonotonicInstant, sampleInterval: Double,
      reportInterval: Double, redaction: Redaction, environment: [String: String]
    ) {
      self.root = root
      self.session = session
      self.sessionIsShared = sessionIsShared
      self.start = start
      self.sampleInterval = sampleInterval
      self.reportInterval = reportInterval
      self.redaction = redaction
      self.environment = environment
    }
  }

  private struct State {
    var mustEnd = false
    var hasEnded = false
    var left: [LeftProcess]? = []
    var cgroups: [ControlGroup]?
  }

  private let state = Monitor(State())

  public init(_ settings: Settings, _ inputs: Inputs, _ outputs: Outputs) throws(Errno) {
    let state = self.state
    _ = try OwnThread("duct sampler", stackSize: 1 << 20) {
      var loop = SamplingLoop(settings, inputs, outputs)
      loop.run { deadline in state.wait(until: deadline) { $0.mustEnd ? true : nil } ?? false }
      let (left, cgroups) = (loop.left, loop.cgroups)
      state.update {
        $0.hasEnded = true
        $0.left = left
        $0.cgroups = cgroups
      }
      outputs.ended()
    }
  }

  /// Has the last look taken, and the last report given; returns at once.
  public func end() { state.update { $0.mustEnd = true } }

  public var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// False if it has not ended by the deadline.
  public func finish(until deadline: MonotonicInstant) -> Bool {
    end()
    return state.wait(until: deadline) { $0.hasEnded ? true : nil } ?? false
  }

  /// Descendants of the command that were alive at the last look. Nil where /proc does not tell.
  public var left: [LeftProcess]? { state.withLock { $0.left } }

  /// The groups that the run is in, at the last look.
  public var cgroups: [ControlGroup]? { state.withLock { $0.cgroups } }
}
