internal import OrderedCollections
internal import RecordText
internal import SystemCalls

/// What one process used over a report interval; con-duct's fields and units, and duct's behind them.
struct ProcessUsage: Codable, Sendable {
  /// Percent of one core, over the life of the process; the largest.
  var pcpu: Double
  /// Percent of the host's memory; the largest.
  var pmem: Double
  /// Bytes; the largest.
  var rss: Int
  var vsz: Int
  /// Of the latest look.
  var timestamp: String
  /// `[[days-]hours:]minutes:seconds` since its start.
  var etime: String
  /// How often it was in which state, in the letters of ps.
  var stat: OrderedFields<Int>
  var cmd: String

  /// Percent of one core between two looks, with children that came and went in between; the largest.
  var intervalPercent: Double
  /// Seconds of processor time that it has used in this run itself.
  var cpuTime: Double
  var parentPID: Int32
  var threads: Int32
  /// Bytes, nil where not known; by the last time that it was read.
  var pss: Int?
  var swap: Int?
  var peakResident: Int?
  var readCharacters: Int?
  var writtenCharacters: Int?
  var readBytes: Int?
  var writtenBytes: Int?
  var voluntarySwitches: Int?
  var involuntarySwitches: Int?
  /// It has left the command's session.
  var escaped: Bool
  var gpuMemory: Int?
  var gpuPercent: Double?

  enum CodingKeys: String, CodingKey {
    case pcpu, pmem, rss, vsz, timestamp, etime, stat, cmd
    case intervalPercent = "pcpu_interval"
    case cpuTime = "cpu_time"
    case parentPID = "ppid"
    case threads, pss, swap
    case peakResident = "rss_peak"
    case readCharacters = "read_chars"
    case writtenCharacters = "written_chars"
    case readBytes = "read_bytes"
    case writtenBytes = "written_bytes"
    case voluntarySwitches = "voluntary_switches"
    case involuntarySwitches = "involuntary_switches"
    case escaped
    case gpuMemory = "gpu_memory"
    case gpuPercent = "gpu_utilization"
  }

  init(_ process: RunProcess, parent: Int32, host: HostConstants, gpu: GPUUse?, redaction: Redaction) {
    let peaks = process.peaks
    func bytes(_ value: UInt64?) -> Int? { value.map { Int(clamping: $0) } }
    pcpu = rounded(peaks.lifetimePercent)
    pmem = host.memoryPercent(peaks.residentBytes)
    rss = Int(clamping: peaks.residentBytes)
    vsz = Int(clamping: peaks.virtualBytes)
    timestamp = WallTime(seconds: peaks.timestamp).isoText
    etime = elapsedText(Int(peaks.age))
    stat = OrderedFields(
      OrderedDictionary(uniqueKeysWithValues: peaks.states.all.map { ($0.state, $0.count) }))
    cmd = redaction.applied(to: process.commandLine)
    intervalPercent = rounded(peaks.intervalPercent ?? peaks.anyIntervalPercent)
    cpuTime = (Double(process.account.own) / 1e6).rounded() / 1000
    parentPID = parent
    threads = process.stat.threads
    pss = bytes(process.details.proportionalBytes)
    swap = bytes(process.details.swapBytes)
    peakResident = bytes(process.details.peakResidentBytes)
    readCharacters = bytes(process.details.io?.readCharacters)
    writtenCharacters = bytes(process.details.io?.writtenCharacters)
    readBytes = bytes(process.details.io?.readBytes)
    writtenBytes = bytes(process.details.io?.writtenBytes)
    voluntarySwitches = bytes(process.details.voluntarySwitches)
    involuntarySwitches = bytes(process.details.involuntarySwitches)
    escaped = process.hasEscaped
    gpuMemory = bytes(gpu?.memoryBytes)
    gpuPercent = gpu?.percent
  }
}

extension HostConstants {
  func memoryPercent(_ bytes: UInt64) -> Double {
    memoryBytes == 0 ? 0 : rounded(Double(bytes) / Double(memoryBytes) * 100)
  }

  /// Percent of one core over the life of a process.
  ///
  /// - Parameter age: in seconds.
  func lifetimePercent(_ stat: ProcessStat, age: Double) -> Double {
    guard age > 0 else { return 0 }
    // Ticks are 10 ms: a younger process can seem to have used more time than has passed.
    let most = 100 * Double(min(Int(stat.threads), configuredCPUs))
    return min(Double(stat.userTicks &+ stat.systemTicks) / ticksPerSecond / age * 100, most)
  }
}

/// Two digits behind the point are more than the ticks are good for.
func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

/// As ps: `MM:SS`, `HH:MM:SS`, `DD-HH:MM:SS`.
func elapsedText(_ seconds: Int) -> String {
  func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
  let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60)
  let short = two(minutes) + ":" + two(seconds % 60)
  if days > 0 { return two(days) + "-" + two(hours) + ":" + short }
  return hours > 0 ? two(hours) + ":" + short : short
}
