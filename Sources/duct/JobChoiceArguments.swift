import ArgumentParser
import DuctReports
import DuctSettings
import RecordText
import SlurmJobs

/// The options that select jobs of runs.
struct JobChoiceArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only jobs in these states, in Slurm's words, separated by commas: PENDING,RUNNING.",
      valueName: "states"))
  var state: String?

  @Flag(help: "Only jobs that failed, or of which a step failed.")
  var failed = false

  @Option(help: ArgumentHelp("Only jobs of this cluster.", valueName: "name"))
  var cluster: String?

  func validate() throws { _ = try choice() }

  /// - Throws: `ValidationError` if a state is unknown or a list is empty.
  func choice() throws -> JobChoice {
    var choice = JobChoice()
    choice.onlyFailed = failed
    choice.states = try state.map(states)
    choice.cluster = cluster?.lowercased()
    if cluster?.isEmpty == true { throw ValidationError("--cluster must name a cluster") }
    return choice
  }

  private func states(_ list: String) throws -> Set<JobState> {
    let words = list.split(separator: ",").map { String($0).trimmed.uppercased() }.filter { !$0.isEmpty }
    if words.isEmpty { throw ValidationError("--state must name a state, such as PENDING") }
    for word in words where !JobState.words.contains(word) {
      throw ValidationError(
        Suggestion.unknown("state", word, among: JobState.words, program: "con-duct jobs"))
    }
    return Set(words.map(JobState.init(rawValue:)))
  }
}
