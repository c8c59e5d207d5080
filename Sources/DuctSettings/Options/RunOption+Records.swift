internal import DuctRecords
internal import RecordText

extension RunOption {
  static let logging = Group(
    title: "Log and summary",
    options: [
      RunOption(
        "--log-level", short: "-l", takes: "level", .choice(\.logLevel, ignoresCase: true),
        variable: "DUCT_LOG_LEVEL",
        help: "How much duct logs on standard error.",
        details: "`INFO` includes the summary at the end. Upper and lower case are the same."),
      RunOption(
        "--quiet", short: "-q", .flag(\.isQuiet),
        help: "Log nothing, whatever the log level is; the same as `--log-level NONE`."),
      RunOption(
        "--summary-format", takes: "template",
        Value(.text) { settings, text, _ throws(UsageError) in
          settings.summaryFormat = try RunSettings.summary(text)
        },
        variable: "DUCT_SUMMARY_FORMAT", default: "the summary of con-duct",
        help: """
          The summary at the end: text with fields of info.json's `execution_summary` in braces, Python's format \
          specifications, and the conversions `!S` (size), `!E` (exit code), `!X` (true is green), `!N` (missing \
          is red), `!P` (percent), `!T` (duration), `!D` (date).
          """),
      RunOption(
        "--colors", .flag(\.colors), variable: "DUCT_COLORS",
        help: "Use colors in the summary.",
        details: "Any value of the variable but the empty one does the same."),
    ])

  static let records = Group(
    title: "Records",
    options: [
      RunOption(
        "--output-prefix", short: "-p", takes: "prefix",
        Value(.text, show: { $0.outputPrefix }) { settings, text, surroundings throws(UsageError) in
          settings.outputPrefix = surroundings.expandHome(text)
        },
        variable: "DUCT_OUTPUT_PREFIX",
        help: """
          What the paths of the records start with. duct replaces `{datetime}`, `{pid}`, `{hostname}`, `{user}`, \
          `{slurm_job_id}`, `{slurm_array_task_id}` and `{slurm_procid}`, and creates missing directories.
          """,
        details: "The last three are `none` outside of a Slurm job."),
      RunOption("--clobber", .flag(\.clobber), help: "Replace records that already exist."),
      RunOption(
        "--capture-outputs", short: "-c", takes: "streams", .choice(\.captureOutputs),
        variable: "DUCT_CAPTURE_OUTPUTS",
        help: "Which output of the command duct stores in files."),
      RunOption(
        "--outputs", short: "-o", takes: "streams", .choice(\.outputs), variable: "DUCT_OUTPUTS",
        help: "Which output of the command duct shows on its own standard output and standard error."),
      RunOption(
        "--record-types", short: "-t", takes: "records", .choice(\.recordTypes),
        help: "Which records duct writes in addition to the output.",
        details: "`system-summary` is `info.json` alone, `processes-samples` is `usage.jsonl` alone."),
      RunOption(
        "--message", short: "-m", takes: "text", .text(\.message, mayStartWithDash: true),
        variable: "DUCT_MESSAGE",
        help: "A note on what this run is for, stored in info.json."),
      RunOption(
        "--campaign", takes: "name",
        Value(.text) { settings, text, _ throws(UsageError) in settings.campaign = text },
        variable: "DUCT_CAMPAIGN",
        help: "A name that several runs share, stored in info.json.",
        details: "`con-duct report --campaign` selects the runs with this name."),
      RunOption(
        "--fail-time", alias: "--f-t", takes: "seconds", .seconds(\.failTime, Seconds.any),
        variable: "DUCT_FAIL_TIME",
        help: """
          Remove the records of a command that fails in less than this time, unless it submitted jobs. 0 keeps \
          all records, -1 keeps none of a failed command.
          """,
        details: "`inf` is the same as `-1`."),
    ])

  static let processes = Group(
    title: "Processes",
    options: [
      RunOption(
        "--sample-interval", alias: "--s-i", takes: "seconds",
        .seconds(\.sampleInterval, Seconds.atLeast(shortestInterval)), variable: "DUCT_SAMPLE_INTERVAL",
        help: "Seconds between two samples of the command's processes.",
        details: "At least 0.001, and at most the report interval."),
      RunOption(
        "--report-interval", alias: "--r-i", takes: "seconds",
        .seconds(\.reportInterval, Seconds.atLeast(shortestInterval)), variable: "DUCT_REPORT_INTERVAL",
        help: "Seconds between two lines of usage.jsonl.",
        details: "At least 0.001, and at least the sample interval."),
      RunOption(
        "--mode", takes: "mode", .choice(\.mode),
        help: """
          Whether the command gets its own session (`new-session`) or runs in that of duct (`current-session`).
          """),
    ])

  /// With a shorter interval, reading /proc and writing samples would keep a core busy. Seconds.
  private static let shortestInterval = 0.001

  static let secrets = Group(
    title: "Secrets",
    options: [
      RunOption(
        "--redact", takes: "regex", .list(\.redactedExpressions), variable: "DUCT_REDACT",
        help: """
          An extended regular expression, see regex(7). Records and log lines omit what it matches in command \
          lines and in values of the environment; if it has groups, only what the groups match. Can be given \
          several times.
          """,
        details: "Expressions on the command line replace the one of the variable."),
      RunOption(
        "--redact-secrets", takes: "when", .choice(\.redactSecrets), variable: "DUCT_REDACT_SECRETS",
        help: """
          Whether records and log lines omit values of variables and options whose names say that they are \
          secrets (`SLURM_JWT`, `HF_TOKEN`, a password).
          """,
        details: """
          These are variables of the environment with `TOKEN`, `PASSWORD` or `SECRET` in their names, or with \
          `_JWT` or `_KEY` at the end; such variables where a command line sets them; and options such as \
          `--password` or `--api-key`.
          """),
    ])
}
