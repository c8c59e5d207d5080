internal import SystemCalls

/// A process of the run, from the first look at it to the report after its end.
struct RunProcess: Sendable {
  /// With the numbers that /proc has.
  var stat: ProcessStat
  /// The numbers of this process's own pid namespace.
  private(set) var names: ProcFiles.Names
  private var namedSession: Int32
  /// Below the command, and not only in its session.
  var isDescendant: Bool
  /// It has left the command's session.
  var hasEscaped = false
  var isGone = false
  /// Its stat file, kept open where there are descriptors enough: then it is read in half the time, and
  /// never another process's. -1 where it is not.
  var file: CInt = -1
  var account = ProcessorAccount()
  var peaks = ReportPeaks()
  var peakTime = PeakTime()
  var details = ProcessDetails()
  /// The arguments, as they were read last: one that is about to end has none any more.
  private var arguments: String?
  /// What it was when they were.
  private(set) var commandImage: UInt64 = 0
  private(set) var commandName: ProcessName?

  init(_ stat: ProcessStat, _ names: ProcFiles.Names, isDescendant: Bool) {
    self.stat = stat
    self.names = names
    namedSession = stat.session
    self.isDescendant = isDescendant
  }

  var pid: Int32 { names.pid }

  /// Its session has another name when it is in another one.
  mutating func updateNames(_ files: ProcFiles) {
    if stat.session == namedSession { return }
    namedSession = stat.session
    names.session = files.names(stat)?.session ?? 0
  }

  var identity: ProcessIdentity { ProcessIdentity(stat) }

  /// It has executed something since, or has given itself another name.
  var hasNewCommand: Bool { commandName != stat.name || commandImage != stat.image }

  /// The arguments, or the name in brackets where there never were any.
  var commandLine: String {
    if let arguments { return arguments }
    let name = "[" + String(escaping: stat.name.bytes) + "]"
    return stat.isZombie ? name + " <defunct>" : name
  }

  mutating func readCommandLine(_ files: ProcFiles) {
    if stat.isZombie { return }
    let line = files.commandLine(stat.pid)
    commandImage = stat.image
    // Where there is none it is looked again.
    commandName = line == nil ? nil : stat.name
    if let line, line != arguments { arguments = line }
  }
}

/// Peaks of a process since the last report.
struct ReportPeaks: Sendable {
  var lifetimePercent = 0.0
  /// Nil before an interval that is long enough.
  var intervalPercent: Double?
  /// The largest of any interval: for a line in which none is long enough.
  var anyIntervalPercent = 0.0
  var residentBytes: UInt64 = 0
  var virtualBytes: UInt64 = 0
  var states = ProcessStates()
  /// Of the last look: seconds since 1970, and seconds since its start.
  var timestamp = 0.0
  var age = 0.0
  var looks = 0
}

/// Processor time of one process, each nanosecond of it and of its children counted once.
///
/// A process's own time is counted as it grows. The time of a child that it has waited for comes to it all
/// at once, in its stat line; what of that was counted while the child was seen is claimed by the child when
/// it goes, and the rest is new: children that came and went between two looks.
struct ProcessorAccount: Sendable {
  /// Of stat's clock ticks: how far two readings can be off, each way.
  static let tolerance: Int64 = 20_000_000

  /// Its own, in nanoseconds.
  private(set) var own: Int64 = 0
  private var childTicks: UInt64 = 0
  /// What is counted of it, and of those below it that have gone.
  private(set) var counted: Int64 = 0
  /// Counted in the last interval.
  private(set) var interval: Int64 = 0
  private var grown: Int64 = 0
  private var gained: Int64 = 0
  private var claimed: Int64 = 0
  /// What was claimed and has not come yet: a child can go just after its parent was read.
  private var debt: Int64 = 0

  /// What it had used before the run began is not the run's.
  mutating func leaveOutUntilNow() {
    grown = 0
    gained = 0
  }

  mutating func read(own: Int64, childTicks: UInt64, nanosecondsPerTick: Int64) {
    grown = max(own - self.own, 0)
    self.own += grown
    let before = self.childTicks
    self.childTicks = max(childTicks, before)
    gained = Int64(clamping: self.childTicks - before) &* nanosecondsPerTick
    asKernel = self.own + Int64(clamping: self.childTicks) &* nanosecondsPerTick
  }

  /// A child of it has gone, of which so much was counted.
  mutating func claim(_ nanoseconds: Int64) { claimed += nanoseconds }

  /// Call once a look, when all claims are in; also where it could not be read.
  ///
  /// - Returns: what is new.
  mutating func settle() -> Int64 {
    let balance = debt + gained - claimed
    // A claim is good for this look and the next one: a child that its parent never waits for brings nothing.
    debt = max(min(balance, 0), -claimed - Self.tolerance)
    interval = grown + max(balance, 0)
    counted += interval + claimed
    grown = 0
    gained = 0
    claimed = 0
    return interval
  }

  /// What wait4(2) would say of it by now, to a tick.
  private(set) var asKernel: Int64 = 0

  /// What has gone with it.
  var legacy: Int64 { counted + claimed }
}
