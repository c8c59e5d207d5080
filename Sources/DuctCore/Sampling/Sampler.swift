internal import OrderedCollections
internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What a look at the processes has shown besides their use of resources.
struct TreeNews: Sendable {
  /// Those that are new or have gone.
  var sessions: [SessionSighting]
  /// A child came or went since the last look.
  var hasChanged: Bool
  /// A process of that name is below the command that was not there at the look before.
  var hasNewSbatch: Bool
}

/// A process that was there when the command ended.
struct LeftProcess: Sendable, Equatable {
  /// As /proc has it.
  var identity: ProcessIdentity
  /// In this process's own pid namespace.
  var pid: Int32
  var commandLine: String
}

/// Looks at the run's processes at every sample interval, on a thread of its own.
final class Sampler: Sendable {
  /// Where results go. Called on the sampler's thread; none may block.
  struct Handlers: Sendable {
    /// Without a sample where no process was there any more: nothing can be said of its memory, and no line
    /// of usage.jsonl would tell of it.
    var sample: @Sendable (UsageSample?, RunCounters) -> Void
    /// With whether it is the last.
    var report: @Sendable (UsageReport, Bool) -> Void
    var tree: @Sendable (TreeNews) -> Void
    /// Whether a child of duct is no part of the run.
    var isHelper: @Sendable (Int32) -> Bool
    /// Nanoseconds of processor time that orphans had used which duct has reaped.
    var reaped: @Sendable () -> Int64
    var gpus: @Sendable () -> [Int32: GPUUse]
    /// The last look is taken, and reported.
    var ended: @Sendable () -> Void
  }

  struct Settings: Sendable {
    /// Of the command.
    var root: Int32
    var session: Int32
    var sessionIsShared: Bool
    var start: MonotonicInstant
    /// Seconds.
    var sampleInterval: Double
    var reportInterval: Double
    var redaction: Redaction
    var environment: [String: String]
  }

  private struct State {
    var mustEnd = false
    var hasEnded = false
    var left: [LeftProcess]? = []
    var cgroups: [ControlGroup]?
  }

  private let state = Monitor(State())

  init(_ settings: Settings, _ handlers: Handlers) throws(Errno) {
    let state = self.state
    _ = try OwnThread("duct sampler", stackSize: 1 << 20) {
      var loop = SamplingLoop(settings, handlers)
      loop.run { deadline in state.wait(until: deadline) { $0.mustEnd ? true : nil } ?? false }
      let (left, cgroups) = (loop.left, loop.cgroups)
      state.update {
        $0.hasEnded = true
        $0.left = left
        $0.cgroups = cgroups
      }
      handlers.ended()
    }
  }

  /// Has the last look taken, and the last report given; returns at once.
  func end() { state.update { $0.mustEnd = true } }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// False if it has not ended by the deadline.
  func finish(until deadline: MonotonicInstant) -> Bool {
    end()
    return state.wait(until: deadline) { $0.hasEnded ? true : nil } ?? false
  }

  /// Descendants of the command that were alive at the last look. Nil where /proc does not tell.
  var left: [LeftProcess]? { state.withLock { $0.left } }

  /// The groups that the run is in, at the last look.
  var cgroups: [ControlGroup]? { state.withLock { $0.cgroups } }
}
