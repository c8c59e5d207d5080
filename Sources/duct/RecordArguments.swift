import ArgumentParser
import DuctReports
import DuctSettings
import Glibc
import RecordText
import SystemCalls
import SystemPackage

/// What the subcommands that read records have in common.
enum RecordArguments {
  static let help =
    "info.json files, prefixes of records, or directories with records. (default: what the output prefix leads to)"

  /// The runs that are named. What is no record is told on standard error, and passed over.
  static func find(_ paths: [String], _ surroundings: Surroundings) -> RunFinder {
    for warning in surroundings.warnings { tell(warning) }
    let finder = RunFinder(paths, surroundings)
    for problem in finder.problems { tell("\(problem)") }
    return finder
  }
}

/// Writes to standard output, byte for byte.
func show(_ text: String) throws {
  do throws(Errno) {
    try FileDescriptor.standardOutput.writeAll(text.originalBytes)
  } catch {
    // `| head`: its reader has seen enough. Where SIGPIPE is not ignored, it has ended us already.
    if error == .brokenPipe { throw ExitCode(128 + SIGPIPE) }
    tell("cannot write to standard output: \(error.description) (\(error.name))")
    throw ExitCode(1)
  }
}

/// The columns of the terminal that standard output is; nil if it is none.
var terminalWidth: Int? {
  var size = winsize()
  guard FileDescriptor.standardOutput.isTerminal,
    ioctl(FileDescriptor.standardOutput.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
  else { return nil }
  return Int(size.ws_col)
}

/// One line on standard error. What a file name, a record or Slurm puts into it is shown as text.
func tell(_ text: String) { complain("con-duct: \(text)") }
