public import RecordText

/// `execution_summary` of info.json, and what `--summary-format` can show.
public struct ExecutionSummary: Record {
  /// The command's exit code, or 128 + n if signal n ended it. From wait4(2). Nil while the command runs.
  public var exitCode: Int?
  /// The command and its arguments, separated by spaces, without secrets.
  public var command: String
  /// The output prefix.
  public var logsPrefix: String
  /// Seconds from start to end or, while the command runs, until the record was written. From CLOCK_MONOTONIC.
  public var wallClockTime: Double
  /// Bytes of resident memory: the largest sum over the run's processes in one sample or, if that is larger,
  /// the peak of a single process between samples. From /proc/PID/stat; VmHWM in /proc/PID/status; `ru_maxrss`
  /// of wait4(2).
  public var peakRSS: Int?
  /// Bytes of resident memory: mean of the sums, over samples in which something was resident. From
  /// /proc/PID/stat.
  public var averageRSS: Double?
  /// Bytes of virtual memory: the largest sum over the run's processes in one sample. From /proc/PID/stat.
  public var peakVSZ: Int?
  /// Bytes of virtual memory: mean of the sums, over the same samples as `averageRSS`. From /proc/PID/stat.
  public var averageVSZ: Double?
  /// `peakRSS` in percent of the host's memory.
  public var peakPmem: Double?
  /// `averageRSS` in percent of the host's memory.
  public var averagePmem: Double?
  /// Percent of one core: the largest CPU use of the run between two samples. From the CPU clocks of the
  /// processes and /proc/PID/stat.
  public var peakPcpu: Double?
  /// Percent of one core: CPU time divided by elapsed time. From the same sources as `peakPcpu`.
  public var averagePcpu: Double?
  /// Number of samples.
  public var sampleCount: Int
  /// Number of lines in usage.jsonl.
  public var reportCount: Int
  /// Start of the command in seconds since 1970. From CLOCK_REALTIME.
  public var startTime: Double
  /// End of the command in seconds since 1970. From CLOCK_REALTIME. Nil while the command runs.
  public var endTime: Double?
  /// The directory in which the command was started. From getcwd(3).
  public var workingDirectory: String
  /// Seconds of user and system time of all processes of the run, each second counted once. From wait4(2) for
  /// the command and the children that it waited for, and from samples for the others.
  public var cpuSeconds: Double?

  /// Bytes of proportional memory: the largest sum over the run's processes. A page that n processes share
  /// counts as 1/n for each. From Pss in /proc/PID/smaps_rollup, in samples in which all processes were read.
  public var peakPSS: Int?
  /// Bytes of proportional memory: mean of the sums. From the same samples as `peakPSS`.
  public var averagePSS: Double?
  /// Bytes of swap: the largest sum. From Swap in /proc/PID/smaps_rollup or VmSwap in /proc/PID/status, in the
  /// same samples as `peakPSS`.
  public var peakSwap: Int?
  /// `peakRSS` in percent of `memoryLimit`.
  public var peakPmemLimit: Double?
  /// Bytes that the run may use; nil if there is no limit. See `MemoryLimit`.
  public var memoryLimit: Int?
  /// Where `memoryLimit` comes from. Nil if there is no limit.
  public var memoryLimitSource: MemoryLimit.Source?
  /// Seconds of user time of the command and the children that it waited for. From wait4(2).
  public var userSeconds: Double?
  /// Seconds of system time of the command and the children that it waited for. From wait4(2).
  public var systemSeconds: Double?
  /// Bytes: the largest resident memory of the command or of a single child that it waited for. From
  /// `ru_maxrss` of wait4(2). Nil if it is no more than duct's own, because the kernel also counts the memory
  /// before an execve(2), which was duct's.
  public var rootMaxRSS: Int?
  /// Page faults without I/O, of the command and the children that it waited for. From `ru_minflt` of wait4(2).
  public var minorFaults: Int?
  /// Page faults with I/O, of the same processes. From `ru_majflt` of wait4(2).
  public var majorFaults: Int?
  /// Voluntary context switches of the same processes. From `ru_nvcsw` of wait4(2).
  public var voluntarySwitches: Int?
  /// Involuntary context switches of the same processes. From `ru_nivcsw` of wait4(2).
  public var involuntarySwitches: Int?
  /// Bytes that read(2) and the like returned. From rchar in /proc/PID/io: the largest sum over the sampled
  /// processes and the children that they waited for.
  public var readCharacters: Int?
  /// Bytes that write(2) and the like accepted. From wchar in /proc/PID/io, as a sum like `readCharacters`.
  public var writtenCharacters: Int?
  /// Bytes from disks. From read_bytes in /proc/PID/io, as a sum like `readCharacters`.
  public var readBytes: Int?
  /// Bytes to disks. From write_bytes in /proc/PID/io, as a sum like `readCharacters`.
  public var writtenBytes: Int?
  /// Samples that were due and not taken, because an earlier one took too long or duct was stopped.
  public var missedSamples: Int?

