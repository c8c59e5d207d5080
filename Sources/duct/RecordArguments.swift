import DuctCore
import DuctReports
import RecordText
import SystemCalls
import SystemPackage

/// What the subcommands that read records have in common.
enum RecordArguments {
  static let help =
    "info.json files, prefixes of records, or directories with records. (default: what the output prefix leads to)"

  /// The runs that are named. What is no record is told on standard error, and passed over.
  static func find(_ paths: [String], _ surroundings: Surroundings) -> RunFinder {
    let finder = RunFinder(paths, surroundings)
    for problem in finder.problems { complain("con-duct: \(problem)") }
    return finder
  }
}

/// Writes to standard output, byte for byte.
func show(_ text: String) throws {
  try FileDescriptor.standardOutput.writeAll(text.originalBytes)
}
