internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// Derives the failure from the exit and the messages of a Slurm command.
enum CommandFailure {
  static func of(
    _ name: String, _ exit: ChildExit.Cause, _ diagnostics: String?
  ) -> SlurmFailure {
    guard case .exited = exit, let word = lastWord(diagnostics ?? "") else {
      return SlurmFailure(
        .helperDied, "\(name) ended with \(exit.words) and without an answer", diagnostics: diagnostics)
    }
    // Slurm's fatal() means that there is no usable configuration.
    let isFatal = diagnostics?.contains("fatal: ") == true
    let isUnloadable = diagnostics?.contains("error while loading shared libraries") == true
    return SlurmFailure(
      isUnloadable ? .noCommand : isFatal ? .noConfiguration : .slurm, "\(name): \(word)",
      diagnostics: diagnostics)
  }

  /// The last line, without the program's name and the severity in front.
  private static func lastWord(_ text: String) -> String? {
    let lines = text.split { $0.isNewline }.map { String($0).trimmed }
    guard var line = lines.last(where: { !$0.isEmpty }) else { return nil }
    for mark in ["error: ", "fatal: "] {
      if let range = line.firstRange(of: mark) { line = String(line[range.upperBound...]) }
    }
    return line
  }
}
