import DuctSettings
import RecordText
import SlurmClient

/// Reads the command line of a run where nothing is the matter with it.
///
/// The argument parser needs five milliseconds for these options (it looks up the conformances of each
/// one's types at run time), more than everything else that happens before the command starts. So it
/// is asked only when a line is not plainly right: for help, for errors, and for what stands in it in an
/// unusual way. A test compares both over many command lines.
///
/// Looks at bytes: an accent behind a `-` or `=` would make one character with it.
enum QuickRunArguments {
  /// The options, if every word is understood; nil leaves the line to `RunArguments`.
  static func parse(_ words: [String]) -> RunOptions? {
    var options = RunOptions()
    var rest = words[...]
    while let word = rest.first, startsLikeOption(word), word.utf8.count > 1 {
      rest.removeFirst()
      if word == "--" { break }
      guard readOption(word, &rest, &options) else { return nil }
    }
    guard let command = rest.first, !command.isEmpty else { return nil }
    options.command = rest.map(\.originalBytes)
    return options
  }

  private static func startsLikeOption(_ word: String) -> Bool { word.utf8.first == UInt8(ascii: "-") }

  private static func readOption(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: inout RunOptions
  ) -> Bool {
    switch word {
    case "-q", "--quiet": options.quiet = true
    case "--colors": options.colors = true
    case "--clobber": options.clobber = true
    case "--wait-jobs": options.waitJobs = true
    default:
      if word.hasPrefix("--"), let mark = word.utf8.firstIndex(of: UInt8(ascii: "=")) {
        return set(String(word[..<mark]), String(word[word.utf8.index(after: mark)...]), &options)
      }
      // A value that looks like an option may be a forgotten value: the parser knows.
      guard let value = rest.first, !startsLikeOption(value) else { return false }
      rest.removeFirst()
      return set(word, value, &options)
    }
    return true
  }

  /// False for a name that is unknown, and for a value that is none of the choices or no number.
  private static func set(_ name: String, _ value: String, _ options: inout RunOptions) -> Bool {
    func assign<Value>(_ member: inout Value?, _ value: Value?) -> Bool {
      member = value
      return value != nil
    }
    switch name {
    case "-l", "--log-level": return assign(&options.logLevel, LogLevel(rawValue: value.uppercased()))
    case "-p", "--output-prefix": return assign(&options.outputPrefix, value)
    case "--summary-format": return assign(&options.summaryFormat, value)
    case "--sample-interval", "--s-i": return assign(&options.sampleInterval, Double(value))
    case "--report-interval", "--r-i": return assign(&options.reportInterval, Double(value))
    case "--fail-time", "--f-t": return assign(&options.failTime, Double(value))
    case "-c", "--capture-outputs":
      return assign(&options.captureOutputs, StreamSelection(rawValue: value))
    case "-o", "--outputs": return assign(&options.outputs, StreamSelection(rawValue: value))
    case "-t", "--record-types": return assign(&options.recordTypes, RecordTypes(rawValue: value))
    case "-m", "--message": return assign(&options.message, value)
    case "--mode": return assign(&options.mode, SessionMode(rawValue: value))
    case "--campaign": return assign(&options.campaign, value)
    case "--slurm": return assign(&options.slurm, SlurmMode(rawValue: value))
    case "--slurm-by": return assign(&options.slurmBy, SlurmBy(rawValue: value))
    case "--slurm-tag": return assign(&options.slurmTag, SlurmTagMode(rawValue: value))
    case "--slurm-timeout": return assign(&options.slurmTimeout, Double(value))
    case "--slurm-detect": return assign(&options.slurmDetect, value)
    case "--finalize-timeout": return assign(&options.finalizeTimeout, Double(value))
    case "--local-first": return assign(&options.localFirst, LocalFirst(rawValue: value))
    case "--spool-dir": return assign(&options.spoolDirectory, value)
    case "--spool-limit": return assign(&options.spoolLimit, ByteCount(rawValue: value))
    case "--redact": options.redact.append(value)
    case "--redact-secrets":
      return assign(&options.redactSecrets, SecretRedaction(rawValue: value))
    default: return false
    }
    return true
  }
}
