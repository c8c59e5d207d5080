internal import DuctRecords
internal import OrderedCollections
internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// The sampler's thread: takes samples, and adds them up to reports.
struct SamplingLoop {
  /// A report is handed over early when more processes than this have gone since the last one, so that memory does not
  /// grow with the number of processes that a run starts. Living processes do not count: they would be in the next
  /// report again, and a run with many of them would write a full line at each sample.
  static let mostGone = 4000
  /// Seconds from the start to the first sample. A command that ends earlier does not wait for a first sample and its
  /// report, only for the last.
  private static let firstSampleDelay = 0.003
  /// Seconds: the shortest time between two samples that counts, to divide by.
  private static let shortestInterval = 1e-6

  private let settings: Sampler.Settings
  private let inputs: Sampler.Inputs
  private let outputs: Sampler.Outputs
  private let files: ProcFiles
  private let host: HostConstants
  private let mostGone: Int
  private var processes: RunProcesses
  private var details: DetailReading
  private let groups: ControlGroups
  private var groupsAtStart: [ControlGroup] = []
  private var processors: AllowedProcessors
  /// The most cores that the run could use in any sample that asked; 0 before the first.
  private var cores = 0.0
  private let memoryLimit: MemoryLimit?
  private var counters = RunCounters()
  private var lastSample: MonotonicInstant
  /// Time of the last sample, in seconds since 1970.
  private var lastTimestamp = 0.0
  /// Peaks of the sums since the last report; nil before the first sample after it.
  private var totals: UsageTotals?
  /// Percent of one core since the last report; nil before an interval that is long enough.
  private var peakPercent: Double?
  private var peakTime = PeakTime()
  private var peakIntervals: PeakIntervals
  private var averages = UsageAverages()

  init(
    _ settings: Sampler.Settings, _ inputs: Sampler.Inputs, _ outputs: Sampler.Outputs,
    files: ProcFiles = ProcFiles(), host: HostConstants = .current, mostGone: Int = Self.mostGone
  ) {
    self.settings = settings
    self.inputs = inputs
    self.outputs = outputs
    self.files = files
    self.host = host
    self.mostGone = mostGone
    groups = settings.watched.isAttached ? ControlGroups(files, of: settings.watched) : ControlGroups(files)
    processes = RunProcesses(
      settings.watched, files: files, host: host, isHelper: inputs.isHelper)
    details = DetailReading(start: settings.start)
    lastSample = settings.start
    peakIntervals = PeakIntervals(sampleInterval: settings.sampleInterval)
    processors = AllowedProcessors(quota: groups.processorLimit)
    memoryLimit = MemoryLimit(
      groups: groups, environment: settings.environment, hostBytes: host.memoryBytes)
    counters.memoryLimit = memoryLimit
  }

  /// Descendants of the command that were alive in the last sample.
  var left: [LeftProcess]? {
    guard processes.areKnown else { return nil }
    return processes.all.filter {
      !$0.isGone && $0.isDescendant && !$0.stat.isZombie && $0.pid != settings.watched.root
    }
    .map {
      LeftProcess(
        identity: $0.identity, pid: $0.pid, commandLine: settings.redaction.applied(to: $0.commandLine))
    }
  }

  /// Takes samples until the command has ended.
  ///
  /// Samples are due at absolute times, so that a slow sample does not delay later ones. Those whose time has passed
  /// meanwhile are missed, and counted. As in con-duct, the first sample is a report of its own, and later ones are
  /// reported at each report interval. The last sample is taken after the command has ended, while it is still there
  /// as a zombie.
  ///
  /// - Parameter waits: waits until a time, or until the command has ended; returns whether it has.
  mutating func run(_ waits: (MonotonicInstant) -> Bool) {
    let first = MonotonicInstant.now + min(Self.firstSampleDelay, settings.sampleInterval)
    if !waits(first) { samplePeriodically(waits) }
    sample(isReported: true, isLast: true)
    handOverReport(isLast: true)
    processes.closeAll()
  }

