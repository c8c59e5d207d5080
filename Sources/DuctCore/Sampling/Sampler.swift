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
  var identity: ProcessIdentity
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
    var left: [LeftProcess] = []
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

  /// Descendants of the command that were alive at the last look.
  var left: [LeftProcess] { state.withLock { $0.left } }

  /// The groups that the run is in, at the last look.
  var cgroups: [ControlGroup]? { state.withLock { $0.cgroups } }
}

private struct SamplingLoop {
  /// Reports are given earlier than they are due when so many processes have come and gone.
  private static let mostProcesses = 4000
  /// Seconds from the start: a command that is over by then is not held up by a first look and its report
  /// before the last one.
  private static let firstLook = 0.003

  private let settings: Sampler.Settings
  private let handlers: Sampler.Handlers
  private let files = ProcFiles()
  private let host = HostConstants.current
  private var processes: RunProcesses
  private var details: DetailReading
  private let groups = ControlGroups.own
  private var groupsAtStart: [ControlGroup] = []
  private var processors: AllowedProcessors
  private var cores = 0.0
  private let memoryLimit: MemoryLimit?
  private var counters = RunCounters()
  private var lastLook: MonotonicInstant
  private var lastTimestamp = 0.0
  private var totals: UsageTotals?
  private var averages = UsageAverages()

  init(_ settings: Sampler.Settings, _ handlers: Sampler.Handlers) {
    self.settings = settings
    self.handlers = handlers
    processes = RunProcesses(
      root: settings.root, session: settings.session, sessionIsShared: settings.sessionIsShared,
      files: files, host: host, isHelper: handlers.isHelper)
    details = DetailReading(start: settings.start)
    lastLook = settings.start
    processors = AllowedProcessors(quota: groups.processorLimit)
    memoryLimit = MemoryLimit(
      groups: groups, environment: settings.environment, hostBytes: host.memoryBytes)
    counters.memoryLimit = memoryLimit
  }

  var left: [LeftProcess] {
    processes.all.filter {
      !$0.isGone && $0.isDescendant && !$0.stat.isZombie && $0.stat.pid != settings.root
    }
    .map {
      LeftProcess(identity: $0.identity, commandLine: settings.redaction.applied(to: $0.commandLine))
    }
  }

  /// Looks at absolute times, so that a slow look does not move the later ones; those that have passed by then
  /// are missed, and counted. As in con-duct, the first look is a report of its own, and later ones are
  /// reported at each report interval. The last look is at the end, while the command is still there as a
  /// zombie.
  ///
  /// - Parameter waits: until a time; true when the command has ended.
  mutating func run(_ waits: (MonotonicInstant) -> Bool) {
    let first = MonotonicInstant.now + min(Self.firstLook, settings.sampleInterval)
    if !waits(first) { lookAgainAndAgain(waits) }
    look(isReported: true, isLast: true)
    giveReport(isLast: true)
    processes.closeAll()
  }

  private mutating func lookAgainAndAgain(_ waits: (MonotonicInstant) -> Bool) {
    look(isReported: true)
    giveReport()
    groupsAtStart = groups.read()
    var next = settings.start
    var nextReport = settings.start + settings.reportInterval
    while true {
      next = next + settings.sampleInterval
      let now = MonotonicInstant.now
      if next <= now {
        let missed = Int(now.seconds(since: next) / settings.sampleInterval) + 1
        counters.missedSamples += missed
        next = next + Double(missed) * settings.sampleInterval
      }
      if waits(next) { return }
      let isReported = next >= nextReport
      look(isReported: isReported)
      if isReported || processes.all.count > Self.mostProcesses {
        giveReport()
        while nextReport <= next { nextReport = nextReport + settings.reportInterval }
      }
    }
  }

  var cgroups: [ControlGroup] {
    groups.read().enumerated().map { level, now in
      var group = now
      // A command that was over before the first look is not known to have had none.
      let before = level < groupsAtStart.count ? groupsAtStart[level].oomKills : nil
      group.oomKills = before.flatMap { before in now.oomKills.map { max($0 - before, 0) } }
      return group
    }
  }

  // MARK: One look

