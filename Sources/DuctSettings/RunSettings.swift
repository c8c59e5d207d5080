public import DuctRecords
public import RecordText
public import SlurmClient
public import SlurmJobs
public import SystemPackage

/// A run's settings: the command line's, else the environment's, else those of .env files, else the
/// defaults.
public struct RunSettings: Sendable {
  public var logLevel: LogLevel
  public var outputPrefix: String
  public var summaryFormat: SummaryTemplate
  public var colors: Bool
  public var clobber: Bool
  /// Seconds, as all times here.
  public var sampleInterval: Double
  public var reportInterval: Double
  public var failTime: Double
  public var captureOutputs: StreamSelection
  public var outputs: StreamSelection
  public var recordTypes: RecordTypes
  public var message: String
  public var mode: SessionMode
  public var slurm: SlurmMode
  public var slurmBy: SlurmBy
  public var slurmTag: SlurmTagMode
  public var slurmTimeout: Double
  public var slurmDetect: Set<JobEvidence>
  public var waitJobs: Bool
  public var campaign: String?
  public var finalizeTimeout: Double
  public var localFirst: LocalFirst
  /// Nil: the first of the default places that will do.
  public var spoolDirectory: FilePath?
  /// Bytes; nil: no limit but that of the disk.
  public var spoolLimit: Int?
  /// What is left out of records.
  public var redaction: Redaction
  public var command: [[UInt8]]

  public enum Defaults {
    public static let outputPrefix = ".duct/logs/{datetime}-{pid}_"
    public static let sampleInterval = 1.0
    public static let reportInterval = 60.0
    public static let failTime = 3.0
    public static let slurmTimeout = 10.0
    public static let finalizeTimeout = 30.0
  }

  /// Below this, looking at /proc and writing of it would use up a core.
  private static let shortestInterval = 0.001
  /// What records need on any disk that is not hanging, whatever patience was asked for.
  private static let shortestFinalizing = 0.2

  /// - Throws: `UsageError` for a value that makes no sense, naming the option or the variable.
  public init(_ options: RunOptions, _ surroundings: Surroundings) throws(UsageError) {
    let source = SettingSource(surroundings: surroundings)
    logLevel = try Self.logLevel(options, source)
    outputPrefix = surroundings.expandHome(
      options.outputPrefix ?? surroundings["DUCT_OUTPUT_PREFIX"] ?? Defaults.outputPrefix)
    let format = options.summaryFormat ?? surroundings["DUCT_SUMMARY_FORMAT"]
    do throws(FormatError) {
      summaryFormat = try SummaryTemplate(
        format ?? ExecutionSummary.defaultFormat, fields: ExecutionSummary.fieldNames)
    } catch {
      let name = options.summaryFormat != nil ? "--summary-format" : "DUCT_SUMMARY_FORMAT"
      throw UsageError("\(name): \(error.description)")
    }
    colors = options.colors || !(surroundings["DUCT_COLORS"] ?? "").isEmpty
    clobber = options.clobber
    sampleInterval = try source.seconds(
      options.sampleInterval, "--sample-interval", "DUCT_SAMPLE_INTERVAL", Defaults.sampleInterval,
      atLeast: Self.shortestInterval)
    reportInterval = try source.seconds(
      options.reportInterval, "--report-interval", "DUCT_REPORT_INTERVAL", Defaults.reportInterval,
      atLeast: Self.shortestInterval)
    // Without end: as -1, and so for con-duct.
    failTime = try source.number(
      options.failTime, "--fail-time", "DUCT_FAIL_TIME", Defaults.failTime, allowsInfinity: true)
    captureOutputs = try source.choice(options.captureOutputs, "DUCT_CAPTURE_OUTPUTS", .all)
    outputs = try source.choice(options.outputs, "DUCT_OUTPUTS", .all)
    recordTypes = options.recordTypes ?? .all
    message = options.message ?? surroundings["DUCT_MESSAGE"] ?? ""
    mode = options.mode ?? .newSession
    slurm = try source.choice(options.slurm, "DUCT_SLURM", .auto)
    slurmBy = try Self.slurmBy(options.slurmBy, surroundings)
    slurmTag = try source.choice(options.slurmTag, "DUCT_SLURM_TAG", .auto)
    slurmTimeout = try source.seconds(
      options.slurmTimeout, "--slurm-timeout", "DUCT_SLURM_TIMEOUT", Defaults.slurmTimeout)
    slurmDetect = try Self.layers(options.slurmDetect ?? surroundings["DUCT_SLURM_DETECT"])
    waitJobs = options.waitJobs
    campaign = options.campaign ?? surroundings["DUCT_CAMPAIGN"]
    let finalizeTimeout = try source.number(
      options.finalizeTimeout, "--finalize-timeout", "DUCT_FINALIZE_TIMEOUT", Defaults.finalizeTimeout)
    if finalizeTimeout < 0 {
      throw UsageError(
        "\(options.finalizeTimeout != nil ? "--finalize-timeout" : "DUCT_FINALIZE_TIMEOUT"): a time cannot be negative"
      )
    }
    self.finalizeTimeout = max(finalizeTimeout, Self.shortestFinalizing)
    localFirst = try source.choice(options.localFirst, "DUCT_LOCAL_FIRST", .auto)
    spoolDirectory = Self.spoolDirectory(options.spoolDirectory, surroundings)
    spoolLimit = try source.bytes(options.spoolLimit, "DUCT_SPOOL_LIMIT")
    let given = options.redact
    redaction = try Redaction(
      given.isEmpty ? [surroundings["DUCT_REDACT"] ?? ""].filter { !$0.isEmpty } : given,
      name: given.isEmpty ? "DUCT_REDACT" : "--redact",
      hidesSecrets: source.choice(options.redactSecrets, "DUCT_REDACT_SECRETS", .auto) == .auto)
    command = options.command
    if command.isEmpty { throw UsageError("no command is given; see --help") }
    if reportInterval < sampleInterval {
      throw UsageError(
        "--report-interval (\(reportInterval)) must be greater than or equal to --sample-interval (\(sampleInterval))"
      )
    }
  }

