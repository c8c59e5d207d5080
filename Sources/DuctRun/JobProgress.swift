internal import RecordText
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Shows how many jobs duct waits for, in one terminal line that it overwrites.
final class JobProgress: Sendable {
  private let writer: StandardErrorWriter
  let isShown: Bool
  private let start = MonotonicInstant.now
  private let last = Monitor("")

  init(writer: StandardErrorWriter, isShown: Bool) {
    self.writer = writer
    self.isShown = isShown && FileDescriptor.standardError.isTerminal
  }

  func show(_ counts: JobCounts) {
    let active = counts.activeText
    let line =
      "Waiting for Slurm jobs: \(counts.ended) of \(counts.total) ended"
      + (active.isEmpty ? "" : ", " + active)
      + (counts.stuck > 0 ? ", \(counts.stuck) not starting" : "")
      + " (\(elapsedText(Int(MonotonicInstant.now.seconds(since: start)))); Ctrl-C stops waiting)"
    if last.update({ before in
      defer { before = line }
      return before != line
    }) {
      // Turn off automatic margins, so that the terminal cuts a line that is too long and does not wrap it.
      writer.write("\r\u{1B}[K\u{1B}[?7l" + line.forDisplay + "\u{1B}[?7h")
    }
  }

  /// Erases the line.
  func clear() {
    if isShown, last.withLock({ !$0.isEmpty }) { writer.write("\r\u{1B}[K") }
  }
}
