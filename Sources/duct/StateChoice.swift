import ArgumentParser
import DuctSettings
import RecordText
import SlurmJobs

/// The value of an option `--state`.
struct StateChoice {
  /// Slurm's words; nil if the option was not given.
  let words: [String]?

  /// - Parameter program: for messages.
  init(_ value: String?, program: String) throws {
    words = value.map { list in
      list.split(separator: ",").map { String($0).trimmed.uppercased() }.filter { !$0.isEmpty }
    }
    for word in words ?? [] where !JobState.words.contains(word) {
      throw ValidationError(
        Suggestion.unknown("state", word, among: JobState.words, program: program))
    }
    if words?.isEmpty == true { throw ValidationError("--state needs a state, such as FAILED") }
  }

  /// Nil if the option was not given.
  var states: Set<JobState>? { words.map { Set($0.map(JobState.init(rawValue:))) } }

  func chosen(_ jobs: [JobRecord]) -> [JobRecord] {
    guard let words else { return jobs }
    return jobs.filter { words.contains($0.state.rawValue) }
  }
}
