internal import SystemCalls

/// A process of the run, from the first sample that finds it to the report after its end.
struct RunProcess: Sendable {
  /// The last stat line. Its pids are those of /proc.
  var stat: ProcessStat
  /// Its pid and session in duct's own pid namespace.
  private(set) var names: ProcFiles.Names
  private var namedSession: Int32
  /// It descends from the command. False if it is only in the command's session.
  var isDescendant: Bool
  /// The process of the step's task that it descends from, by its pid in duct's own pid namespace. Nil if the run is no
  /// step.
  var task: Int32?
  /// It has left the command's session.
  var hasEscaped = false
  /// It has exited, or no longer belongs to the run.
  var isGone = false
  /// Its stat file, kept open while duct has descriptors to spare. Reading it takes half the time of opening it
  /// again, and it never shows another process. -1 if it is not open.
  var file: CInt = -1
  var account = ProcessorAccount()
  var peaks = ReportPeaks()
  var peakTime = PeakTime()
  var details = ProcessDetails()
  /// The last arguments that were read. They are kept because a process that is about to exit has none.
  private var arguments: String?
  /// Image and name of the process when its arguments were read.
  private var commandImage: UInt64 = 0
  private var commandName: ProcessName?

  init(_ stat: ProcessStat, _ names: ProcFiles.Names, isDescendant: Bool) {
    self.stat = stat
    self.names = names
    namedSession = stat.session
    self.isDescendant = isDescendant
  }

  /// In duct's own pid namespace.
  var pid: Int32 { names.pid }

  /// Updates the name of the session if the process has changed its session.
  mutating func updateNames(_ files: ProcFiles) {
    if stat.session == namedSession { return }
    namedSession = stat.session
    names.session = files.names(stat)?.session ?? 0
  }

  var identity: ProcessIdentity { ProcessIdentity(stat) }

  /// It has called execve(2) or changed its name since its arguments were read.
  var hasNewCommand: Bool { commandName != stat.name || commandImage != stat.image }

  /// The arguments, or the name in brackets if no arguments were ever read.
  var commandLine: String {
    if let arguments { return arguments }
    let name = "[" + String(escaping: stat.name.bytes) + "]"
    return stat.isZombie ? name + " <defunct>" : name
  }

  mutating func readCommandLine(_ files: ProcFiles) {
    if stat.isZombie { return }
    let line = files.commandLine(stat.pid)
    commandImage = stat.image
    // Without arguments `hasNewCommand` stays true, so that the next sample tries again.
    commandName = line == nil ? nil : stat.name
    if let line, line != arguments { arguments = line }
  }
}