  private mutating func look(isReported: Bool, isLast: Bool = false) {
    let reaped = handlers.reaped()
    let (now, timestamp, uptime) = (MonotonicInstant.now, WallTime.now.seconds, host.uptime)
    processes.look(now, reaped: reaped)
    let seconds = max(now.seconds(since: lastLook), 1e-6)
    lastLook = now
    lastTimestamp = timestamp
    let (resident, virtual) = add(timestamp, uptime, seconds)
    let percent = processorPercent(seconds)
    var sums = UsageTotals(
      pmem: host.memoryPercent(resident), pcpu: rounded(percent), rss: Int(clamping: resident),
      vsz: Int(clamping: virtual))
    if let memoryLimit { sums.limitPercent = rounded(Double(resident) / Double(memoryLimit.bytes) * 100) }
    addDetails(&sums, now, isReported, isLast)
    counters.processorTime = processes.processorTime
    counters.processorTimeOfRoot = processes.timeOfRoot
    counters.escapedCount = processes.escapedCount
    if processes.isEmpty {
      handlers.sample(nil, counters)
    } else {
      totals = totals?.peak(sums) ?? sums
      averages.add(sums, seconds: seconds)
      handlers.sample(UsageSample(totals: sums, seconds: seconds), counters)
    }
    tellNews()
  }

  /// Adds the look to each process's peaks. Returns the sums of bytes, resident and virtual.
  private mutating func add(_ timestamp: Double, _ uptime: Double, _ seconds: Double) -> (UInt64, UInt64) {
    var (resident, virtual) = (UInt64(0), UInt64(0))
    let host = self.host
    let most = cores > 0 ? cores * 100 : .infinity
    processes.forEachLiving { process in
      let stat = process.stat
      let bytes = stat.isZombie ? 0 : stat.residentPages &* host.pageSize
      let age = max(uptime - Double(stat.startTicks) / host.ticksPerSecond, 0)
      resident &+= bytes
      virtual &+= stat.virtualBytes
      process.peaks.residentBytes = max(process.peaks.residentBytes, bytes)
      process.peaks.virtualBytes = max(process.peaks.virtualBytes, stat.virtualBytes)
      process.peaks.lifetimePercent = max(
        process.peaks.lifetimePercent, host.lifetimePercent(stat, age: age))
      process.peaks.intervalPercent = max(
        process.peaks.intervalPercent, min(Double(process.account.interval) / 1e7 / seconds, most))
      process.peaks.states.add(stat.psState)
      process.peaks.timestamp = timestamp
      process.peaks.age = age
      process.peaks.looks += 1
    }
    return (resident, virtual)
  }

  /// Percent of one core in the interval; never more than there is.
  private mutating func processorPercent(_ seconds: Double) -> Double {
    let percent = Double(processes.interval) / 1e7 / seconds
    // The kernel's times and ours are read one after the other, so more can come out than is possible. What
    // is possible is looked at when it matters: a process can change what it may run on.
    guard percent > cores * 100 else { return percent }
    cores = max(cores, processors.cores(of: processes.livingPIDs))
    return cores > 0 ? min(percent, cores * 100) : percent
  }

  private mutating func addDetails(
    _ sums: inout UsageTotals, _ now: MonotonicInstant, _ isDue: Bool, _ isLast: Bool
  ) {
    guard
      let result = details.read(&processes, files, now: now, resident: sums.rss, isDue: isDue, isLast: isLast)
    else { return }
    sums.pss = result.proportional
    sums.swap = result.swap
    if let io = result.io { counters.io = counters.io?.peak(io) ?? io }
    if let peak = result.largestPeakResident {
      counters.largestPeakResident = max(counters.largestPeakResident ?? 0, peak)
    }
  }

  private func tellNews() {
    let changes = processes.changes
    let sessions = processes.sessions.changed
    guard changes.hasChanged || changes.hasNewSbatch || !sessions.isEmpty else { return }
    handlers.tree(
      TreeNews(
        sessions: sessions, hasChanged: changes.hasChanged, hasNewSbatch: changes.hasNewSbatch))
  }

  // MARK: Reports

  private mutating func giveReport(isLast: Bool = false) {
    guard let totals else { return }
    let gpus = handlers.gpus()
    var fields = OrderedDictionary<String, ProcessUsage>()
    for process in processes.all.sorted(by: { $0.stat.pid < $1.stat.pid }) where process.peaks.looks > 0 {
      let pid = process.stat.pid
      // One that was given the pid of another in the same interval stands beside it.
      let name = fields["\(pid)"] == nil ? "\(pid)" : "\(pid)-\(process.stat.startTicks)"
      fields[name] = ProcessUsage(process, host: host, gpu: gpus[pid], redaction: settings.redaction)
    }
    handlers.report(
      UsageReport(
        timestamp: WallTime(seconds: lastTimestamp).isoText, sampleCount: averages.sampleCount,
        processes: OrderedFields(fields), totals: totals, averages: averages), isLast)
    self.totals = nil
    averages = UsageAverages()
    processes.forgetGone()
    let files = self.files
    processes.forEachLiving { process in
      process.peaks = ReportPeaks()
      // What is written over its arguments in place shows by nothing else.
      process.readCommandLine(files)
    }
  }
}
