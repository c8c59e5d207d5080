internal import OrderedCollections
internal import RecordText

/// What one process used, at one look or over a report interval; con-duct's fields and units.
struct ProcessUsage: Codable, Sendable {
  /// Percent of one core, over the life of the process.
  var pcpu: Double
  /// Percent of the host's memory.
  var pmem: Double
  /// Bytes.
  var rss: Int
  var vsz: Int
  /// Of the latest look.
  var timestamp: String
  /// `[[days-]hours:]minutes:seconds` since its start.
  var etime: String
  /// How often it was in which state, in the letters of ps.
  var stat: OrderedFields<Int>
  var cmd: String

  /// Peaks of both, and the latest times.
  mutating func add(_ later: ProcessUsage) {
    pcpu = max(pcpu, later.pcpu)
    pmem = max(pmem, later.pmem)
    rss = max(rss, later.rss)
    vsz = max(vsz, later.vsz)
    timestamp = max(timestamp, later.timestamp)
    etime = later.etime
    for (state, count) in later.stat.members { stat.members[state, default: 0] += count }
    // Brackets: the kernel had no command line to show.
    if cmd.hasPrefix("["), cmd.contains("]") { cmd = later.cmd }
  }
}

extension ProcessUsage {
  init(_ stat: ProcessStat, host: HostConstants, timestamp: String, commandLine: String) {
    let age = max(host.uptime - Double(stat.startTicks) / host.ticksPerSecond, 0)
    let cpuSeconds = Double(stat.userTicks + stat.systemTicks) / host.ticksPerSecond
    // Ticks are 10 ms: a younger process can seem to have used more time than has passed.
    let most = 100 * Double(min(Int(stat.threads), host.configuredCPUs))
    pcpu = age > 0 ? min(rounded(cpuSeconds / age * 100), most) : 0
    let resident = stat.isZombie ? 0 : stat.residentPages * host.pageSize
    rss = Int(resident)
    vsz = Int(stat.virtualBytes)
    pmem = host.memoryBytes == 0 ? 0 : rounded(Double(resident) / Double(host.memoryBytes) * 100)
    self.timestamp = timestamp
    etime = elapsedText(Int(age))
    self.stat = OrderedFields([stat.psState: 1])
    cmd = commandLine
  }
}

/// Two digits behind the point are more than the ticks are good for.
private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

/// As ps: `MM:SS`, `HH:MM:SS`, `DD-HH:MM:SS`.
func elapsedText(_ seconds: Int) -> String {
  func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
  let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60)
  let short = two(minutes) + ":" + two(seconds % 60)
  if days > 0 { return two(days) + "-" + two(hours) + ":" + short }
  return hours > 0 ? two(hours) + ":" + short : short
}

extension ProcessStat {
  /// The state as ps shows it, with its marks: `<` high and `N` low priority, `s` session leader, `l`
  /// several threads, `+` in the foreground of its terminal.
  var psState: String {
    var text = String(Character(Unicode.Scalar(state)))
    if nice < 0 { text += "<" } else if nice > 0 { text += "N" }
    if session == pid { text += "s" }
    if threads > 1 { text += "l" }
    if terminalGroup == processGroup { text += "+" }
    return text
  }
}
