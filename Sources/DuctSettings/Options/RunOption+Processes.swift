internal import DuctRecords
internal import RecordText

extension RunOption {
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
}