  private mutating func samplePeriodically(_ waits: (MonotonicInstant) -> Bool) {
    sample(isReported: true)
    handOverReport()
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
      sample(isReported: isReported)
      if isReported || processes.goneCount > mostGone {
        handOverReport()
        while nextReport <= next { nextReport = nextReport + settings.reportInterval }
      }
    }
  }

  /// The control groups now, with the processes that the kernel has killed in them since the first sample.
  var cgroups: [ControlGroup] {
    groups.read().enumerated().map { level, now in
      var group = now
      // Nil for a command that ended before the first sample: kills from before the run may be among them.
      let before = level < groupsAtStart.count ? groupsAtStart[level].oomKills : nil
      group.oomKills = before.flatMap { before in now.oomKills.map { max($0 - before, 0) } }
      return group
    }
  }

  // MARK: One sample

  private mutating func sample(isReported: Bool, isLast: Bool = false) {
    let reaped = inputs.reaped()
    let (now, timestamp, uptime) = (MonotonicInstant.now, WallTime.now.seconds, host.uptime)
    processes.sample(now, reaped: reaped)
    let seconds = max(now.seconds(since: lastSample), Self.shortestInterval)
    lastSample = now
    lastTimestamp = timestamp
    let use = peakIntervals.use(seconds, isLast: isLast)
    let (resident, virtual) = addToPeaks(timestamp, uptime, seconds, use)
    let percent = possible(percentOfCore(processes.interval, in: seconds))
    let peak = peakTime.percent(processes.interval, use).map { rounded(possible($0)) }
    var sums = UsageTotals(
      pmem: host.memoryPercent(resident), pcpu: rounded(percent), rss: Int(clamping: resident),
      vsz: Int(clamping: virtual))
    if let memoryLimit { sums.limitPercent = rounded(Double(resident) / Double(memoryLimit.bytes) * 100) }
    addDetails(&sums, now, isReported, isLast)
    counters.processorTime = processes.processorTime
    counters.processorTimeOfRoot = processes.timeOfRoot
    counters.escapedCount = processes.knownEscapes
    processes.noteMemoryOfTasks(pageSize: host.pageSize)
    counters.tasks = processes.tasks
    counters.haveEnded = settings.watched.isAttached && processes.haveEnded
    if processes.isEmpty {
      outputs.sample(nil, counters)
    } else {
      totals = totals?.peak(sums) ?? sums
      peakPercent = larger(peakPercent, peak)
      averages.add(sums, seconds: seconds)
      outputs.sample(UsageSample(totals: sums, peakPercent: peak, seconds: seconds), counters)
    }
    handOverNews()
  }

  /// Adds the sample to the peaks of each process.
  ///
  /// - Returns: the sums of resident and virtual bytes.
  private mutating func addToPeaks(
    _ timestamp: Double, _ uptime: Double, _ seconds: Double, _ use: PeakIntervals.Use
  ) -> (UInt64, UInt64) {
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
      let time = process.account.interval
      process.peaks.anyIntervalPercent = max(
        process.peaks.anyIntervalPercent, min(percentOfCore(time, in: seconds), most))
      process.peaks.intervalPercent = larger(
        process.peaks.intervalPercent, process.peakTime.percent(time, use).map { min($0, most) })
      process.peaks.states.add(stat.psState)
      process.peaks.timestamp = timestamp
      process.peaks.age = age
      process.peaks.sampleCount += 1
    }
    return (resident, virtual)
  }

  /// The given percent of one core, but never more than the run's cores can do.
  ///
  /// The kernel's CPU time and duct's clock are read one after the other, so the result can be more than is possible.
  /// Only then the cores are read again, because a process can change which it may run on.
  private mutating func possible(_ percent: Double) -> Double {
    guard percent > cores * 100 else { return percent }
    cores = max(cores, processors.cores(of: processes.livingPIDs, files))
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

  private func handOverNews() {
    let changes = processes.changes
    let sessions = processes.sessions.changed
    guard changes.hasChanged || changes.hasNewSbatch || !sessions.isEmpty else { return }
    outputs.tree(
      TreeNews(
        sessions: sessions, hasChanged: changes.hasChanged, hasNewSbatch: changes.hasNewSbatch))
  }

  // MARK: Reports

  private mutating func handOverReport(isLast: Bool = false) {
    guard var totals else { return }
    totals.pcpu = peakPercent ?? totals.pcpu
    let gpus = inputs.gpus()
    var fields = OrderedDictionary<String, ProcessUsage>()
    for process in processes.all.sorted(by: { $0.pid < $1.pid }) where process.peaks.sampleCount > 0 {
      let pid = process.pid
      // The kernel can use a pid twice in one interval.
      let name = fields["\(pid)"] == nil ? "\(pid)" : "\(pid)-\(process.stat.startTicks)"
      fields[name] = ProcessUsage(
        process, parent: processes.parent(of: process), host: host, gpu: gpus[pid],
        redaction: settings.redaction)
    }
    outputs.report(
      UsageReport(
        timestamp: WallTime(seconds: lastTimestamp).isoText, sampleCount: averages.sampleCount,
        processes: OrderedFields(fields), totals: totals, averages: averages), isLast)
    self.totals = nil
    peakPercent = nil
    averages = UsageAverages()
    processes.forgetGone()
    let files = self.files
    processes.forEachLiving { process in
      process.peaks = ReportPeaks()
      // A process can overwrite its arguments in place, which changes nothing in its stat line.
      process.readCommandLine(files)
    }
  }
}
