import ArgumentParser
import DuctRecords
import DuctRun
import DuctSettings
import RecordText
import SlurmClient

extension StreamSelection: ExpressibleByArgument {}
extension RecordTypes: ExpressibleByArgument {}
extension SessionMode: ExpressibleByArgument {}
extension SlurmMode: ExpressibleByArgument {}
extension SlurmBy: ExpressibleByArgument {}
extension SlurmTagMode: ExpressibleByArgument {}
extension LocalFirst: ExpressibleByArgument {}
extension SecretRedaction: ExpressibleByArgument {}
extension ByteCount: ExpressibleByArgument {}
extension LogLevel: ExpressibleByArgument {
  public init?(argument: String) { self.init(rawValue: argument.uppercased()) }
}

/// The options of a run. They end at the command: everything after it is the command's.
struct RunArguments: ParsableArguments {
  static let discussion = """
    Four records are written, with names that start with the output prefix: stdout and stderr (what the \
    command printed), usage.jsonl (its use of resources over time) and info.json (everything else, with the \
    Slurm jobs that it submitted). The exit code is the command's own: 128+n when signal n ended it, 127 \
    when it was not found, 126 when it could not be executed; 2 for duct's own usage errors.

    Options have environment variables (DUCT_LOG_LEVEL, DUCT_OUTPUT_PREFIX, DUCT_SUMMARY_FORMAT, \
    DUCT_COLORS, DUCT_SAMPLE_INTERVAL, DUCT_REPORT_INTERVAL, DUCT_FAIL_TIME, DUCT_CAPTURE_OUTPUTS, \
    DUCT_OUTPUTS, DUCT_MESSAGE, DUCT_CAMPAIGN, DUCT_SLURM, DUCT_SLURM_BY, DUCT_SLURM_TAG, \
    DUCT_SLURM_TIMEOUT, DUCT_SLURM_DETECT, DUCT_FINALIZE_TIMEOUT, DUCT_LOCAL_FIRST, DUCT_SPOOL_DIR, DUCT_SPOOL_LIMIT, DUCT_REDACT, DUCT_REDACT_SECRETS), which can also be set in .env files: /etc/duct/.env, \
    ${XDG_CONFIG_HOME:-~/.config}/duct/.env and .duct/.env, or those of DUCT_CONFIG_PATHS (with colons \
    between them). The command line wins over the environment, the environment over .env files, later files \
    over earlier ones.
    """

  @Option(
    name: [.customShort("l", allowingJoined: true), .long],
    help: "How much is logged on stderr. (default: INFO)")
  var logLevel: LogLevel?

  @Flag(name: [.short, .long], help: "Log nothing: as --log-level NONE.")
  var quiet = false

  @Option(
    name: [.customShort("p", allowingJoined: true), .long],
    help: ArgumentHelp(
      "What the names of the records start with. {datetime}, {pid}, {hostname}, {user}, {slurm_job_id}, {slurm_array_task_id} and {slurm_procid} are replaced; directories are made. (default: \(RunSettings.Defaults.outputPrefix))",
      valueName: "prefix"))
  var outputPrefix: String?

  @Option(
    help: ArgumentHelp(
      "The summary at the end, by the fields of info.json's execution_summary, Python's format specifications, and the conversions !S (size), !E (exit code), !X (true is green), !N (missing is red), !P (percent), !T (duration), !D (date).",
      valueName: "template"))
  var summaryFormat: String?

  @Flag(help: "Use colors in the summary.")
  var colors = false

  @Flag(help: "Replace records that exist already.")
  var clobber = false

  @Option(
    name: [.long, .customLong("s-i")], parsing: .unconditional,
    help: ArgumentHelp(
      "Seconds between two looks at the command's processes. (default: 1.0)", valueName: "seconds"))
  var sampleInterval: Double?

  @Option(
    name: [.long, .customLong("r-i")], parsing: .unconditional,
    help: ArgumentHelp("Seconds between two lines of usage.jsonl. (default: 60.0)", valueName: "seconds"))
  var reportInterval: Double?

  @Option(
    name: [.long, .customLong("f-t")], parsing: .unconditional,
    help: ArgumentHelp(
      "Records of a command that fails in less than this time are removed, unless it has submitted jobs; 0 keeps all, -1 keeps none of a failed command. (default: 3.0)",
      valueName: "seconds"))
  var failTime: Double?

  @Option(
    name: [.customShort("c", allowingJoined: true), .long],
    help: "Which output is kept in files. (default: all)")
  var captureOutputs: StreamSelection?

  @Option(
    name: [.customShort("o", allowingJoined: true), .long],
    help: "Which output is shown. (default: all)")
  var outputs: StreamSelection?

