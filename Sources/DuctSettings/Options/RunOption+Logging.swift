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
}
