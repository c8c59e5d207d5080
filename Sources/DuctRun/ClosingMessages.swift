internal import DuctRecords
internal import DuctSettings
internal import Logging
internal import ResilientIO
internal import SlurmJobs
internal import SystemPackage

/// Logs the summary at the end of a run, and reports what is left.
struct ClosingMessages {
  /// The most processes that a warning names. For further ones it gives only their number.
  private static let mostNamed = 5
  /// The most characters of a command line in a warning.
  private static let longestCommand = 60

  private let settings: RunSettings
  private let log: Logger
  private let writer: StandardErrorWriter

  init(_ settings: RunSettings, log: Logger, writer: StandardErrorWriter) {
    self.settings = settings
    self.log = log
    self.writer = writer
  }

  // MARK: The summary

  /// - Parameter known: nil if duct does not use Slurm in this run.
  func showSummary(_ summary: ExecutionSummary, _ known: JobKnowledge?) {
    // Most of the work of a summary is to make it, not to write it.
    if log.logLevel > .info { return }
    guard let template = settings.summaryFormat ?? ExecutionSummary.defaultTemplate else { return }
    var text = template.render(
      summary.templateValues, colors: settings.colors, isDisplayed: true, warn: { log.warning("\($0)") })
    if let line = known.flatMap(jobsLine) {
      if !text.hasSuffix("\n") { text += "\n" }
      text += "Slurm jobs: \(line.forDisplay)\n"
    }
    log.info(prepared: text)
  }

  /// The jobs, and why duct does not know more about them. Nil if there is nothing to report.
  private func jobsLine(_ known: JobKnowledge) -> String? {
    if !known.ledger.isEmpty {
      return JobSummary.text(known.ledger.jobs)
        + (known.problem.map { " (Slurm did not answer everything: \($0))" } ?? "")
    }
    // If the command cannot have submitted jobs, the user need not know that Slurm is down.
    guard let problem = known.problem,
      settings.slurm == .on || known.detection.hasSeenSbatch || !known.detection.mentionedIDs.isEmpty
    else { return nil }
    return "not known, since Slurm did not answer: \(problem)"
  }

  func reportRemoval() {
    let time = settings.failTime > 0 ? " in less than \(settings.failTime) seconds" : ""
    log.info("Removing log files since command failed\(time).")
  }

  // MARK: What is left

  /// Warns of processes of the command that still run.
  func warn(ofLeft left: [LeftProcessRecord]) {
    if left.isEmpty { return }
    var names = left.prefix(Self.mostNamed).map { "\($0.pid) (\(shortened($0.command.forDisplay)))" }
    if left.count > Self.mostNamed { names.append("\(left.count - Self.mostNamed) more") }
    let (processes, run, are) =
      left.count == 1 ? ("process", "runs", "is") : ("processes", "run", "are")
    log.warning(
      "\(left.count) \(processes) of the command still \(run), and \(are) left alone: \(names.joined(separator: ", "))"
    )
  }

  private func shortened(_ text: String) -> String {
    text.unicodeScalars.count <= Self.longestCommand
      ? text : String(text.unicodeScalars.prefix(Self.longestCommand - 1)) + "…"
  }

  /// Reports which files could not be delivered or removed, and the command that does it later. Writes to stderr
  /// and not to the log, because `--quiet` would hide it there, and the user could not find the files.
  ///
  /// - Parameters:
  ///   - inMemory: bytes that are in memory only, by path.
  ///   - folder: the run folder; nil if `recover` cannot use it.
  ///   - removed: true if duct should have removed the records, false if it should have delivered them.
  func report(
    _ leftovers: [Deliverer.Leftover], inMemory: [String: Int], in folder: FilePath?, removed: Bool
  ) {
    guard let folder else {
      let trouble =
        removed ? "could not be removed" : "could not be delivered, and no local disk could keep it"
      let paths = leftovers.map { "\($0.path)" }.joined(separator: ", ")
      writer.write(lines: "con-duct: \(trouble): \(paths)\n")
      return
    }
    let (title, hint) =
      removed
      ? (
        "not all log files could be removed:",
        "To remove them, once the log directory can be written, run on \(hostName()):"
      )
      : (
        "not everything could be written to the log directory. On \(hostName()) waits in \(folder):",
        "To deliver it, once the log directory can be written, run there:"
      )
    let lines = leftovers.map { leftover in
      let lost = inMemory[leftover.path.escapedText] ?? 0
      let size =
        (leftover.bytes > 0 ? ", \(leftover.bytes) bytes" : "")
        + (lost > 0 ? ", \(lost) of them lost: the disk had no room, and memory ends with duct" : "")
      let reason = leftover.failure.map { ": \($0)" } ?? ""
      return "  \(removed ? "" : "for ")\(leftover.path)\(size)\(reason)\n"
    }
    writer.write(
      lines: "con-duct: \(title)\n" + lines.joined()
        + "\(hint)\n  con-duct recover \(folder.escapedText.shellWord)\n")
  }
}
