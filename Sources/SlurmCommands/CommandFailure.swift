internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// What a command of Slurm that ended badly says of the reason.
enum CommandFailure {
  static func of(
    _ name: String, _ exit: ChildExit.Cause, _ diagnostics: String?
  ) -> SlurmFailure {
    guard case .exited = exit, let word = lastWord(diagnostics ?? "") else {
      return SlurmFailure(
        .helperDied, "\(name) ended with \(exit.words) and without an answer", diagnostics: diagnostics)
    }
    // Slurm's fatal(): there is no usable configuration.
    let isFatal = diagnostics?.contains("fatal: ") == true
    let isUnloadable = diagnostics?.contains("error while loading shared libraries") == true
    return SlurmFailure(
      isUnloadable ? .noCommand : isFatal ? .noConfiguration : .slurm, "\(name): \(word)",
      diagnostics: diagnostics)
  }

  /// The last line, without the name of the program and the like before it.
  private static func lastWord(_ text: String) -> String? {
    let lines = text.split { $0.isNewline }.map { String($0).trimmed }
    guard var line = lines.last(where: { !$0.isEmpty }) else { return nil }
    for mark in ["error: ", "fatal: "] {
      if let range = line.firstRange(of: mark) { line = String(line[range.upperBound...]) }
    }
    return line
  }
}
