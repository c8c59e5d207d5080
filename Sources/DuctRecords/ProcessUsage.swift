public import RecordText

/// The resources that one process used in a report interval: con-duct's members with their units, and duct's
/// additions behind them.
public struct ProcessUsage: WrittenRecord {
  /// Percent of one core: CPU time divided by the age of the process, as in con-duct; the largest in the
  /// interval. From /proc/PID/stat.
  public var pcpu: Double
  /// `rss` in percent of the host's memory.
  public var pmem: Double
  /// Bytes of resident memory; the largest in the interval. From /proc/PID/stat.
  public var rss: Int
  /// Bytes of virtual memory; the largest in the interval. From /proc/PID/stat.
  public var vsz: Int
  /// Time of the last sample of the process, in ISO 8601 with the offset of the local time zone.
  public var timestamp: String
  /// Age of the process at that sample: `[[days-]hours:]minutes:seconds`. From its start in /proc/PID/stat.
  public var etime: String
  /// In how many samples the process was in which state, with the letters of ps(1). From /proc/PID/stat.
  public var stat: OrderedFields<Int>
  /// The arguments, separated by spaces, without secrets; at most 4096 bytes, then `…`. `[name]` if there are
  /// none. From /proc/PID/cmdline and /proc/PID/stat.
  public var cmd: String

  /// Percent of one core between two samples, of the process and of its children that came and went in between;
  /// the largest in the interval. From the CPU clock of the process and /proc/PID/stat.
  public var intervalPercent: Double
  /// Seconds of CPU time of the process itself until its last sample. From its CPU clock, see
  /// clock_getcpuclockid(3), or from /proc/PID/stat.
  public var cpuTime: Double
  /// Pid of the parent at the last sample. From /proc/PID/stat.
  public var parentPID: Int32
  /// Number of threads at the last sample. From /proc/PID/stat.
  public var threads: Int32
  /// Bytes of proportional memory when last read; nil if not known. From Pss in /proc/PID/smaps_rollup.
  public var pss: Int?
  /// Bytes of swap when last read; nil if not known. From Swap in /proc/PID/smaps_rollup or VmSwap in
  /// /proc/PID/status.
  public var swap: Int?
  /// Bytes: the largest resident memory ever, when last read; nil if not known. From VmHWM in /proc/PID/status.
  public var peakResident: Int?
  /// Bytes that read(2) and the like returned, of the process and the children that it waited for, when last
  /// read; nil if not known. From rchar in /proc/PID/io.
  public var readCharacters: Int?
  /// Bytes that write(2) and the like accepted, as `readCharacters`. From wchar in /proc/PID/io.
  public var writtenCharacters: Int?
  /// Bytes from disks, as `readCharacters`. From read_bytes in /proc/PID/io.
  public var readBytes: Int?
  /// Bytes to disks, as `readCharacters`. From write_bytes in /proc/PID/io.
  public var writtenBytes: Int?
  /// Voluntary context switches of the main thread when last read; nil if not known. From
  /// voluntary_ctxt_switches in /proc/PID/status.
  public var voluntarySwitches: Int?
  /// Involuntary context switches, as `voluntarySwitches`. From nonvoluntary_ctxt_switches in /proc/PID/status.
  public var involuntarySwitches: Int?
  /// The process has left the command's session.
  public var escaped: Bool
  /// Bytes of memory on all GPUs. From NVML; nil if the process uses none, or if there is no NVML.
  public var gpuMemory: Int?
  /// Percent of one GPU, summed over all GPUs, since the previous reading. From NVML; nil as above.
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

  public mutating func list(_ members: inout RecordMembers) {
    members("pcpu", &pcpu)
    members("pmem", &pmem)
    members("rss", &rss)
    members("vsz", &vsz)
    members("timestamp", &timestamp)
    members("etime", &etime)
    members("stat", &stat)
    members("cmd", &cmd)
    members("pcpu_interval", &intervalPercent)
    members("cpu_time", &cpuTime)
    members("ppid", &parentPID)
    members("threads", &threads)
    members("pss", &pss)
    members("swap", &swap)
    members("rss_peak", &peakResident)
    members("read_chars", &readCharacters)
    members("written_chars", &writtenCharacters)
    members("read_bytes", &readBytes)
    members("written_bytes", &writtenBytes)
    members("voluntary_switches", &voluntarySwitches)
    members("involuntary_switches", &involuntarySwitches)
    members("escaped", &escaped)
    members("gpu_memory", &gpuMemory)
    members("gpu_utilization", &gpuPercent)
  }
}