  @Option(
    name: [.customShort("t", allowingJoined: true), .long],
    help:
      "Which records are written beside the output. (default: all)")
  var recordTypes: RecordTypes?

  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: "A note on what this run is for, kept in info.json.")
  var message: String?

  @Option(
    help:
      "new-session gives the command a session of its own; current-session leaves it in duct's. (default: new-session)"
  )
  var mode: SessionMode?

  @Option(help: "A name that several runs share, kept in info.json.")
  var campaign: String?

  @Option(
    help:
      "Whether Slurm is asked: auto (where there is a configuration), on (with a warning where it cannot be asked) or off. (default: auto)"
  )
  var slurm: SlurmMode?

  @Option(
    help:
      "How Slurm is asked: by the library, by Slurm's commands, or auto: by the commands where the library cannot be used. (default: auto)"
  )
  var slurmBy: SlurmBy?

  @Option(
    help:
      "Whether jobs are tagged with a wckey, by which they are told for certain: auto (where the site does not use wckeys, and you have set none) or off. (default: auto)"
  )
  var slurmTag: SlurmTagMode?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Seconds that an answer of Slurm is waited for, at the end all in all. (default: 10.0)",
      valueName: "seconds"))
  var slurmTimeout: Double?

  @Option(
    help: ArgumentHelp(
      "By what jobs are told to be the command's: tag, session, output, with commas between; or none. (default: all three)",
      valueName: "layers"))
  var slurmDetect: String?

  @Flag(help: "Stay until all submitted jobs have ended.")
  var waitJobs = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Seconds that the records may take to be written at the end; 0.2 at least. (default: 30.0)",
      valueName: "seconds"))
  var finalizeTimeout: Double?

  @Option(
    help:
      "Whether output and records are written to local disk first and delivered to the log directory from there: auto (where that is on a network or unknown file system), always or never. (default: auto)"
  )
  var localFirst: LocalFirst?

  @Option(
    help: ArgumentHelp(
      "A local folder for what cannot be in the log directory yet. (default: the first that will do of $TMPDIR, /var/tmp, /tmp, ~/.local/state, a folder with a random name in /var/tmp, and $XDG_RUNTIME_DIR)",
      valueName: "directory"))
  var spoolDir: String?

  @Option(
    help: ArgumentHelp(
      "Output that may wait on local disk, such as 500M or 2G; beyond that its middle is let go. (default: none, but the last 5 % of the disk stay free)",
      valueName: "size"))
  var spoolLimit: ByteCount?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "An extended regular expression, see regex(7): what it matches in command lines and in values of the environment is left out of records; where it has groups, what they match. Can be given several times.",
      valueName: "regex"))
  var redact: [String] = []

  @Option(
    help:
      "Whether values of variables and options that are secrets by their names (SLURM_JWT, HF_TOKEN, a password) are left out of records: auto or off. (default: auto)"
  )
  var redactSecrets: SecretRedaction?

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The command to run, with its arguments.", valueName: "command"))
  var command: [String] = []

  /// Runs the command, and throws its exit code.
  ///
  /// - Parameter command: whose help is asked for, should it be: the parser hands `--help` on with the
  ///   words of the command, since it stands where a command could.
  func execute(as command: (some ParsableCommand).Type) throws -> Never {
    switch self.command.first {
    case "--help", "-h": throw CleanExit.helpRequest(command)
    case "--version": throw CleanExit.message("duct \(Versions.duct)")
    default: break
    }
    try Self.execute(try options())
  }

  /// Runs the command, and throws its exit code.
  static func execute(_ options: RunOptions) throws -> Never {
    let surroundings = Surroundings()
    let settings = try RunSettings(options, surroundings)
    throw ExitCode(try Run.execute(settings, surroundings))
  }

  func options() throws -> RunOptions {
    var options = RunOptions()
    options.logLevel = logLevel
    options.quiet = quiet
    options.outputPrefix = outputPrefix
    options.summaryFormat = summaryFormat
    options.colors = colors
    options.clobber = clobber
    options.sampleInterval = sampleInterval
    options.reportInterval = reportInterval
    options.failTime = failTime
    options.captureOutputs = captureOutputs
    options.outputs = outputs
    options.recordTypes = recordTypes
    options.message = message
    options.mode = mode
    options.campaign = campaign
    options.slurm = slurm
    options.slurmBy = slurmBy
    options.slurmTag = slurmTag
    options.slurmTimeout = slurmTimeout
    options.slurmDetect = slurmDetect
    options.waitJobs = waitJobs
    options.finalizeTimeout = finalizeTimeout
    options.localFirst = localFirst
    options.spoolDirectory = spoolDir
    options.spoolLimit = spoolLimit
    options.redact = redact
    options.redactSecrets = redactSecrets
    options.command = try rawCommand()
    return options
  }

  /// Options end at the command. What looks like an option before it is none that duct knows.
  private func rawCommand() throws -> [[UInt8]] {
    var words = command[...]
    if words.first == "--" {
      words.removeFirst()
    } else if let first = words.first, first.utf8.first == UInt8(ascii: "-"), first.utf8.count > 1 {
      throw UsageError("unknown option '\(first)'; see --help")
    }
    return words.map(\.originalBytes)
  }
}
