public import RecordText

/// `execution_summary` of info.json, and what `--summary-format` can show.
public struct ExecutionSummary: Codable, Sendable {
  /// Nil while the command runs.
  public var exitCode: Int?
  public var command: String
  public var logsPrefix: String
  /// Seconds.
  public var wallClockTime: Double
  /// Bytes; percents of the host's memory and of one core. Nil if nothing was measured.
  public var peakRSS: Int?
  public var averageRSS: Double?
  public var peakVSZ: Int?
  public var averageVSZ: Double?
  public var peakPmem: Double?
  public var averagePmem: Double?
  public var peakPcpu: Double?
  public var averagePcpu: Double?
  public var sampleCount: Int
  /// Lines of usage.jsonl.
  public var reportCount: Int
  /// Seconds since 1970.
  public var startTime: Double
  public var endTime: Double?
  public var workingDirectory: String
  /// User and system time of all processes of the run, each counted once.
  public var cpuSeconds: Double?

  /// Bytes.
  public var peakPSS: Int?
  public var averagePSS: Double?
  public var peakSwap: Int?
  /// Percent of what the job or the cgroup may use.
  public var peakPmemLimit: Double?
  /// Bytes.
  public var memoryLimit: Int?
  public var memoryLimitSource: MemoryLimit.Source?
  /// Of the command and of the children that it waited for, from wait4(2).
  public var userSeconds: Double?
  public var systemSeconds: Double?
  /// Bytes: the largest of a single process. Nil where it is not more than duct's own, which the kernel puts
  /// in its place.
  public var rootMaxRSS: Int?
  public var minorFaults: Int?
  public var majorFaults: Int?
  public var voluntarySwitches: Int?
  public var involuntarySwitches: Int?
  /// Bytes, of all processes that were seen.
  public var readCharacters: Int?
  public var writtenCharacters: Int?
  public var readBytes: Int?
  public var writtenBytes: Int?
  /// Looks that were due and not taken.
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

  enum CodingKeys: String, CodingKey, CaseIterable {
    case exitCode = "exit_code"
    case command
    case logsPrefix = "logs_prefix"
    case wallClockTime = "wall_clock_time"
    case peakRSS = "peak_rss"
    case averageRSS = "average_rss"
    case peakVSZ = "peak_vsz"
    case averageVSZ = "average_vsz"
    case peakPmem = "peak_pmem"
    case averagePmem = "average_pmem"
    case peakPcpu = "peak_pcpu"
    case averagePcpu = "average_pcpu"
    case sampleCount = "num_samples"
    case reportCount = "num_reports"
    case startTime = "start_time"
    case endTime = "end_time"
    case workingDirectory = "working_directory"
    case cpuSeconds = "cpu_seconds"
    case peakPSS = "peak_pss"
    case averagePSS = "average_pss"
    case peakSwap = "peak_swap"
    case peakPmemLimit = "peak_pmem_limit"
    case memoryLimit = "memory_limit"
    case memoryLimitSource = "memory_limit_source"
    case userSeconds = "user_seconds"
    case systemSeconds = "system_seconds"
    case rootMaxRSS = "root_max_rss"
    case minorFaults = "minor_faults"
    case majorFaults = "major_faults"
    case voluntarySwitches = "voluntary_switches"
    case involuntarySwitches = "involuntary_switches"
    case readCharacters = "read_chars"
    case writtenCharacters = "written_chars"
    case readBytes = "read_bytes"
    case writtenBytes = "written_bytes"
    case missedSamples = "samples_missed"
  }

  public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

  /// con-duct's own.
  public static let defaultFormat = """
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
    guard case .object(let members)? = try? RecordEncoder().encode(self) else { return [:] }
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
