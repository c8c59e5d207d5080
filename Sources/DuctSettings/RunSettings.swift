public import DuctRecords
public import RecordText
public import SlurmClient
public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// The settings of a run.
///
/// A value on the command line wins over the environment, the environment over .env files, and these over the defaults
/// below. `RunOption.groups` says which option and which variable sets which member. All times are in seconds.
public struct RunSettings: Sendable {
  public var logLevel = LogLevel.info
  /// Nil: the default, under which a run takes another name if its own exists already.
  public var outputPrefix: String?
  /// Nil: con-duct's.
  public var summaryFormat: SummaryTemplate?
  public var colors = false
  public var clobber = false
  public var sampleInterval = 1.0
  public var reportInterval = 60.0
  /// Negative or infinite: no record of a command that fails stays.
  public var failTime = 3.0
  public var captureOutputs = StreamSelection.all
  public var outputs = StreamSelection.all
  public var recordTypes = RecordTypes.all
  public var message = ""
  public var mode = SessionMode.newSession
  public var slurm = SlurmMode.auto
  public var slurmBy = SlurmBy.auto
  public var slurmTag = SlurmTagMode.auto
  public var slurmTimeout = Defaults.slurmTimeout
  public var slurmDetect = Set(JobEvidence.allCases)
  public var waitJobs = false
  public var jobsExitCode = false
  public var campaign: String?
  public var finalizeTimeout = 30.0
  public var renewTicket = TicketRenewal.off
  public var localFirst = LocalFirst.auto
  /// Nil: the first usable one of the default places.
  public var spoolDirectory: FilePath?
  /// In bytes. Nil: only the disk limits the spool.
  public var spoolLimit: Int?
  /// What records and log lines omit.
  public internal(set) var redaction = Redaction()
  /// The command and its arguments, byte for byte.
  public var command: [[UInt8]] = []

  var isQuiet = false
  var redactSecrets = SecretRedaction.auto

  public enum Defaults {
    public static let outputPrefix = ".duct/logs/{datetime}-{pid}_"
    public static let outputPrefixInJob = ".duct/logs/{datetime}-{slurm}-{pid}_"
    public static let slurmTimeout = 10.0
  }

  /// Leaves out what only concerns a command that duct starts.
  public mutating func watchOnly() {
    captureOutputs = .none
    outputs = .none
    // How the job of these processes ended is still asked, unless the user turned that off.
    if slurm == .on { slurm = .auto }
    renewTicket = .off
  }

  /// The settings of a run without options and variables, and without a command.
  init() {}

  /// - Throws: `UsageError` for a value that makes no sense, with the name of the option or variable.
  public init(_ options: RunOptions, _ surroundings: Surroundings) throws(UsageError) {
    self.init()
    try readVariables(surroundings, except: options)
    for given in options.given {
      let option = RunOption.all[given.option]
      try option.value.set(given.text, of: option.name, in: &self, surroundings)
    }
    if isQuiet { logLevel = .none }
    redaction.hidesSecrets = redactSecrets == .auto
    command = options.command
    if command.isEmpty { throw UsageError("no command is given; see --help") }
    if jobsExitCode, !waitJobs {
      throw UsageError("--jobs-exit-code goes with --wait-jobs: without it, the jobs have not ended")
    }
    if jobsExitCode, slurm == .off {
      throw UsageError("--jobs-exit-code asks Slurm; it does not go with --slurm off")
    }
    if reportInterval < sampleInterval {
      throw UsageError(
        "--report-interval (\(reportInterval)) must be greater than or equal to --sample-interval (\(sampleInterval))"
      )
    }
  }

  /// Reads the variables of all options that the command line does not contain.
  private mutating func readVariables(
    _ surroundings: Surroundings, except options: RunOptions
  ) throws(UsageError) {
    let isQuiet = options["--quiet"] != nil
    for (index, option) in RunOption.all.enumerated() where !options.has(index) {
      // The log level does not matter then, whatever it is.
      if isQuiet, option.name == "--log-level" { continue }
      try read(option, surroundings)
    }
  }

  private mutating func read(_ option: RunOption, _ surroundings: Surroundings) throws(UsageError) {
    guard let variable = option.variable, let text = surroundings[variable],
      !text.isEmpty || !option.value.ignoresEmptyVariable
    else { return }
    try option.value.set(text, of: variable, in: &self, surroundings)
  }

  /// - Throws: `UsageError` without the name of an option.
  static func summary(_ text: String) throws(UsageError) -> SummaryTemplate {
    do throws(Problem) {
      return try SummaryTemplate(text, fields: ExecutionSummary.fieldNames)
    } catch {
      throw UsageError(error.description)
    }
  }
}

/// Settings that also matter to the subcommands that read or recover records.
extension RunSettings {
  /// How to ask Slurm. `option` wins over `DUCT_SLURM_BY`.
  public static func slurmBy(
    _ option: SlurmBy?, _ surroundings: Surroundings
  ) throws(UsageError) -> SlurmBy {
    if let option { return option }
    return try value(of: "--slurm-by", nil, surroundings).slurmBy
  }

  /// The directory for spools that the user chose; nil if none. `option` wins over `DUCT_SPOOL_DIR`.
  public static func spoolDirectory(_ option: String?, _ surroundings: Surroundings) -> FilePath? {
    // No text for this option is refused.
    try? value(of: "--spool-dir", option, surroundings).spoolDirectory
  }

  /// Whether summaries have colors. `option` wins over `DUCT_COLORS`.
  public static func colors(_ option: Bool, _ surroundings: Surroundings) throws(UsageError) -> Bool {
    if option { return true }
    return try value(of: "--colors", nil, surroundings).colors
  }

  /// The defaults, changed by one option: by its text on the command line, or without that by its variable.
  private static func value(
    of name: String, _ text: String?, _ surroundings: Surroundings
  ) throws(UsageError) -> RunSettings {
    guard let index = RunOption.index(of: name) else { preconditionFailure("no option is called \(name)") }
    var settings = RunSettings()
    let option = RunOption.all[index]
    if let text {
      try option.value.set(text, of: name, in: &settings, surroundings)
    } else {
      try settings.read(option, surroundings)
    }
    return settings
  }
}