  public init(
    command: String, logsPrefix: String, wallClockTime: Double, sampleCount: Int, reportCount: Int,
    startTime: Double, workingDirectory: String
  ) {
    self.command = command
    self.logsPrefix = logsPrefix
    self.wallClockTime = wallClockTime
    self.sampleCount = sampleCount
    self.reportCount = reportCount
    self.startTime = startTime
    self.workingDirectory = workingDirectory
  }

  public init() {
    self.init(
      command: "", logsPrefix: "", wallClockTime: 0, sampleCount: 0, reportCount: 0, startTime: 0,
      workingDirectory: "")
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("exit_code", &exitCode)
    members("command", &command)
    members("logs_prefix", &logsPrefix)
    members("wall_clock_time", &wallClockTime)
    members("peak_rss", &peakRSS)
    members("average_rss", &averageRSS)
    members("peak_vsz", &peakVSZ)
    members("average_vsz", &averageVSZ)
    members("peak_pmem", &peakPmem)
    members("average_pmem", &averagePmem)
    members("peak_pcpu", &peakPcpu)
    members("average_pcpu", &averagePcpu)
    members("num_samples", &sampleCount)
    members("num_reports", &reportCount)
    members("start_time", &startTime)
    members("end_time", &endTime)
    members("working_directory", &workingDirectory)
    members("cpu_seconds", &cpuSeconds)
    members("peak_pss", &peakPSS)
    members("average_pss", &averagePSS)
    members("peak_swap", &peakSwap)
    members("peak_pmem_limit", &peakPmemLimit)
    members("memory_limit", &memoryLimit)
    members("memory_limit_source", &memoryLimitSource)
    members("user_seconds", &userSeconds)
    members("system_seconds", &systemSeconds)
    members("root_max_rss", &rootMaxRSS)
    members("minor_faults", &minorFaults)
    members("major_faults", &majorFaults)
    members("voluntary_switches", &voluntarySwitches)
    members("involuntary_switches", &involuntarySwitches)
    members("read_chars", &readCharacters)
    members("written_chars", &writtenCharacters)
    members("read_bytes", &readBytes)
    members("written_bytes", &writtenBytes)
    members("samples_missed", &missedSamples)
  }

  /// The names of the members in records, which `--summary-format` can use.
  public static let fieldNames = Set(ExecutionSummary().templateValues.keys)

  /// The default of `--summary-format`, which is con-duct's. Never nil: a test renders it.
  public static var defaultTemplate: SummaryTemplate? { try? SummaryTemplate(defaultFormat, fields: nil) }

  private static let defaultFormat = """
    Summary:
    Exit Code: {exit_code!E}
    Command: {command}
    Log files location: {logs_prefix}
    Wall Clock Time: {wall_clock_time:.3f} sec
    Memory Peak Usage (RSS): {peak_rss!S}
    Memory Average Usage (RSS): {average_rss!S}
    Virtual Memory Peak Usage (VSZ): {peak_vsz!S}
    Virtual Memory Average Usage (VSZ): {average_vsz!S}
    Memory Peak Percentage: {peak_pmem:.2f!N}%
    Memory Average Percentage: {average_pmem:.2f!N}%
    CPU Peak Usage: {peak_pcpu:.2f!N}%
    Average CPU Usage: {average_pcpu:.2f!N}%

    """

  /// The values by their names in records.
  public var templateValues: [String: TemplateValue] {
    guard case .object(let members) = jsonValue else { return [:] }
    var values: [String: TemplateValue] = [:]
    for (name, value) in members {
      switch value {
      case .integer(let number): values[name] = .integer(Int(number))
      case .number(let number): values[name] = .number(number)
      case .string(let text): values[name] = .text(text)
      default: values[name] = TemplateValue.none
      }
    }
    return values
  }
}