  /// By which way Slurm is asked: also for the readers of records.
  public static func slurmBy(
    _ option: SlurmBy?, _ surroundings: Surroundings
  ) throws(UsageError) -> SlurmBy {
    try SettingSource(surroundings: surroundings).choice(option, "DUCT_SLURM_BY", .auto)
  }

  /// The directory for spools that the user chose; nil if none. Also for the recovery of runs.
  public static func spoolDirectory(_ option: String?, _ surroundings: Surroundings) -> FilePath? {
    guard let text = option ?? surroundings["DUCT_SPOOL_DIR"], !text.isEmpty else { return nil }
    return FilePath(escaped: surroundings.expandHome(text))
  }

  private static func logLevel(
    _ options: RunOptions, _ source: SettingSource
  ) throws(UsageError) -> LogLevel {
    if options.quiet { return .none }
    if let level = options.logLevel { return level }
    guard let text = source.surroundings["DUCT_LOG_LEVEL"] else { return .info }
    guard let level = LogLevel(rawValue: text.uppercased()) else {
      throw source.invalid("DUCT_LOG_LEVEL", text, LogLevel.allCases.map(\.rawValue))
    }
    return level
  }

  private static func layers(_ text: String?) throws(UsageError) -> Set<JobEvidence> {
    guard let text else { return Set(JobEvidence.allCases) }
    var layers: Set<JobEvidence> = []
    for name in text.split(separator: ",") where name != "none" {
      guard let layer = JobEvidence(rawValue: String(name).trimmed) else {
        throw UsageError("--slurm-detect: there is no layer '\(name)'; known are tag, session, output")
      }
      layers.insert(layer)
    }
    return layers
  }
}

/// Settings by name, with messages that say which name was wrong.
private struct SettingSource {
  let surroundings: Surroundings

  func number(
    _ option: Double?, _ optionName: String, _ variable: String, _ standard: Double,
    allowsInfinity: Bool = false
  ) throws(UsageError) -> Double {
    func isAllowed(_ value: Double) -> Bool { value.isFinite || allowsInfinity && value.isInfinite }
    if let option {
      guard isAllowed(option) else { throw UsageError("\(optionName): \(option) is no number of seconds") }
      return option
    }
    guard let text = surroundings[variable] else { return standard }
    guard let value = Double(text.trimmed), isAllowed(value) else {
      throw UsageError("\(variable): '\(text)' is no number of seconds")
    }
    return value
  }

  /// A number above zero, and not below `least`.
  func seconds(
    _ option: Double?, _ optionName: String, _ variable: String, _ standard: Double, atLeast least: Double = 0
  ) throws(UsageError) -> Double {
    let value = try number(option, optionName, variable, standard)
    if value <= 0 || value < least {
      throw UsageError(
        "\(option != nil ? optionName : variable): \(value) s is too short; it must be \(least > 0 ? "at least \(least)" : "above 0")"
      )
    }
    return value
  }

  func bytes(_ option: ByteCount?, _ variable: String) throws(UsageError) -> Int? {
    if let option { return option.bytes }
    guard let text = surroundings[variable], !text.isEmpty else { return nil }
    guard let count = ByteCount(rawValue: text) else {
      throw UsageError("\(variable): '\(text)' is no size such as 500M or 2G")
    }
    return count.bytes
  }

  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ option: Choice?, _ variable: String, _ standard: Choice
  ) throws(UsageError) -> Choice {
    if let option { return option }
    guard let text = surroundings[variable], !text.isEmpty else { return standard }
    guard let value = Choice(rawValue: text) else {
      throw invalid(variable, text, Choice.allCases.map(\.rawValue))
    }
    return value
  }

  func invalid(_ variable: String, _ text: String, _ choices: [String]) -> UsageError {
    UsageError("\(variable): '\(text)' is none of \(choices.joined(separator: ", "))")
  }
}
