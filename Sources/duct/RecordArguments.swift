import ArgumentParser
import DuctReports
import DuctSettings
import Glibc
import RecordText
import SystemCalls
import SystemPackage

/// What subcommands that read records share.
enum RecordArguments {
  static let help =
    "info.json files, prefixes of records, or directories with records. (default: the records at the output prefix)"

  /// Finds the runs that `paths` names. Reports what is no record on standard error, and skips it.
  ///
  /// - Parameter fields: the fields that are needed of each run; nil: everything, and its jobs.
  static func find(
    _ paths: [String], _ surroundings: Surroundings, fields: Set<String>? = nil
  ) -> RunFinder {
    for warning in surroundings.warnings { tell(warning) }
    let finder = RunFinder(paths, surroundings, fields: fields)
    for problem in finder.problems { tell("\(problem)") }
    return finder
  }
}

/// Writes to standard output, byte for byte.
func show(_ text: String) throws { try show(text.originalBytes) }

func show(_ bytes: [UInt8]) throws {
  do throws(Errno) {
    try FileDescriptor.standardOutput.writeAll(bytes)
  } catch {
    // The reader, such as `head`, has closed the pipe. Unless SIGPIPE is ignored, it has already ended this process.
    if error == .brokenPipe { throw ExitCode(128 + SIGPIPE) }
    tell("cannot write to standard output: \(error.description) (\(error.name))")
    throw ExitCode(1)
  }
}

/// The width in columns of the terminal at standard output; nil if there is no terminal.
var terminalWidth: Int? {
  var size = winsize()
  guard FileDescriptor.standardOutput.isTerminal,
    ioctl(FileDescriptor.standardOutput.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
  else { return nil }
  return Int(size.ws_col)
}

/// Writes one line to standard error. Control characters from file names, records or Slurm are shown as text.
func tell(_ text: String) { complain("con-duct: \(text)") }
