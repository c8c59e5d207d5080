public import RecordText

/// What one process used over a report interval; con-duct's fields and units, and duct's behind them.
public struct ProcessUsage: Codable, Sendable {
  /// Percent of one core, over the life of the process; the largest.
  public var pcpu: Double
  /// Percent of the host's memory; the largest.
  public var pmem: Double
  /// Bytes; the largest.
  public var rss: Int
  public var vsz: Int
  /// Of the latest look.
  public var timestamp: String
  /// `[[days-]hours:]minutes:seconds` since its start.
  public var etime: String
  /// How often it was in which state, in the letters of ps.
  public var stat: OrderedFields<Int>
  public var cmd: String

  /// Percent of one core between two looks, with children that came and went in between; the largest.
  public var intervalPercent: Double
  /// Seconds of processor time that it has used in this run itself.
  public var cpuTime: Double
  public var parentPID: Int32
  public var threads: Int32
  /// Bytes, nil where not known; by the last time that it was read.
  public var pss: Int?
  public var swap: Int?
  public var peakResident: Int?
  public var readCharacters: Int?
  public var writtenCharacters: Int?
  public var readBytes: Int?
  public var writtenBytes: Int?
  public var voluntarySwitches: Int?
  public var involuntarySwitches: Int?
  /// It has left the command's session.
  public var escaped: Bool
  public var gpuMemory: Int?
  public var gpuPercent: Double?

  public init(
    pcpu: Double, pmem: Double, rss: Int, vsz: Int, timestamp: String, etime: String,
    stat: OrderedFields<Int>, cmd: String, intervalPercent: Double, cpuTime: Double, parentPID: Int32,
    threads: Int32, escaped: Bool
  ) {
    self.pcpu = pcpu
    self.pmem = pmem
    self.rss = rss
    self.vsz = vsz
    self.timestamp = timestamp
    self.etime = etime
    self.stat = stat
    self.cmd = cmd
    self.intervalPercent = intervalPercent
    self.cpuTime = cpuTime
    self.parentPID = parentPID
    self.threads = threads
    self.escaped = escaped
  }

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
}
