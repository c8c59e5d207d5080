internal import DuctRecords
internal import DuctSettings
internal import Logging
internal import ResilientIO
internal import SlurmJobs
internal import SystemPackage

/// What duct tells the user at the end of a run.
struct ClosingMessages {
  /// Processes that are named; of more, only the number is given.
  private static let mostNamed = 5
  /// Characters of a command line.
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

  /// - Parameter known: nil where Slurm was not to be asked.
  func showSummary(_ summary: ExecutionSummary, _ known: JobKnowledge?) {
    var text = settings.summaryFormat.render(
      summary.templateValues, colors: settings.colors, isDisplayed: true, warn: { log.warning("\($0)") })
    if let line = known.flatMap(jobsLine) {
      if !text.hasSuffix("\n") { text += "\n" }
      text += "Slurm jobs: \(line.forDisplay)\n"
    }
    log.info(prepared: text)
  }

  /// The jobs, and what is not known of them. Nil if there is nothing to report.
  private func jobsLine(_ known: JobKnowledge) -> String? {
    if !known.ledger.isEmpty {
      return JobSummary.text(known.ledger.jobs)
        + (known.problem.map { " (Slurm did not answer everything: \($0))" } ?? "")
    }
    // The user of a command that cannot have submitted jobs need not know that Slurm is down.
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

  /// Reports what waits where, and the command that delivers or removes it. Not through the log: `--quiet` must not
  /// hide it, since nobody could find it otherwise.
  ///
  /// - Parameters:
  ///   - folder: the run folder; nil where `recover` could not make use of it.
  ///   - removed: the records were to be removed, and not to be delivered.
  func report(_ leftovers: [Deliverer.Leftover], in folder: FilePath?, removed: Bool) {
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
      let size = leftover.bytes > 0 ? ", \(leftover.bytes) bytes" : ""
      let reason = leftover.failure.map { ": \($0)" } ?? ""
      return "  \(removed ? "" : "for ")\(leftover.path)\(size)\(reason)\n"
    }
    writer.write(
      lines: "con-duct: \(title)\n" + lines.joined()
        + "\(hint)\n  con-duct recover \(folder.escapedText.shellWord)\n")
  }
}
