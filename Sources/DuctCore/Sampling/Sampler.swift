internal import OrderedCollections
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What a look at the processes has shown besides their use of resources.
struct TreeNews: Sendable {
  var sessions: [SessionSighting]
  /// A child came or went since the last look.
  var hasChanged: Bool
  /// A process of that name is below the command that was not there at the look before.
  var hasNewSbatch: Bool
}

/// Looks at the run's processes at every sample interval, on a thread of its own.
final class Sampler: Sendable {
  /// Where results go. Called on the sampler's thread, in this order at each look; none may block.
  struct Handlers: Sendable {
    var sample: @Sendable (UsageSample) -> Void
    var report: @Sendable (UsageReport) -> Void
    var tree: @Sendable (TreeNews) -> Void
    /// Pids of duct's own children, which are no part of the run.
    var helpers: @Sendable () -> Set<Int32>
  }

  struct Intervals: Sendable {
    /// Seconds.
    var sample: Double
    var report: Double
  }

  private let stop = Monitor(false)
  private let thread: OwnThread

  init(tree: ProcessTree, intervals: Intervals, handlers: Handlers) throws(Errno) {
    let stop = self.stop
    thread = try OwnThread("duct sampler", stackSize: 1 << 20) {
      var loop = SamplingLoop(tree: tree, intervals: intervals, handlers: handlers)
      loop.run(stop)
    }
  }

  /// Ends the sampling; the last report is given before the thread ends. False if it has not ended by
  /// the deadline.
  func finish(until deadline: MonotonicInstant) -> Bool {
    stop.update { $0 = true }
    return thread.join(until: deadline)
  }
}

private struct SamplingLoop {
  var tree: ProcessTree
  let intervals: Sampler.Intervals
  let handlers: Sampler.Handlers
  private let files = ProcFiles()
  private let host = HostConstants()
  private var report: UsageReport?
  private var activity: [ProcessIdentity: UInt64] = [:]

  init(tree: ProcessTree, intervals: Sampler.Intervals, handlers: Sampler.Handlers) {
    self.tree = tree
    self.intervals = intervals
    self.handlers = handlers
  }

  /// The first look waits so long, in seconds: a command that is over by then is not held up by it.
  private static let firstLook = 0.005

  /// Samples at absolute times, so that a slow look does not move the later ones. As in con-duct, the
  /// first look is a report of its own, and later ones are reported at each report interval.
  mutating func run(_ stop: Monitor<Bool>) {
    let start = MonotonicInstant.now
    let isOver = stop.wait(until: start + min(Self.firstLook, intervals.sample)) { $0 ? true : nil }
    if isOver != nil {
      // No time for a look, and yet the command may have submitted something from its session.
      handlers.tree(TreeNews(sessions: tree.sessionsAtEnd, hasChanged: false, hasNewSbatch: false))
      return
    }
    var next = start
    var nextReport = start
    while true {
      look()
      let now = MonotonicInstant.now
      if now >= nextReport {
        giveReport()
        while nextReport <= now { nextReport = nextReport + intervals.report }
      }
      repeat { next = next + intervals.sample } while next <= now
      if stop.wait(until: next, for: { $0 ? true : nil }) != nil { break }
    }
    giveReport()
  }

  private mutating func look() {
    let members = tree.members(files, helpers: handlers.helpers())
    let timestamp = WallTime.now.isoText
    var processes = OrderedDictionary<Int32, ProcessUsage>()
    for member in members.sorted(by: { $0.stat.pid < $1.stat.pid }) {
      processes[member.stat.pid] = ProcessUsage(
        member.stat, host: host, timestamp: timestamp, commandLine: files.commandLine(member.stat))
    }
    if !processes.isEmpty {
      let sample = UsageSample(timestamp: timestamp, processes: processes)
      if report == nil { report = UsageReport(sample) } else { report?.add(sample) }
      handlers.sample(sample)
    }
    let activity = ProcessTree.activity(of: members)
    handlers.tree(
      TreeNews(
        sessions: tree.sessions, hasChanged: activity != self.activity,
        hasNewSbatch: tree.hasNewSbatch(members)))
    self.activity = activity
  }

  private mutating func giveReport() {
    if let report { handlers.report(report) }
    report = nil
  }
}
